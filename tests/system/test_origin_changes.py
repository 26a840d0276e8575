"""The cache stays true to the database: a commit makes a key go or be loaded again."""

from __future__ import annotations

import random
import statistics
import threading
import time
from dataclasses import dataclass

import psycopg2

import wire
from fault_proxy import FaultProxy
from origin_case import HELD, MEMORY, OriginCase, memory_key, rule
from server_case import wait_until

OK = wire.Status(b"OK")
LAG_S_MAX = 0.05
# How the log says that changes are heard of, or not.
HEARING = "changes of the database are"


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

    def test_what_changes_while_it_is_loaded_comes_beside_what_is_not_there(self):
        query = f"SELECT body || {HELD} FROM memories WHERE id = $1"
        words = rule("memory", MEMORY[1], query, ttl=3600, timeout_ms=60_000)
        server = self.start_origin(words)
        reader, client = self.connect(server), self.connect(server)
        self.assertEqual(client.call("ORIGIN", "INSTALL", "memory"), OK)
        self.await_heard(client)

        def invalidations() -> int:
            stats = client.call("ORIGIN", "STATS", "memory")
            return stats[stats.index(b"invalidations") + 1]

        before = invalidations()
        with self.queries_held():
            reader.send(wire.encode([b"MGET", memory_key(5).encode(), memory_key(5000).encode()]))
            self.await_held()
            self.change(5, "changed")
            self.assertTrue(wait_until(lambda: invalidations() > before))
        self.assertEqual(reader.read(), [b"changed", None])

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
        # Another deadline makes them no truer.
        self.assertEqual(client.call("EXPIRE", memory_key(2), 3000), 1)
        self.assertEqual(client.call("GETEX", memory_key(3), "PERSIST"), b"memory 3")
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


@dataclass(frozen=True)
class Version:
    """Of a row, which may be that it is deleted. Numbers only grow."""

    number: int
    is_deleted: bool


class Row:
    """What a row of the database is and has been. One thread writes it, any reads it."""

    def __init__(self) -> None:
        self.committed = Version(0, False)
        # That may be committed by now.
        self.deletions: list[int] = []

    def allows(self, value: bytes | None, floor: Version) -> bool:
        """Whether this may be read when the row was `floor` before."""
        if value is not None:
            least = floor.number + 1 if floor.is_deleted else floor.number
            return int(value) >= least
        return floor.is_deleted or any(each > floor.number for each in self.deletions)


class Consistency(ChangeCase):
    SECONDS = 8.0
    KEYS = range(1, 201)
    WRITERS, READERS, FENCES = 3, 4, 20
    # Nobody else changes this one.
    FENCE = 999

    def test_after_random_writes_no_key_differs_and_no_read_was_older_than_what_was_heard_of(self):
        """PostgreSQL tells of changes in the order of their commits. So there is a bound for the age of what is
        read that no clock is needed for: who begins to read when the cache is seen to have heard of one commit,
        the fence, must see all that was committed before it, deletions and rows that had been absent
        included."""
        server, client = self.start_listening()
        self.sql("UPDATE memories SET body = '0'")
        self.await_heard(client)
        seed = random.randrange(1 << 32)
        interrupted = server.log().count(HEARING)
        self.rows = {number: Row() for number in self.KEYS}
        self.floors = self.committed()
        self.problems: list[str] = []
        self.old_reads: list[str] = []
        self.fences_s: list[float] = []
        self.reads = [0] * self.READERS
        self.end = time.monotonic() + self.SECONDS
        parts = [lambda: self.raise_floors(server)]
        parts += [lambda i=i: self.write(i, seed + i) for i in range(self.WRITERS)]
        parts += [lambda i=i: self.read(server, i, seed - 1 - i) for i in range(self.READERS)]
        threads = [threading.Thread(target=self.guarded, args=(part,)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.problems, [], msg=f"seed {seed}")
        # Who hears nothing for a while makes everything go, in no order.
        if server.log().count(HEARING) == interrupted:
            self.assertEqual(self.old_reads, [], msg=f"seed {seed}")
        writes = sum(version.number for version in self.committed().values())
        print(
            f"{sum(self.reads)} reads, {writes} writes, {len(self.fences_s)} fences: none older than the last"
            f" fence; a fence took {statistics.median(self.fences_s) * 1000:.1f} ms in the median, at most"
            f" {max(self.fences_s) * 1000:.1f}"
        )
        self.await_heard(client)
        self.compare(client, seed)

    def goes_on(self) -> bool:
        """For a while, and on a machine that is busy until there were enough fences."""
        if self.problems:
            return False
        return time.monotonic() < self.end or len(self.fences_s) < self.FENCES

    def committed(self) -> dict[int, Version]:
        return {number: row.committed for number, row in self.rows.items()}

    def guarded(self, part) -> None:
        try:
            part()
        except Exception as problem:  # whatever it is, the test reports it
            self.problems.append(repr(problem))

    def compare(self, client: wire.Connection, seed: int) -> None:
        with self.database_connection().cursor() as cursor:
            cursor.execute("SELECT id, body FROM memories")
            rows = {str(each): body.encode() for each, body in cursor.fetchall()}
        for number in self.KEYS:
            key = memory_key(number)
            self.assertEqual(client.call("GET", key), rows.get(key[7:]), msg=f"{key}, seed {seed}")

    def write(self, writer: int, seed: int) -> None:
        """Each writer has rows of its own."""
        chosen = random.Random(seed)
        mine = [number for number in self.KEYS if number % self.WRITERS == writer]
        with self.connect_database().cursor() as cursor:
            while self.goes_on():
                number = chosen.choice(mine)
                row, place = self.rows[number], memory_key(number)[7:]
                version = Version(row.committed.number + 1, chosen.random() < 0.2)
                if version.is_deleted:
                    row.deletions.append(version.number)
                    cursor.execute("DELETE FROM memories WHERE id = %s", (place,))
                else:
                    cursor.execute(
                        "INSERT INTO memories VALUES (%s, %s)"
                        " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                        (place, str(version.number)),
                    )
                row.committed = version
                time.sleep(0.002)

    def raise_floors(self, server) -> None:
        """Commits a fence and reads until it is heard of, again and again."""
        with server.connect(60.0) as client:
            key, turn = memory_key(self.FENCE), 0
            client.call("GET", key)
            while self.goes_on():
                turn += 1
                floors = self.committed()
                began = time.monotonic()
                self.change(self.FENCE, f"fence {turn}")
                while client.call("GET", key) != b"fence %d" % turn:
                    if time.monotonic() > began + 60.0:
                        raise AssertionError("the fence is not heard of")
                self.floors = floors
                self.fences_s.append(time.monotonic() - began)

    def read(self, server, reader: int, seed: int) -> None:
        chosen = random.Random(seed)
        with server.connect(60.0) as client:
            while self.goes_on():
                number = chosen.choice(self.KEYS)
                floor = self.floors[number]
                value = client.call("GET", memory_key(number))
                self.reads[reader] += 1
                if not self.rows[number].allows(value, floor) and len(self.old_reads) < 10:
                    self.old_reads.append(f"{number}: read {value!r}, and {floor} was heard of before")
