"""Writes behind: answered at once, and in PostgreSQL later, in their order, whatever ends in between."""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time

import psycopg2

import wire
from origin_case import MEMORY, UUID, OriginCase, memory_key, rule
from server_case import wait_until

OK = wire.Status(b"OK")
STATEMENTS = {
    "write": "behind",
    "upsert": "INSERT INTO memories VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET body = $2",
    "delete": "DELETE FROM memories WHERE id = $1",
}
PATIENCE_S = 60.0


class BehindCase(OriginCase):
    # What the database has committed, it has when it was killed.
    settings = {**OriginCase.settings, "synchronous_commit": "on"}

    def setUp(self):
        super().setUp()
        # Every statement that took effect, in the order of the database.
        self.sql(
            "CREATE TABLE history (n serial, id uuid, body text);"
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            "  INSERT INTO history (id, body) VALUES (COALESCE(NEW.id, OLD.id), NEW.body);"
            "  RETURN NULL; END $$;"
            "CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON memories"
            "  FOR EACH ROW EXECUTE FUNCTION note()"
        )

    def start_behind(self, *options: str, heard: bool = True, **words: object):
        return self.start_origin(
            rule("memory", MEMORY[1], MEMORY[-1], **{**STATEMENTS, **words}),
            options=options,
            heard=heard,
        )

    def figure(self, client: wire.Connection, name: str) -> int:
        text = client.call("INFO", "origin").decode()
        found = [line for line in text.split("\r\n") if line.startswith(f"origin_{name}:")]
        self.assertEqual(len(found), 1, msg=text)
        return int(found[0].split(":")[1])

    def await_written(self, client: wire.Connection) -> None:
        self.assertTrue(
            wait_until(lambda: self.figure(client, "writes_pending") == 0, PATIENCE_S),
            msg=client.call("INFO", "origin"),
        )

    def body(self, number: int) -> str | None:
        """What the database has."""
        rows = self.sql(f"SELECT 'row ' || body FROM memories WHERE id = '{UUID.format(number)}'")
        return rows[4:] if rows else None

    def history(self, number: int) -> list[str]:
        rows = self.sql(
            f"SELECT COALESCE(body, '-') FROM history WHERE id = '{UUID.format(number)}' ORDER BY n"
        )
        return rows.split("\n") if rows else []

    @contextlib.contextmanager
    def table_locked(self):
        """In this block nobody can write rows; the function that it gives ends that."""
        connection = psycopg2.connect(self.database.url)
        try:
            connection.cursor().execute("LOCK TABLE memories IN EXCLUSIVE MODE")
            yield connection.close
        finally:
            connection.close()

    def await_blocked(self) -> None:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        self.assertTrue(wait_until(lambda: int(self.database.psql(waiting)) >= 1, 30.0))


