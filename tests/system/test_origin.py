"""Read-through from PostgreSQL: misses fill themselves, for every type and every read command; a key that many
ask for is loaded once; absence, age and time-outs."""

from __future__ import annotations

import random
import threading
import time

import wire
from origin_case import HELD, MEMORY, OriginCase, memory_key, rule
from server_case import HealthyClient, allow_open_files, wait_until

OK = wire.Status(b"OK")
HERD = 1000
HELD_QUERY = f"SELECT $1::text || {HELD}"


class Misses(OriginCase):
    def test_a_miss_fills_itself_and_the_next_is_a_hit(self):
        client = self.connect(self.start_origin())
        before = self.queries()
        for _ in range(3):
            self.assertEqual(client.call("GET", memory_key(7)), b"memory 7")
        self.assertEqual(self.queries() - before, 1)
        self.assertTrue(3500 < client.call("TTL", memory_key(7)) <= 3600)
        self.assertEqual(client.call("DBSIZE"), 1)

    def test_keys_of_no_rule_are_not_asked_for(self):
        client = self.connect(self.start_origin())
        before = self.queries()
        for key in ("other", "memory:7", memory_key(7).upper(), memory_key(7) + "x"):
            self.assertIsNone(client.call("GET", key))
        client.call("SELECT", 1)
        self.assertIsNone(client.call("GET", memory_key(7)))
        self.assertEqual(self.queries(), before)

    def test_every_read_command_of_strings(self):
        client = self.connect(self.start_origin())
        self.assertEqual(client.call("STRLEN", memory_key(1)), 8)
        self.assertEqual(client.call("GETRANGE", memory_key(2), 0, 2), b"mem")
        self.assertEqual(client.call("EXISTS", memory_key(3), memory_key(4), memory_key(5000)), 2)
        self.assertEqual(client.call("TYPE", memory_key(5)), wire.Status(b"string"))
        self.assertEqual(client.call("GETEX", memory_key(6), "EX", 10), b"memory 6")
        self.assertTrue(0 < client.call("TTL", memory_key(6)) <= 10)

    def test_values_of_every_type(self):
        self.sql(
            "CREATE TABLE users (id integer, name text, role text, photo bytea, data jsonb);"
            "INSERT INTO users VALUES (1, 'Ada', NULL, '\\x00ff', '{\"a\": 1}');"
            "CREATE TABLE posts AS SELECT 1 AS author, i AS id, i * 0.5 AS score"
            "  FROM generate_series(1, 20) i"
        )
        client = self.connect(
            self.start_origin(
                rule("u", "u:{id:int}", "SELECT * FROM users WHERE id = $1", type="hash"),
                rule("p", "p:{id:int}", "SELECT photo FROM users WHERE id = $1"),
                rule("d", "d:{id:int}", "SELECT data FROM users WHERE id = $1"),
                rule(
                    "l",
                    "l:{id:int}",
                    "SELECT id FROM posts WHERE author = $1 ORDER BY id DESC",
                    type="list",
                ),
                rule("s", "s:{id:int}", "SELECT id FROM posts WHERE author = $1", type="set"),
                rule(
                    "z", "z:{id:int}", "SELECT id, score FROM posts WHERE author = $1", type="zset"
                ),
            )
        )
        self.assertEqual(client.call("HGET", "u:1", "name"), b"Ada")
        self.assertIsNone(client.call("HGET", "u:1", "role"))
        self.assertEqual(client.call("HLEN", "u:1"), 4)
        self.assertEqual(client.call("HMGET", "u:1", "id", "photo"), [b"1", b"\x00\xff"])
        self.assertEqual(client.call("GET", "p:1"), b"\x00\xff")
        self.assertEqual(client.call("GET", "d:1"), b'{"a": 1}')
        numbers = [b"%d" % i for i in range(20, 0, -1)]
        self.assertEqual(client.call("LRANGE", "l:1", 0, -1), numbers)
        self.assertEqual(sorted(client.call("SMEMBERS", "s:1")), sorted(numbers))
        self.assertEqual(client.call("ZSCORE", "z:1", 7), b"3.5")
        self.assertEqual(client.call("ZRANGE", "z:1", 0, 1), [b"1", b"2"])
        self.assertIsNone(client.call("ZSCORE", "z:2", 7))

    def test_replies_of_pipelines_keep_their_order(self):
        client = self.connect(self.start_origin())
        chosen = random.Random(20261129)
        numbers = [chosen.randrange(1, 1500) for _ in range(2000)]
        requests = []
        for number in numbers:
            requests.append(wire.encode([b"GET", memory_key(number).encode()]))
            requests.append(wire.encode([b"ECHO", b"%d" % number]))
        client.send(b"".join(requests))
        for number in numbers:
            expected = b"memory %d" % number if number <= 1000 else None
            self.assertEqual(client.read(), expected)
            self.assertEqual(client.read(), b"%d" % number)

    def test_one_command_with_many_keys_is_one_query(self):
        client = self.connect(self.start_origin())
        before = self.queries()
        keys = [memory_key(number) for number in range(901, 1101)]
        values = client.call("MGET", *keys)
        self.assertEqual(values[:100], [b"memory %d" % n for n in range(901, 1001)])
        self.assertEqual(values[100:], [None] * 100)
        self.assertLessEqual(self.queries() - before, 4)

    def test_a_thousand_who_ask_for_one_key_cause_one_query(self):
        allow_open_files(3 * HERD)
        server = self.start_origin()
        clients = [server.connect(30.0) for _ in range(HERD)]
        before = self.queries()
        try:
            for client in clients:
                client.send(wire.encode([b"GET", memory_key(1).encode()]))
            for client in clients:
                self.assertEqual(client.read(), b"memory 1")
        finally:
            for client in clients:
                client.close()
        self.assertEqual(self.queries() - before, 1)

    def test_misses_of_many_clients_go_together(self):
        words = [*MEMORY[:2], "batch-window-us", "200000", *MEMORY[2:]]
        server = self.start_origin(words)
        clients = [self.connect(server) for _ in range(64)]
        before = self.queries()
        for number, client in enumerate(clients):
            client.send(wire.encode([b"GET", memory_key(number + 1).encode()]))
        for number, client in enumerate(clients):
            self.assertEqual(client.read(), b"memory %d" % (number + 1))
        self.assertLess(self.queries() - before, 16)

    def test_a_pipeline_of_misses_is_a_few_queries(self):
        words = [*MEMORY[:2], "batch-window-us", "50000", *MEMORY[2:]]
        client = self.connect(self.start_origin(words))
        before = self.queries()
        numbers = range(951, 1051)
        client.send(b"".join(wire.encode([b"GET", memory_key(n).encode()]) for n in numbers))
        for number in numbers:
            expected = b"memory %d" % number if number <= 1000 else None
            self.assertEqual(client.read(), expected)
        self.assertLess(self.queries() - before, 16)

    def test_in_a_transaction_a_miss_is_a_miss(self):
        client = self.connect(self.start_origin())
        if client.call("MULTI") != OK:
            self.skipTest("there are no transactions")
        client.call("GET", memory_key(1))
        self.assertEqual(client.call("EXEC"), [None])


