"""The cache stays true to the database: a commit makes a key go or be loaded again."""

from __future__ import annotations

import random
import statistics
import threading
import time

import psycopg2

import wire
from fault_proxy import FaultProxy
from origin_case import MEMORY, OriginCase, memory_key, rule
from server_case import wait_until

OK = wire.Status(b"OK")
LAG_S_MAX = 0.05


class ChangeCase(OriginCase):
    def start_listening(self, *, url: str | None = None, **options: object):
        """A server that hears of changes to `memories`, and a client of it."""
        words = rule("memory", MEMORY[1], MEMORY[-1], **{"ttl": 3600, "negative_ttl": 30, **options})
        server = self.start_origin(words, url=url)
        client = self.connect(server)
        self.assertTrue(
            wait_until(lambda: client.call("ORIGIN", "INSTALL", "memory") == OK),
            msg=client.call("ORIGIN", "INSTALL", "memory"),
        )
        self.await_heard(client)
        return server, client

    def await_heard(self, client: wire.Connection, seconds: float = 30.0) -> None:
        """Changes arrive: one made now makes its key go soon."""
        mark = [0]

        def heard() -> bool:
            mark[0] += 1
            key = memory_key(1000)
            client.call("GET", key)
            self.change(1000, f"mark {mark[0]}")
            return wait_until(lambda: client.call("GET", key) == b"mark %d" % mark[0], 1.0)

        self.assertTrue(wait_until(heard, seconds), msg="changes are not heard")

    def change(self, number: int, body: str) -> None:
        with self.database_connection().cursor() as cursor:
            cursor.execute(
                "UPDATE memories SET body = %s WHERE id = %s", (body, memory_key(number)[7:])
            )

    def database_connection(self):
        if getattr(self, "_connection", None) is None:
            self._connection = self.connect_database()
        return self._connection

    def connect_database(self):
        connection = psycopg2.connect(self.database.url)
        connection.autocommit = True
        self.addCleanup(connection.close)
        return connection


class Changes(ChangeCase):
    def test_a_commit_makes_its_key_go_within_the_bound(self):
        _, client = self.start_listening()
        lags_s = []
        for turn in range(100):
            key = memory_key(turn % 10 + 1)
            client.call("GET", key)
            body = b"turn %d" % turn
            self.change(turn % 10 + 1, body.decode())
            committed = time.monotonic()
            while client.call("GET", key) != body:
                self.assertLess(time.monotonic() - committed, 10.0, msg="the change is not heard")
            lags_s.append(time.monotonic() - committed)
        ordered = sorted(lags_s)
        print(
            f"commit to gone, ms: median {statistics.median(lags_s) * 1000:.1f},"
            f" p90 {ordered[89] * 1000:.1f}, highest {ordered[-1] * 1000:.1f}"
        )
        self.assertLessEqual(statistics.median(lags_s), LAG_S_MAX)

    def test_an_insert_ends_remembered_absence_and_a_delete_a_value(self):
        _, client = self.start_listening()
        self.assertIsNone(client.call("GET", memory_key(5000)))
        self.sql(f"INSERT INTO memories VALUES ('{memory_key(5000)[7:]}', 'new')")
        self.await_value(client, memory_key(5000), b"new")
        self.sql(f"DELETE FROM memories WHERE id = '{memory_key(5000)[7:]}'")
        self.await_value(client, memory_key(5000), None)

    def test_a_key_may_be_loaded_again_instead(self):
        _, client = self.start_listening(on_change="reload")
        self.assertEqual(client.call("GET", memory_key(1)), b"memory 1")
        self.change(1, "changed")
        self.await_value(client, memory_key(1), b"changed")
        before = self.queries()
        self.assertEqual(client.call("GET", memory_key(1)), b"changed")
        self.assertEqual(self.queries(), before)

    def test_truncate_makes_all_keys_go(self):
        _, client = self.start_listening()
        for number in range(1, 101):
            client.call("GET", memory_key(number))
        self.sql("TRUNCATE memories")
        self.await_value(client, memory_key(1), None)
        self.assertEqual([client.call("GET", memory_key(n)) for n in range(1, 101)], [None] * 100)