class Order(BehindCase):
    def test_writes_are_answered_at_once_and_reach_the_database(self):
        client = self.connect(self.start_behind())
        with self.table_locked():
            self.assertEqual(client.call("SET", memory_key(1), "new"), OK)
            self.assertEqual(client.call("GET", memory_key(1)), b"new")
            self.assertEqual(client.call("DEL", memory_key(2)), 0)
            self.assertIsNone(client.call("GET", memory_key(2)))
            self.assertEqual(self.body(1), "memory 1")
            self.assertEqual(self.figure(client, "writes_pending"), 2)
        self.await_written(client)
        self.assertEqual(self.body(1), "new")
        self.assertIsNone(self.body(2))
        self.assertEqual(self.figure(client, "writes_written"), 2)

    def test_fields_of_hashes_reach_the_database_as_objects(self):
        self.sql("CREATE TABLE users (id integer PRIMARY KEY, data jsonb)")
        words = rule(
            "u",
            "u:{id:int}",
            "SELECT data->>'name' AS name, data->>'role' AS role FROM users WHERE id = $1",
            type="hash",
            write="behind",
            upsert="INSERT INTO users VALUES ($1, $2)"
            " ON CONFLICT (id) DO UPDATE SET data = users.data || $2",
            delete="DELETE FROM users WHERE id = $1",
        )
        client = self.connect(self.start_origin(words))
        self.assertEqual(client.call("HSET", "u:1", "name", 'A"da', "role", "x"), 2)
        self.assertEqual(client.call("HSET", "u:1", "role", "admin"), 1)
        # Neither leaves a hash in memory that may lack what the database has: it is loaded once they are written.
        self.assertEqual(client.call("HMGET", "u:1", "name", "role"), [b'A"da', b"admin"])
        self.assertEqual(client.call("DEL", "u:1"), 1)
        self.await_written(client)
        self.assertEqual(self.sql("SELECT count(*) FROM users"), "0")

    def test_the_writes_of_each_key_keep_their_order(self):
        server = self.start_behind()
        keys, writers, rounds = 10, 4, 300

        def write(writer: int) -> None:
            chosen = random.Random(writer)
            with server.connect(60.0) as client:
                for start in range(0, rounds, 20):
                    requests = []
                    for n in range(start, start + 20):
                        key = memory_key(1 + chosen.randrange(keys)).encode()
                        requests.append(wire.encode([b"SET", key, b"%d-%06d" % (writer, n)]))
                    client.send(b"".join(requests))
                    for _ in requests:
                        client.read()

        threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client = self.connect(server)
        self.await_written(client)
        written = self.figure(client, "writes_written")
        replaced = self.figure(client, "writes_replaced")
        self.assertEqual(written + replaced, writers * rounds)
        for number in range(1, keys + 1):
            self.assertEqual(client.call("GET", memory_key(number)).decode(), self.body(number))
            history = self.history(number)
            for writer in range(writers):
                mine = [body for body in history if body.startswith(f"{writer}-")]
                self.assertEqual(mine, sorted(mine))

    def test_what_waits_is_not_loaded_from_the_database(self):
        client = self.connect(self.start_behind())
        with self.table_locked():
            self.assertEqual(client.call("SET", memory_key(1), "new", "PX", 1), OK)
            self.await_blocked()
            time.sleep(0.01)
            before = self.queries()
            self.assertEqual(client.call("GET", memory_key(1)), b"new")
            self.assertEqual(self.queries(), before)
        self.await_written(client)
        self.assertEqual(client.call("GET", memory_key(1)), b"new")

    def test_a_trigger_that_tells_of_our_own_writes_does_no_harm(self):
        client = self.connect(self.start_behind())
        self.assertEqual(client.call("ORIGIN", "INSTALL", "memory"), OK)
        for number in range(1, 300):
            self.assertEqual(client.call("SET", memory_key(5), f"value {number}"), OK)
            self.assertEqual(client.call("GET", memory_key(5)), b"value %d" % number)
        self.await_written(client)
        self.await_value(client, memory_key(5), b"value 299")