class Age(OriginCase):
    def test_absence_is_remembered_until_it_is_over_or_somebody_writes(self):
        client = self.connect(
            self.start_origin(
                rule("memory", MEMORY[1], MEMORY[-1], negative_ttl=3600),
                rule("brief", "brief:{id:uuid}", MEMORY[-1], negative_ttl=0.5),
            )
        )
        key, brief = memory_key(2000), memory_key(2000).replace("memory", "brief")
        before = self.queries()
        for _ in range(20):
            self.assertIsNone(client.call("GET", key))
        self.assertEqual(self.queries() - before, 1)
        self.assertIsNone(client.call("GET", brief))
        self.assertEqual(client.call("DBSIZE"), 0)
        self.sql(f"INSERT INTO memories VALUES ('{key[7:]}', 'new')")
        self.await_value(client, brief, b"new")
        self.assertIsNone(client.call("GET", key))
        self.assertEqual(client.call("DEL", key), 0)
        self.assertEqual(client.call("GET", key), b"new")

    def test_a_value_is_loaded_again_before_it_is_over(self):
        words = rule("memory", MEMORY[1], MEMORY[-1], ttl=30, refresh_ahead=0.02)
        client = self.connect(self.start_origin(words))
        self.assertEqual(client.call("GET", memory_key(1)), b"memory 1")
        self.sql("UPDATE memories SET body = 'changed'")
        time.sleep(0.7)
        self.assertEqual(client.call("GET", memory_key(1)), b"memory 1")
        self.await_value(client, memory_key(1), b"changed", 5.0)

    def test_an_old_value_is_served_while_the_database_is_down(self):
        words = rule("memory", MEMORY[1], MEMORY[-1], ttl=1, stale_ttl=60)
        client = self.connect(self.start_origin(words))
        self.assertEqual(client.call("GET", memory_key(1)), b"memory 1")
        self.sql("UPDATE memories SET body = 'changed'")
        self.database.stop()
        time.sleep(1.2)
        for _ in range(10):
            self.assertEqual(client.call("GET", memory_key(1)), b"memory 1")
        self.database.start()
        self.await_value(client, memory_key(1), b"changed", 60.0)

    def test_what_a_client_writes_stays(self):
        client = self.connect(self.start_origin())
        client.call("SET", memory_key(1), "mine")
        self.assertEqual(client.call("GET", memory_key(1)), b"mine")
        client.call("DEL", memory_key(1))
        self.assertEqual(client.call("GET", memory_key(1)), b"memory 1")

    def test_no_load_overwrites_what_was_written_meanwhile(self):
        query = f"SELECT body || {HELD} FROM memories WHERE id = $1"
        server = self.start_origin(rule("memory", MEMORY[1], query, timeout_ms=60_000))
        reader, writer = self.connect(server), self.connect(server)
        with self.queries_held():
            reader.send(wire.encode([b"GET", memory_key(1).encode()]))
            self.await_held()
            writer.call("SET", memory_key(1), "mine")
        self.assertEqual(reader.read(), b"mine")
        self.assertEqual(writer.call("GET", memory_key(1)), b"mine")


