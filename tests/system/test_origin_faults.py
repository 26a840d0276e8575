"""What may happen to the database behind the cache: slow and half-open networks, restarts, wrong passwords,
dropped tables. Each leaves other keys at full speed, and heals by itself."""

from __future__ import annotations

import contextlib
import os
import time
from unittest import mock

import wire
from fault_proxy import FaultProxy
from origin_case import MEMORY, OriginCase, memory_key, rule
from server_case import HealthyClient, wait_until

OK = wire.Status(b"OK")
TIMEOUT_MS = 300
# From a time-out to the reply, on a busy machine.
SLACK_S = 1.5


class FaultCase(OriginCase):
    def setUp(self):
        super().setUp()
        self.proxy = FaultProxy(("127.0.0.1", self.database.port))
        self.addCleanup(self.proxy.close)
        self.next = 0

    def start_behind_proxy(self, **options: object):
        """Values that are there are served when the database does not answer."""
        options = {"ttl": 3600, "stale_ttl": 3600, "timeout_ms": TIMEOUT_MS, **options}
        words = rule("memory", MEMORY[1], MEMORY[-1], **options)
        return self.start_origin(words, url=self.database.tcp_url(self.proxy.port))

    def fresh_key(self) -> str:
        """A key of the database that was never asked for."""
        self.next += 1
        return memory_key(self.next)

    def timed_get(self, client: wire.Connection) -> tuple[bytes | None, float]:
        began = time.monotonic()
        value = client.call("GET", self.fresh_key())
        return value, time.monotonic() - began

    def await_healed(self, client: wire.Connection, seconds: float = 45.0) -> None:
        """Misses fill themselves again."""
        self.assertTrue(
            wait_until(lambda: self.timed_get(client)[0] is not None, seconds),
            msg="misses stay misses",
        )

    @contextlib.contextmanager
    def others_unharmed(self, server, client: wire.Connection):
        """In this block values that are there are served, and other keys, at full speed."""
        with HealthyClient(server) as healthy:
            yield
            self.assertEqual(client.call("GET", memory_key(1000)), b"memory 1000")
        healthy.check(self)

    def warm(self, client: wire.Connection) -> None:
        self.await_value(client, memory_key(1000), b"memory 1000")


class Network(FaultCase):
    def test_delays_shorter_than_the_time_out_are_waited_for(self):
        server = self.start_behind_proxy(timeout_ms=20_000)
        client = self.connect(server)
        self.warm(client)
        self.proxy.delay(0.02)
        with self.others_unharmed(server, client):
            self.assertIsNotNone(self.timed_get(client)[0])

    def test_delays_beyond_the_time_out_are_misses(self):
        server = self.start_behind_proxy()
        client = self.connect(server)
        self.warm(client)
        self.proxy.delay(2.0)
        with self.others_unharmed(server, client):
            value, took_s = self.timed_get(client)
            self.assertIsNone(value)
            self.assertLess(took_s, TIMEOUT_MS / 1000 + SLACK_S)
        self.proxy.heal()
        self.await_healed(client)

    def test_a_connection_that_was_cut_while_idle_is_replaced_unseen(self):
        server = self.start_behind_proxy(timeout_ms=20_000)
        client = self.connect(server)
        self.warm(client)
        for _ in range(5):
            self.proxy.cut()
            self.assertIsNotNone(self.timed_get(client)[0])

    def test_half_open_connections_cost_a_time_out_and_then_nothing(self):
        server = self.start_behind_proxy()
        client = self.connect(server)
        self.warm(client)
        self.proxy.swallow()
        with self.others_unharmed(server, client):
            value, took_s = self.timed_get(client)
            self.assertIsNone(value)
            self.assertLess(took_s, TIMEOUT_MS / 1000 + SLACK_S)
            # After so many failures nobody waits any more.
            self.assertTrue(
                wait_until(lambda: self.timed_get(client)[1] < TIMEOUT_MS / 2000, 30.0),
                msg="every miss waits for its time-out",
            )
        self.proxy.heal()
        self.await_healed(client)

    def test_writes_through_half_open_connections_fail_in_time(self):
        server = self.start_behind_proxy(
            write="through",
            upsert="INSERT INTO memories VALUES ($1, $2)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            delete="DELETE FROM memories WHERE id = $1",
        )
        client = self.connect(server)
        self.warm(client)
        self.assertEqual(client.call("SET", memory_key(1), "before"), OK)
        self.proxy.swallow()
        with HealthyClient(server) as healthy:
            # The first finds its connection dead, the others wait for a new one, until nobody is asked any more.
            for _ in range(8):
                began = time.monotonic()
                reply = client.call("SET", memory_key(1), "after")
                self.assertLess(time.monotonic() - began, TIMEOUT_MS / 1000 + SLACK_S)
                self.assertIsInstance(reply, wire.Error)
                self.assertTrue(reply.text.startswith(b"ORIGINERR"), msg=reply)
        healthy.check(self)
        self.proxy.heal()
        self.assertTrue(
            wait_until(lambda: client.call("SET", memory_key(1), "healed") == OK, 45.0)
        )
        self.assertEqual(
            self.sql("SELECT body FROM memories WHERE id = '" + memory_key(1)[7:] + "'"), "healed"
        )

    def test_refused_connections_are_misses(self):
        server = self.start_behind_proxy()
        client = self.connect(server)
        self.warm(client)
        self.proxy.refuse()
        self.proxy.cut()
        with self.others_unharmed(server, client):
            self.assertIsNone(self.timed_get(client)[0])
        self.proxy.heal()
        self.await_healed(client)