class Deafness(ChangeCase):
    """What changes while the server does not hear of it is never served once it hears again."""

    KEYS = range(1, 101)

    def setUp(self):
        super().setUp()
        self.proxy = FaultProxy(("127.0.0.1", self.database.port))
        self.addCleanup(self.proxy.close)

    def start_behind_proxy(self, **options: object):
        """A server that has loaded all keys, and a client of it."""
        url = self.database.tcp_url(self.proxy.port)
        server, client = self.start_listening(url=url, **options)
        for number in self.KEYS:
            self.await_value(client, memory_key(number), b"memory %d" % number)
        return server, client

    def change_all(self, prefix: str) -> None:
        self.sql(f"UPDATE memories SET body = '{prefix} ' || split_part(body, ' ', 2)")

    def expect_all(self, client: wire.Connection, prefix: bytes | None) -> None:
        expected = [prefix and prefix + b" %d" % number for number in self.KEYS]
        values = client.call("MGET", *(memory_key(number) for number in self.KEYS))
        self.assertEqual(values, expected)

    def test_a_cut_connection(self):
        server, client = self.start_behind_proxy(on_error="error")
        self.proxy.refuse()
        self.proxy.cut()
        self.await_info(client, "origin_listening", 0)
        self.assertIsInstance(client.call("GET", memory_key(1)), wire.Error)
        self.change_all("changed")
        self.proxy.heal()
        self.await_info(client, "origin_listening", 1)
        self.await_value(client, memory_key(1), b"changed 1", 60.0)
        self.expect_all(client, b"changed")

    def test_a_half_open_connection(self):
        server, client = self.start_behind_proxy(timeout_ms=300)
        self.proxy.swallow()
        self.change_all("changed")
        self.await_info(client, "origin_listening", 0)
        self.change_all("twice")
        self.proxy.heal()
        self.await_info(client, "origin_listening", 1)
        # Each is loaded anew, with patience: the time-out is short.
        for number in self.KEYS:
            seen = []
            self.assertTrue(
                wait_until(
                    lambda: seen.append(client.call("GET", memory_key(number))) or seen[-1], 60.0
                )
            )
            self.assertEqual(set(seen) - {None}, {b"twice %d" % number})

    def test_old_values_are_served_in_need_alone(self):
        server, client = self.start_behind_proxy(stale_ttl=3600)
        self.proxy.refuse()
        self.proxy.cut()
        self.await_info(client, "origin_listening", 0)
        self.change_all("changed")
        self.expect_all(client, b"memory")
        self.proxy.heal()
        self.await_info(client, "origin_listening", 1)
        self.await_value(client, memory_key(1), b"changed 1", 60.0)
        self.expect_all(client, b"changed")

    def test_a_listener_that_is_ended_again_and_again(self):
        server, client = self.start_listening()
        heard = "changes of the database are heard"
        for turn in range(5):
            before = server.log().count(heard)
            self.expect_all(client, b"memory" if turn == 0 else b"turn%d" % (turn - 1))
            self.database.psql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE '%alai_beat_%' AND pid <> pg_backend_pid()"
            )
            self.change_all(f"turn{turn}")
            self.assertTrue(wait_until(lambda: server.log().count(heard) > before, 30.0))
            self.await_info(client, "origin_listening", 1)
            self.await_value(client, memory_key(1), b"turn%d 1" % turn)
            self.expect_all(client, b"turn%d" % turn)


class Consistency(ChangeCase):
    SECONDS = 8.0
    KEYS = 200

    def test_after_random_writes_no_key_differs(self):
        server, client = self.start_listening()
        seed = random.randrange(1 << 32)
        stop = time.monotonic() + self.SECONDS
        problems: list[str] = []
        # The last version that was committed for each key, and when.
        committed = {number: [(0.0, 0)] for number in range(1, self.KEYS + 1)}
        self.sql(f"UPDATE memories SET body = '0' WHERE body <> ''")
        self.await_heard(client)
        threads = [threading.Thread(target=self.write, args=(seed + i, i, stop, committed, problems))
                   for i in range(3)]
        threads += [
            threading.Thread(target=self.read, args=(server, seed + i, stop, committed, problems))
            for i in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [], msg=f"seed {seed}")
        self.await_heard(client)
        self.compare(client, seed)

    def compare(self, client: wire.Connection, seed: int) -> None:
        with self.database_connection().cursor() as cursor:
            cursor.execute("SELECT id, body FROM memories")
            rows = {str(each): body.encode() for each, body in cursor.fetchall()}
        for number in range(1, self.KEYS + 1):
            key = memory_key(number)
            self.assertEqual(client.call("GET", key), rows.get(key[7:]), msg=f"{key}, seed {seed}")

    def write(self, seed, turn, stop, committed, problems) -> None:
        """Each writer has every third key; versions only grow, and -1 is a deleted row."""
        chosen = random.Random(seed)
        try:
            connection = psycopg2.connect(self.database.url)
            connection.autocommit = True
            mine = [number for number in committed if number % 3 == turn]
            with connection.cursor() as cursor:
                for version in range(1, 10**9):
                    if time.monotonic() > stop:
                        break
                    number = chosen.choice(mine)
                    row = memory_key(number)[7:]
                    if chosen.random() < 0.2:
                        cursor.execute("DELETE FROM memories WHERE id = %s", (row,))
                    else:
                        cursor.execute(
                            "INSERT INTO memories VALUES (%s, %s)"
                            " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                            (row, str(version)),
                        )
                        committed[number].append((time.monotonic(), version))
                    time.sleep(0.002)
            connection.close()
        except Exception as problem:  # whatever it is, the test reports it
            problems.append(f"writer: {problem!r}")

    def read(self, server, seed, stop, committed, problems) -> None:
        """A value may be as old as the time that news take, and no older."""
        chosen = random.Random(seed)
        bound_s = 2.0
        try:
            with server.connect(30.0) as client:
                while time.monotonic() < stop:
                    number = chosen.randrange(1, self.KEYS + 1)
                    asked = time.monotonic()
                    value = client.call("GET", memory_key(number))
                    if value is None:
                        continue
                    due = max(
                        (v for when, v in list(committed[number]) if when < asked - bound_s),
                        default=0,
                    )
                    if int(value) < due:
                        problems.append(f"{number}: read {value!r}, {due} was committed before")
        except Exception as problem:
            problems.append(f"reader: {problem!r}")