class Hindrances(OriginCase):
    def test_who_waits_delays_nobody_else(self):
        server = self.start_origin(rule("held", "held:{n:int}", HELD_QUERY, timeout_ms=60_000))
        waiting = self.connect(server)
        with self.queries_held() as release, HealthyClient(server) as healthy:
            waiting.send(wire.encode([b"GET", b"held:2"]))
            self.await_held()
            before = healthy.replies
            self.assertTrue(wait_until(lambda: healthy.replies > before + 20))
            release()
            self.assertEqual(waiting.read(), b"2")
        healthy.check(self)

    def test_a_client_that_goes_away_leaves_the_others(self):
        server = self.start_origin(rule("held", "held:{n:int}", HELD_QUERY, timeout_ms=60_000))
        gone, waiting, other = server.connect(), self.connect(server), self.connect(server)
        with self.queries_held():
            for client in (gone, waiting):
                client.send(wire.encode([b"GET", b"held:1"]))
            self.await_held()
            gone.close()
            self.assertEqual(other.call("PING"), wire.Status(b"PONG"))
        self.assertEqual(waiting.read(), b"1")

    def test_values_that_are_too_large_are_misses(self):
        words = rule("r", "r:{n:int}", "SELECT repeat('x', $1)", max_value_bytes=1000, negative_ttl=3600)
        client = self.connect(self.start_origin(words))
        self.assertEqual(client.call("GET", "r:1000"), b"x" * 1000)
        before = self.queries()
        for _ in range(3):
            self.assertIsNone(client.call("GET", "r:1001"))
        self.assertLessEqual(self.queries() - before, 1)
        self.assertEqual(client.call("GET", "r:7"), b"x" * 7)

    def test_a_key_that_the_query_cannot_take_fails_alone(self):
        words = rule(
            "n",
            "n:{t:text}",
            "SELECT repeat('x', $1::integer)",
            on_error="error",
            batch_window_us=200_000,
        )
        server = self.start_origin(words, options=["--origin-breaker-failures", "1"])
        names = [b"%d" % number for number in range(1, 41)] + [b"three", b"-", b"99999999999"]
        clients = [self.connect(server) for _ in names]
        for name, client in zip(names, clients):
            client.send(wire.encode([b"GET", b"n:" + name]))
        for number, client in enumerate(clients):
            reply = client.read()
            if number < 40:
                self.assertEqual(reply, b"x" * (number + 1))
            else:
                self.assertTrue(reply.text.startswith(b"ORIGINERR"), msg=reply)
        self.await_info(clients[0], "origin_breaker_opened", 0)

    def test_a_key_that_the_database_has_no_letters_for_fails_alone(self):
        self.database.psql(
            "CREATE DATABASE latin OWNER app ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
            database="postgres",
        )
        drop = "DROP DATABASE latin WITH (FORCE)"
        self.addCleanup(self.database.psql, drop, database="postgres")
        words = rule("t", "t:{t:text}", "SELECT $1 || '!'")
        client = self.connect(
            self.start_origin(words, url=self.database.url.replace("/app?", "/latin?"))
        )
        keys = [f"t:{name}".encode() for name in ("a", "\u00e9", "\u044b", "b")]
        values = client.call("MGET", *keys)
        self.assertEqual(values, [b"a!", "\u00e9!".encode(), None, b"b!"])
        stats = client.call("ORIGIN", "STATS", "t")
        self.assertEqual(stats[stats.index(b"errors") + 1], 1)

    def test_keys_that_are_no_text_harm_nobody(self):
        words = rule("t", "t:{t:text}", "SELECT $1 || '!'")
        client = self.connect(self.start_origin(words))
        values = client.call("MGET", b"t:\xff", b"t:a", b"t:\0", b"t:'\\\"", b"t:\xed\xa0\x80")
        self.assertEqual(values, [None, b"a!", None, b"'\\\"!", None])

    def test_a_full_queue_is_told(self):
        for reply in self.ask_a_full_queue("busy"):
            self.assertTrue(reply.text.startswith(b"ORIGINBUSY"), msg=reply)

    def test_a_full_queue_may_be_a_miss(self):
        self.assertEqual(self.ask_a_full_queue("nil"), [None] * 4)

    def ask_a_full_queue(self, policy: str) -> list[object]:
        """What those are told for whom there is no room."""
        words = rule("held", "held:{n:int}", HELD_QUERY, on_overload=policy, timeout_ms=60_000)
        server = self.start_origin(words, options=["--origin-queue-max", "2"])
        clients = [self.connect(server) for _ in range(6)]
        requests = [wire.encode([b"GET", b"held:%d" % number]) for number in range(6)]
        with self.queries_held():
            for client, request in zip(clients[:2], requests):
                client.send(request)
            self.await_info(clients[2], "origin_keys_under_way", 2)
            replies = []
            for client, request in zip(clients[2:], requests[2:]):
                client.send(request)
                replies.append(client.read())
        self.assertEqual([client.read() for client in clients[:2]], [b"0", b"1"])
        return replies


