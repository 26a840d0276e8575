"""Writes through: in PostgreSQL before they are in memory. Whatever else happens to a key meanwhile, in the end the
cache holds what the database does, or nothing."""

from __future__ import annotations

import random
import threading
import time

import wire
from fault_proxy import FaultProxy
from origin_case import MEMORY, UUID, OriginCase, memory_key, rule
from postgres import Postgres
from server_case import wait_until
from test_origin_changes import ChangeCase

OK = wire.Status(b"OK")
THROUGH = {
    "write": "through",
    "upsert": "INSERT INTO memories VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET body = $2",
    "delete": "DELETE FROM memories WHERE id = $1",
}
# Commits that take as long as this expression says, in seconds.
SLOW_COMMITS = (
    "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN PERFORM pg_sleep({}); RETURN NULL; END $$;"
    "CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT OR UPDATE ON memories"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()"
)


class ThroughCase(ChangeCase):
    def body(self, number: int) -> bytes | None:
        """What the database has."""
        rows = self.sql(f"SELECT 'row ' || body FROM memories WHERE id = '{UUID.format(number)}'")
        return rows[4:].encode() if rows else None

    def await_commits(self) -> None:
        """A transaction is being committed."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'"
        self.assertTrue(wait_until(lambda: self.database.psql(query) != "0", 30.0))

    def await_no_commits(self) -> None:
        query = "SELECT count(*) FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'"
        self.assertTrue(wait_until(lambda: self.database.psql(query) == "0", 30.0))


class Order(ThroughCase):
    SECONDS = 4.0
    KEYS = range(1, 6)

    def write_at_random(self, server, seed: int, until: float, problems: list[str]) -> None:
        chosen = random.Random(seed)
        count = 0
        with server.connect(30.0) as client:
            while time.monotonic() < until:
                key = memory_key(chosen.choice(self.KEYS))
                count += 1
                if chosen.random() < 0.1:
                    reply = client.call("DEL", key)
                else:
                    reply = client.call("SET", key, f"{seed} {count}")
                if isinstance(reply, wire.Error):
                    problems.append(f"{reply!r}")

    def check_that_they_agree(self, server, client, *, foreign: bool) -> None:
        until = time.monotonic() + self.SECONDS
        problems: list[str] = []
        threads = [
            threading.Thread(target=self.write_at_random, args=(server, seed, until, problems))
            for seed in range(6)
        ]
        for thread in threads:
            thread.start()
        turn = 0
        while time.monotonic() < until:
            turn += 1
            if foreign:
                self.change(random.choice(self.KEYS), f"foreign {turn}")
            client.call("GET", memory_key(random.choice(self.KEYS)))
            time.sleep(0.01)
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        if foreign:
            self.await_heard(client)
        for number in self.KEYS:
            self.assertEqual(client.call("GET", memory_key(number)), self.body(number))

    def test_writers_of_the_same_keys(self):
        self.sql(SLOW_COMMITS.format("random() * 0.01"))
        words = rule("memory", MEMORY[1], MEMORY[-1], ttl=3600, **THROUGH)
        server = self.start_origin(words, options=("--io-threads", "3"))
        self.check_that_they_agree(server, self.connect(server), foreign=False)

    def test_writers_of_the_same_keys_and_changes_of_others(self):
        server, client = self.start_listening(**THROUGH)
        self.sql(SLOW_COMMITS.format("random() * 0.01"))
        self.check_that_they_agree(server, client, foreign=True)

    def test_a_change_that_is_heard_of_before_the_command_is_done_here(self):
        words = rule("memory", MEMORY[1], MEMORY[-1], ttl=3600, **THROUGH)
        server = self.start_origin(words, options=("--io-threads", "1"))
        client, other = self.connect(server), self.connect(server)
        self.assertEqual(client.call("ORIGIN", "INSTALL", "memory"), OK)
        self.await_heard(client)
        self.sql(SLOW_COMMITS.format("CASE WHEN NEW.body = 'mine' THEN 0.5 ELSE 0 END"))
        client.send(wire.encode([b"SET", memory_key(1).encode(), b"mine"]))
        self.await_commits()
        other.send(wire.encode([b"DEBUG", b"SLEEP", b"2"]))
        self.await_no_commits()
        self.change(1, "foreign")
        self.assertEqual(other.read(), OK)
        self.assertEqual(client.read(), OK)
        self.await_value(client, memory_key(1), b"foreign")
        self.assertEqual(self.body(1), b"foreign")


class Unfinished(ThroughCase):
    """The database commits, and the server does not learn of it, or nobody is left to whom it matters."""

    def start_behind_proxy(self):
        self.sql(SLOW_COMMITS.format("CASE WHEN NEW.body = 'second' THEN 1 ELSE 0 END"))
        self.proxy = FaultProxy(("127.0.0.1", self.database.port))
        self.addCleanup(self.proxy.close)
        words = rule("memory", MEMORY[1], MEMORY[-1], **THROUGH)
        server = self.start_origin(words, url=self.database.tcp_url(self.proxy.port))
        client = self.connect(server)
        self.assertEqual(client.call("SET", memory_key(1), "first"), OK)
        client.send(wire.encode([b"SET", memory_key(1).encode(), b"second"]))
        self.await_commits()
        return server, client

    def expect_second(self, client: wire.Connection) -> None:
        self.assertTrue(wait_until(lambda: self.body(1) == b"second", 30.0))
        self.await_value(client, memory_key(1), b"second")

    def test_a_connection_that_is_cut_while_the_database_commits(self):
        server, client = self.start_behind_proxy()
        self.proxy.cut()
        reply = client.read()
        self.assertIsInstance(reply, wire.Error)
        self.assertTrue(str(reply).find("the outcome is unknown") >= 0, msg=repr(reply))
        self.await_info(client, "origin_listening", 1)
        self.expect_second(client)

    def test_a_client_that_is_gone_when_the_database_has_committed(self):
        server, client = self.start_behind_proxy()
        other = self.connect(server)
        killed = other.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self.assertGreaterEqual(killed, 1)
        self.expect_second(other)


class Deafness(ThroughCase):
    """What clients have written is not believed either when changes may have gone unheard."""

    def check(self, **options: object) -> None:
        proxy = FaultProxy(("127.0.0.1", self.database.port))
        self.addCleanup(proxy.close)
        words = rule("memory", MEMORY[1], MEMORY[-1], ttl=3600, **options)
        listen = ("--origin-listen-url", self.database.tcp_url(proxy.port))
        server = self.start_origin(words, options=listen)
        client = self.connect(server)
        self.assertEqual(client.call("ORIGIN", "INSTALL", "memory"), OK)
        # Two are written before changes go unheard, one after.
        for number in (1, 2):
            self.assertEqual(client.call("SET", memory_key(number), "mine", "EX", 3000), OK)
        proxy.refuse()
        proxy.cut()
        self.await_info(client, "origin_listening", 0)
        self.assertEqual(client.call("SET", memory_key(3), "mine", "EX", 3000), OK)
        for number in (1, 3):
            self.change(number, "foreign")
        proxy.heal()
        self.await_info(client, "origin_listening", 1)
        for number in (1, 2, 3):
            self.assertEqual(client.call("GET", memory_key(number)), self.body(number))

    def test_with_write_through(self):
        self.check(**THROUGH)

    def test_with_writes_that_are_not_passed_on(self):
        self.check()


class Triggers(ThroughCase):
    def define(self, client: wire.Connection, *options: str):
        return client.call(
            "ORIGIN", "SET", "kv", "kv:{k:text}", *options, "query", "SELECT 'x' || $1"
        )

    def triggers(self) -> str:
        return self.sql(
            "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'alai_%') || ' ' ||"
            " (SELECT count(*) FROM pg_proc WHERE proname LIKE 'alai_%')"
        )

    def test_a_trigger_that_would_break_writes_is_not_created(self):
        self.sql("CREATE TABLE kv (k text PRIMARY KEY, v text)")
        client = self.connect(self.start_origin())
        reply = self.define(client, "table", "kv", "columns", "nosuch")
        self.assertIn('has no column "nosuch"', str(reply))
        self.assertIn("does not exist", str(self.define(client, "table", "nosuch", "columns", "k")))
        self.assertIsNone(client.call("ORIGIN", "GET", "kv"))
        self.assertEqual(self.define(client, "table", "public.kv", "columns", "k"), OK)
        self.sql("ALTER TABLE kv RENAME COLUMN k TO renamed")
        self.assertIn('has no column "k"', str(client.call("ORIGIN", "INSTALL", "kv")))
        self.sql("INSERT INTO kv VALUES ('a', 'b')")
        self.assertEqual(self.triggers(), "0 0")

    def test_a_trigger_is_dropped(self):
        client = self.connect(self.start_origin())
        self.assertEqual(client.call("ORIGIN", "INSTALL", "memory"), OK)
        self.assertEqual(self.triggers(), "2 1")
        self.assertEqual(client.call("ORIGIN", "UNINSTALL", "memory"), OK)
        self.assertEqual(self.triggers(), "0 0")
        self.assertEqual(client.call("ORIGIN", "UNINSTALL", "memory"), OK)


class Failover(OriginCase):
    def setUp(self):
        super().setUp()
        self.database.stop()
        self.standby = Postgres(copy_of=self.database, **self.settings)
        self.addCleanup(self.standby.close)
        self.database.start()

    def start_through(self, url: str, heard: bool):
        words = rule("memory", MEMORY[1], MEMORY[-1], ttl=3600, **THROUGH)
        server = self.start_origin(words, url=url, heard=heard)
        return server, self.connect(server)

    def await_written(self, client: wire.Connection, key: str, value: str) -> None:
        last: list[object] = []

        def written() -> bool:
            last[:] = [client.call("SET", key, value)]
            return last == [OK]

        self.assertTrue(wait_until(written, 60.0), msg=f"{last}")

    def test_a_standby_takes_no_writes_and_is_read_all_the_same(self):
        server, client = self.start_through(self.standby.url, heard=False)
        self.await_value(client, memory_key(1), b"memory 1")
        for _ in range(10):
            reply = client.call("SET", memory_key(1), "new")
            self.assertIn("the database takes no writes", str(reply))
        for number in range(2, 10):
            self.assertEqual(client.call("GET", memory_key(number)), b"memory %d" % number)
        self.standby.promote()
        self.await_written(client, memory_key(1), "new")
        self.assertEqual(client.call("GET", memory_key(1)), b"new")

    def test_the_standby_of_two_hosts_takes_over(self):
        hosts = f"host={self.database.directory},{self.standby.directory}"
        ports = f"port={self.database.port},{self.standby.port}"
        url = f"postgresql://app@/app?{hosts}&{ports}&target_session_attrs=read-write"
        server, client = self.start_through(url, heard=True)
        self.assertEqual(client.call("SET", memory_key(1), "before"), OK)
        self.database.kill()
        self.assertTrue(
            wait_until(
                lambda: isinstance(client.call("SET", memory_key(1), "lost"), wire.Error), 30.0
            )
        )
        self.standby.promote()
        self.await_written(client, memory_key(2), "after")
        self.assertEqual(self.standby.psql("SELECT body FROM memories WHERE body = 'after'"), "after")
        # Changes are heard from the one that took over, which never had what the other had last.
        self.await_info(client, "origin_listening", 1)
        self.await_value(client, memory_key(1), b"memory 1", 60.0)