class Failures(BehindCase):
    def test_a_database_that_is_down_gets_the_writes_when_it_is_back(self):
        client = self.connect(self.start_behind())
        self.assertEqual(client.call("SET", memory_key(1), "before"), OK)
        self.await_written(client)
        self.database.stop()
        for number in range(1, 201):
            self.assertEqual(client.call("SET", memory_key(number), f"down {number}"), OK)
        self.assertEqual(client.call("DEL", memory_key(200)), 1)
        self.await_info(client, "origin_breaker", "open")
        self.assertEqual(client.call("GET", memory_key(7)), b"down 7")
        self.assertEqual(self.figure(client, "writes_pending"), 201)
        self.assertGreaterEqual(self.figure(client, "writes_retried"), 1)
        self.database.start()
        self.await_written(client)
        for number in (1, 7, 199):
            self.assertEqual(self.body(number), f"down {number}")
        self.assertIsNone(self.body(200))
        self.assertEqual(self.figure(client, "writes_dropped"), 0)
        self.assertEqual(self.figure(client, "writes_written"), 202)

    def test_a_database_that_is_killed_while_it_writes_loses_nothing(self):
        client = self.connect(self.start_behind())
        for number in range(1, 500):
            self.assertEqual(client.call("SET", memory_key(number), f"new {number}"), OK)
            if number == 250:
                self.database.kill()
        self.database.start()
        self.await_written(client)
        count = self.sql("SELECT count(*) FROM memories WHERE body LIKE 'new %'")
        self.assertEqual(count, "499")

    def test_what_is_refused_for_good_is_dropped_and_told_once(self):
        self.sql("ALTER TABLE memories ADD CHECK (body NOT LIKE 'bad%')")
        server = self.start_behind()
        client = self.connect(server)
        with self.table_locked():
            for number in range(1, 101):
                text = "bad" if number % 20 == 0 else "good"
                self.assertEqual(client.call("SET", memory_key(number), f"{text} {number}"), OK)
        self.await_written(client)
        self.assertEqual(self.figure(client, "writes_dropped"), 5)
        self.assertEqual(self.figure(client, "writes_written"), 95)
        for number in (1, 19, 21, 99):
            self.assertEqual(self.body(number), f"good {number}")
        # The cache has again what the database has.
        self.await_value(client, memory_key(20), b"memory 20")
        self.assertEqual(server.log().count("the database refuses a write"), 1)
        stats = client.call("ORIGIN", "STATS", "memory")
        figures = dict(zip(stats[::2], stats[1::2]))
        self.assertEqual(figures[b"writes_dropped"], 5)
        self.assertEqual(figures[b"writes_pending"], 0)

    def test_a_row_that_is_locked_holds_up_its_own_key_alone(self):
        client = self.connect(self.start_behind(timeout_ms=200))
        connection = psycopg2.connect(self.database.url)
        try:
            locked = UUID.format(1)
            connection.cursor().execute(f"SELECT 1 FROM memories WHERE id = '{locked}' FOR UPDATE")
            for number in range(1, 51):
                self.assertEqual(client.call("SET", memory_key(number), "new"), OK)
            self.assertTrue(
                wait_until(lambda: self.figure(client, "writes_pending") == 1, PATIENCE_S),
                msg=client.call("INFO", "origin"),
            )
            self.assertEqual(self.body(50), "new")
            self.assertEqual(self.body(1), "memory 1")
        finally:
            connection.close()
        self.await_written(client)
        self.assertEqual(self.body(1), "new")

    def test_a_full_journal_refuses_writes(self):
        client = self.connect(self.start_behind("--origin-journal-rows-max", "10"))
        self.database.stop()
        for number in range(1, 11):
            self.assertEqual(client.call("SET", memory_key(number), "new"), OK)
        for _ in range(3):
            reply = client.call("SET", memory_key(11), "new")
            self.assertIsInstance(reply, wire.Error)
            self.assertTrue(reply.text.startswith(b"ORIGINBUSY the journal of writes is full"))
        self.assertEqual(client.call("EXISTS", memory_key(11)), 0)
        self.assertEqual(client.call("SET", "other", "x"), OK)
        self.assertEqual(client.call("CONFIG", "SET", "origin-journal-rows-max", 11), OK)
        self.assertEqual(client.call("SET", memory_key(11), "new"), OK)
        self.database.start()
        self.await_written(client)
        self.assertEqual(client.call("SET", memory_key(12), "new"), OK)
        self.await_written(client)
        self.assertEqual(self.sql("SELECT count(*) FROM memories WHERE body = 'new'"), "12")