class Pooler(OriginCase):
    def test_pgbouncer_in_transaction_mode(self):
        import pgbouncer

        if pgbouncer.program() is None:
            self.skipTest("no pgbouncer is installed")
        pooler = pgbouncer.Pgbouncer(self.database)
        self.addCleanup(pooler.close)
        server = self.start_origin(url=pooler.url, heard=False)
        problems: list[str] = []

        def read(seed: int) -> None:
            chosen = random.Random(seed)
            with server.connect(30.0) as client:
                for _ in range(200):
                    number = chosen.randrange(1, 1001)
                    value = client.call("GET", memory_key(number))
                    if value != b"memory %d" % number:
                        problems.append(f"{number}: {value!r}")

        readers = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        self.assertEqual(problems, [])
        self.assertTrue(wait_until(server.alive))
        client = self.connect(server)
        self.await_info(client, "origin_listening", 0)
        self.assertTrue(wait_until(lambda: "see origin-listen-url" in server.log()))
        # The way around the pooler.
        self.assertEqual(
            client.call("CONFIG", "SET", "origin-listen-url", self.database.url), OK
        )
        self.await_info(client, "origin_listening", 1)
        self.assertEqual(client.call("ORIGIN", "INSTALL", "memory"), OK)
        for turn in range(5):
            self.sql(f"UPDATE memories SET body = 'turn {turn}'")
            for number in (1, 500, 1000):
                self.await_value(client, memory_key(number), b"turn %d" % turn)

    def test_pgbouncer_with_a_way_around_it_from_the_start(self):
        import pgbouncer

        if pgbouncer.program() is None:
            self.skipTest("no pgbouncer is installed")
        pooler = pgbouncer.Pgbouncer(self.database)
        self.addCleanup(pooler.close)
        server = self.start_origin(
            url=pooler.url, options=["--origin-listen-url", self.database.url]
        )
        client = self.connect(server)
        self.assertEqual(client.call("ORIGIN", "INSTALL", "memory"), OK)
        self.assertEqual(client.call("GET", memory_key(1)), b"memory 1")
        self.assertTrue(3500 < client.call("TTL", memory_key(1)) <= 3600)
        self.sql("UPDATE memories SET body = 'changed' WHERE body = 'memory 1'")
        self.await_value(client, memory_key(1), b"changed")