class Database(FaultCase):
    def start_direct(self, heard: bool = True):
        words = rule("memory", MEMORY[1], MEMORY[-1], ttl=3600, stale_ttl=3600, timeout_ms=1000)
        return self.start_origin(words, heard=heard)

    def test_restart(self):
        server = self.start_direct()
        client = self.connect(server)
        self.warm(client)
        self.database.stop()
        with self.others_unharmed(server, client):
            self.assertIsNone(self.timed_get(client)[0])
        self.database.start()
        self.await_healed(client)

    def test_kill(self):
        server = self.start_direct()
        client = self.connect(server)
        self.warm(client)
        self.database.psql("CHECKPOINT")
        self.database.kill()
        with self.others_unharmed(server, client):
            self.assertIsNone(self.timed_get(client)[0])
        self.database.start()
        self.await_healed(client)

    def test_a_database_that_comes_after_the_server(self):
        self.database.stop()
        server = self.start_direct(heard=False)
        client = self.connect(server)
        self.assertIsNone(self.timed_get(client)[0])
        self.database.start()
        self.await_healed(client)

    def test_a_wrong_password_is_told_and_can_be_put_right(self):
        words = rule("memory", MEMORY[1], MEMORY[-1], ttl=3600)
        server = self.start_origin(words, url=self.database.tcp_url(password="wrong"), heard=False)
        client = self.connect(server)
        with HealthyClient(server) as healthy:
            for _ in range(5):
                self.assertIsNone(self.timed_get(client)[0])
        healthy.check(self)
        self.assertTrue(wait_until(lambda: "password authentication failed" in server.log()))
        self.assertEqual(client.call("CONFIG", "SET", "origin-url", self.database.tcp_url()), OK)
        self.await_healed(client)

    def test_the_password_may_be_in_a_file(self):
        from postgres import PASSWORD

        server = self.start_origin(MEMORY, url=self.database.tcp_url(password="wrong"), heard=False)
        client = self.connect(server)
        path = f"{server.directory}/password"
        with open(path, "w") as file:
            file.write(PASSWORD + "\n")
        self.assertEqual(client.call("CONFIG", "SET", "origin-password-file", path), OK)
        self.await_healed(client)

    def test_the_password_may_be_in_the_environment(self):
        from postgres import PASSWORD

        with mock.patch.dict(os.environ, {"PGPASSWORD": PASSWORD}):
            server = self.start_origin(MEMORY, url=self.database.tcp_url(password=None))
        client = self.connect(server)
        self.assertIsNotNone(self.timed_get(client)[0])

    def test_an_address_that_can_be_none_is_refused(self):
        server = self.start_direct()
        client = self.connect(server)
        for name in ("origin-url", "origin-listen-url"):
            reply = client.call("CONFIG", "SET", name, "garbage://x")
            self.assertIsInstance(reply, wire.Error)
            self.assertIn(b"connection info string", reply.text)
        self.assertIsNotNone(self.timed_get(client)[0])

    def test_why_a_table_is_no_longer_read_is_shown(self):
        server = self.start_origin()
        client = self.connect(server)
        self.warm(client)
        self.sql("ALTER TABLE memories RENAME TO gone")
        for _ in range(3):
            self.assertIsNone(self.timed_get(client)[0])
        shown = client.call("ORIGIN", "GET", "memory")
        why = b'relation "memories" does not exist'
        self.assertEqual(shown[shown.index(b"trouble") + 1], why)
        self.await_info(client, "origin_last_error", why.decode())
        self.assertEqual(server.log().count(why.decode()), 1)

    def test_a_dropped_table_is_an_error_of_its_rule_alone(self):
        server = self.start_origin(
            rule("memory", MEMORY[1], MEMORY[-1], on_error="error"),
            rule("echo", "echo:{t:text}", "SELECT $1"),
        )
        client = self.connect(server)
        self.warm(client)
        self.sql("ALTER TABLE memories RENAME TO gone")
        for _ in range(20):
            reply = self.timed_get(client)[0]
            self.assertIsInstance(reply, wire.Error)
            self.assertTrue(reply.text.startswith(b"ORIGINERR"), msg=reply)
        # No failure of the database: the other rule goes on.
        self.assertEqual(client.call("GET", "echo:a"), b"a")
        self.assertEqual(client.call("GET", memory_key(1000)), b"memory 1000")
        self.sql("ALTER TABLE gone RENAME TO memories")
        self.assertTrue(wait_until(lambda: isinstance(self.timed_get(client)[0], bytes)))

    def test_a_slow_query_is_ended_by_the_database(self):
        words = rule("slow", "slow:{s:int}", "SELECT pg_sleep($1)::text", timeout_ms=TIMEOUT_MS)
        server = self.start_origin(MEMORY, words)
        client = self.connect(server)
        self.warm(client)
        with self.others_unharmed(server, client):
            began = time.monotonic()
            self.assertIsNone(client.call("GET", "slow:60"))
            self.assertLess(time.monotonic() - began, TIMEOUT_MS / 1000 + SLACK_S)
        self.assertTrue(
            wait_until(
                lambda: self.database.psql(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
                )
                == "0"
            )
        )