class Switches(BehindCase):
    """Another database takes the place of the one for which writes wait, or none does."""

    def setUp(self):
        super().setUp()
        self.database.psql("CREATE DATABASE other OWNER app", database="postgres")
        self.addCleanup(
            self.database.psql, "DROP DATABASE other WITH (FORCE)", database="postgres"
        )
        self.sql_of_other("CREATE TABLE memories (id uuid PRIMARY KEY, body text)")
        self.other_url = self.database.url.replace("/app?", "/other?")

    def sql_of_other(self, text: str) -> str:
        return self.database.psql(text, database="other", role="app")

    def switch(self, client: wire.Connection, url: str) -> None:
        self.assertEqual(client.call("CONFIG", "SET", "origin-url", url), OK)

    def test_what_waits_goes_to_the_database_that_takes_its_place(self):
        server = self.start_behind(timeout_ms=60_000)
        client = self.connect(server)
        with self.table_locked():
            for number in range(1, 51):
                self.assertEqual(client.call("SET", memory_key(number), f"new {number}"), OK)
            self.await_blocked()
            self.switch(client, self.other_url)
            self.await_written(client)
        rows = "SELECT count(*) FROM memories WHERE body LIKE 'new %'"
        self.assertEqual(self.sql_of_other(rows), "50")
        self.assertEqual(self.sql(rows), "0")
        self.assertIn("50 writes that wait in the journal go to the database", server.log())

    def test_without_a_database_it_waits_for_one(self):
        server = self.start_behind(timeout_ms=60_000)
        client = self.connect(server)
        with self.table_locked():
            self.assertEqual(client.call("SET", memory_key(1), "new"), OK)
            self.await_blocked()
            self.switch(client, "")
        self.assertIn("1 writes wait in the journal until", server.log())
        self.assertIn("there is no origin", str(client.call("SET", memory_key(2), "new")))
        self.assertEqual(client.call("GET", memory_key(1)), b"new")
        self.assertEqual(self.figure(client, "writes_pending"), 1)
        self.assertEqual(self.body(1), "memory 1")
        self.switch(client, self.database.url)
        self.await_written(client)
        self.assertEqual(self.body(1), "new")

    def test_it_can_be_kept_from_the_database_that_comes(self):
        client = self.connect(self.start_behind(timeout_ms=60_000))
        with self.table_locked():
            self.assertEqual(client.call("SET", memory_key(1), "new"), OK)
            self.await_blocked()
            self.switch(client, "")

        def dropped() -> bool:
            client.call("ORIGIN", "DISCARD", "memory")
            return self.figure(client, "writes_pending") == 0

        # Not before what was being written has ended.
        self.assertTrue(wait_until(dropped, PATIENCE_S))
        self.switch(client, self.other_url)
        self.assertEqual(client.call("SET", memory_key(2), "new"), OK)
        self.await_written(client)
        self.assertEqual(self.sql_of_other("SELECT count(*) FROM memories"), "1")


class Restarts(BehindCase):
    def restart(self, server) -> wire.Connection:
        server.start()
        return self.connect(server)

    def test_what_waits_outlives_kill_9(self):
        server = self.start_behind()
        client = self.connect(server)
        self.database.stop()
        for number in range(1, 101):
            self.assertEqual(client.call("SET", memory_key(number), f"new {number}"), OK)
        self.assertEqual(client.call("DEL", memory_key(100)), 1)
        server.end(signal.SIGKILL)
        client = self.restart(server)
        self.assertEqual(self.figure(client, "writes_pending"), 101)
        # Nothing is in memory, and the database has not got it yet.
        self.assertEqual(client.call("GET", memory_key(7)), b"new 7")
        self.assertIsNone(client.call("GET", memory_key(100)))
        self.database.start()
        self.await_written(client)
        for number in (1, 50, 99):
            self.assertEqual(self.body(number), f"new {number}")
        self.assertIsNone(self.body(100))

    def test_kill_9_under_load_loses_nothing_that_was_answered(self):
        server = self.start_behind()
        keys = 8
        answered = [0] * (keys + 1)

        def write(key: int) -> None:
            with contextlib.suppress(OSError, wire.Closed), server.connect(30.0) as client:
                for number in range(1, 1_000_000):
                    if client.call("SET", memory_key(key), str(number)) != OK:
                        return
                    answered[key] = number

        for _ in range(2):
            threads = [threading.Thread(target=write, args=(key,)) for key in range(1, keys + 1)]
            for key in range(1, keys + 1):
                answered[key] = 0
            for thread in threads:
                thread.start()
            self.assertTrue(wait_until(lambda: min(answered[1:]) > 100, PATIENCE_S))
            server.end(signal.SIGKILL)
            for thread in threads:
                thread.join()
            client = self.restart(server)
            self.await_written(client)
            for key in range(1, keys + 1):
                # The last that was sent may have been done, too.
                self.assertIn(int(self.body(key)) - answered[key], (0, 1))
                self.assertEqual(client.call("GET", memory_key(key)).decode(), self.body(key))

    def test_an_orderly_shutdown_writes_what_waits(self):
        server = self.start_behind("--origin-drain-ms", "60000")
        client = self.connect(server)
        with self.table_locked() as unlock:
            for number in range(1, 501):
                self.assertEqual(client.call("SET", memory_key(number), f"new {number}"), OK)
            self.await_blocked()
            server.process.send_signal(signal.SIGTERM)
            self.assertTrue(wait_until(lambda: "writes wait for the origin" in server.log(), 30.0))
            self.assertTrue(server.alive())
            unlock()
            self.assertEqual(server.process.wait(60.0), 0)
        count = self.sql("SELECT count(*) FROM memories WHERE body LIKE 'new %'")
        self.assertEqual(count, "500")
        self.assertNotIn("stay in the journal", server.log())

    def test_an_orderly_shutdown_takes_no_longer_than_it_may(self):
        server = self.start_behind("--origin-drain-ms", "300", timeout_ms=60_000)
        client = self.connect(server)
        with self.table_locked():
            for number in range(1, 11):
                self.assertEqual(client.call("SET", memory_key(number), "new"), OK)
            self.await_blocked()
            self.assertEqual(server.end(), 0)
            self.assertIn("10 writes stay in the journal until the next start", server.log())
        client = self.restart(server)
        self.await_written(client)
        self.assertEqual(self.sql("SELECT count(*) FROM memories WHERE body = 'new'"), "10")

    def test_a_rule_that_is_missing_at_the_start_finds_its_writes_later(self):
        server = self.start_behind()
        client = self.connect(server)
        self.database.stop()
        self.assertEqual(client.call("SET", memory_key(1), "new"), OK)
        server.end(signal.SIGKILL)
        words = server.options[server.options.index("--origin-rule") + 1 :]
        del server.options[server.options.index("--origin-rule") :]
        client = self.restart(server)
        self.assertEqual(self.figure(client, "journal_set_aside"), 1)
        self.database.start()
        self.assertEqual(client.call("ORIGIN", "SET", *words), OK)
        self.await_written(client)
        self.assertEqual(self.body(1), "new")

    def test_a_damaged_journal_is_told_and_left_alone(self):
        server = self.start_behind()
        client = self.connect(server)
        self.database.stop()
        for number in range(1, 4):
            self.assertEqual(client.call("SET", memory_key(number), "new"), OK)
        server.end(signal.SIGKILL)
        path = f"{server.directory}/origin.journal"
        with open(path, "rb") as file:
            whole = file.read()
        damaged = bytearray(whole)
        damaged[60] ^= 0x40
        with open(path, "wb") as file:
            file.write(damaged)
        client = self.restart(server)
        reply = client.call("SET", memory_key(9), "new")
        self.assertIsInstance(reply, wire.Error)
        self.assertIn(b"is damaged at byte", reply.text)
        self.assertEqual(client.call("SET", "other", "x"), OK)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), bytes(damaged))
