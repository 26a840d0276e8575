"""maxmemory and maxmemory-clients on the real binary: the limit holds under parallel writers, what is
too much goes by itself, and memory does not creep away."""

from __future__ import annotations

import random
import threading
import time
import unittest

import wire
from live_server import LiveServer
from server_case import HealthyClient, ServerCase, is_stock, wait_until

OK = wire.Status(b"OK")
MEGABYTE = 1 << 20
# By how much the limit may be exceeded: 8 MB or 2%, whichever is more.
TOLERANCE = 8 * MEGABYTE


class Writers:
    """Threads that write pipelines of random keys until they are stopped; they count what was refused."""

    def __init__(self, server: LiveServer, count: int, sizes: list[int], options: list[bytes] = []):
        self._server, self._sizes, self._options = server, sizes, options
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(i,)) for i in range(count)]
        self._lock = threading.Lock()
        self.written = 0
        self.refused = 0
        self.problem: Exception | None = None

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60.0)

    def _run(self, number: int) -> None:
        chosen = random.Random(number)
        try:
            with self._server.connect(30.0) as connection:
                while not self._stop.is_set():
                    self._write(connection, chosen)
        except Exception as problem:  # whatever it is, the test reports it
            self.problem = problem

    def _write(self, connection: wire.Connection, chosen: random.Random) -> None:
        depth = 50
        connection.send(
            b"".join(
                wire.encode(
                    [b"SET", b"key:%d" % chosen.randrange(10**9), b"x" * chosen.choice(self._sizes)]
                    + self._options
                )
                for _ in range(depth)
            )
        )
        replies = [connection.read() for _ in range(depth)]
        refused = sum(isinstance(reply, wire.Error) for reply in replies)
        with self._lock:
            self.written += depth - refused
            self.refused += refused


class MemoryLimit(ServerCase):
    def limited(self, policy: str, megabytes: int, *options: str) -> LiveServer:
        return self.start(
            "--maxmemory", f"{megabytes}mb", "--maxmemory-policy", policy, *options
        )

    def figure(self, server: LiveServer, name: str) -> int:
        return int(self.info(server)[name])

    def watch(self, server: LiveServer, writers: Writers, seconds: float) -> dict[str, int]:
        """The largest figures that were seen while the writers were at work."""
        largest = {"used_memory": 0, "used_memory_rss": 0}
        deadline = time.monotonic() + seconds
        with writers:
            while time.monotonic() < deadline:
                figures = self.info(server)
                for name in largest:
                    largest[name] = max(largest[name], int(figures[name]))
                time.sleep(0.005)
        self.assertIsNone(writers.problem)
        return largest

    def test_the_limit_holds_under_parallel_writers(self):
        for policy in ("allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-ttl"):
            with self.subTest(policy):
                server = self.limited(policy, 40)
                writers = Writers(server, 4, [10, 100, 1000, 10_000], [b"EX", b"1000"])
                largest = self.watch(server, writers, 3.0)
                self.assertEqual(writers.refused, 0)
                self.assertGreater(self.figure(server, "evicted_keys"), 0)
                self.assertLess(largest["used_memory"], 40 * MEGABYTE + TOLERANCE)

    def test_large_values_in_pipelines(self):
        server = self.limited("allkeys-lru", 60)
        writers = Writers(server, 3, [1000, 300_000])
        largest = self.watch(server, writers, 3.0)
        self.assertEqual(writers.refused, 0)
        # Requests that are under way take memory, too.
        self.assertLess(largest["used_memory"], 60 * MEGABYTE + 2 * TOLERANCE)

    def test_without_eviction_writers_are_refused(self):
        server = self.limited("noeviction", 30)
        writers = Writers(server, 4, [1000])
        largest = self.watch(server, writers, 2.0)
        self.assertGreater(writers.written, 0)
        self.assertGreater(writers.refused, 0)
        self.assertEqual(self.figure(server, "evicted_keys"), 0)
        self.assertLess(largest["used_memory"], 30 * MEGABYTE + TOLERANCE)
        with server.connect() as connection:
            self.assertEqual(connection.call("SET", "k", "v").text.split()[0], b"OOM")
            self.assertEqual(connection.call("FLUSHALL"), OK)
            self.assertTrue(wait_until(lambda: connection.call("SET", "k", "v") == OK))

    def test_a_lower_limit_evicts_without_a_write(self):
        server = self.limited("allkeys-lru", 100)
        with Writers(server, 2, [1000]) as writers:
            self.assertTrue(wait_until(lambda: writers.written > 50_000, 30.0))
        self.assertEqual(self.figure(server, "evicted_keys"), 0)
        connection = self.connect(server)
        with HealthyClient(server) as healthy:
            self.assertEqual(connection.call("CONFIG", "SET", "maxmemory", "20mb"), OK)
            self.assertTrue(
                wait_until(lambda: self.figure(server, "used_memory") <= 20 * MEGABYTE + 100_000)
            )
        healthy.check(self, slowest_s=0.5)
        self.assertGreater(self.figure(server, "evicted_keys"), 20_000)
        self.assertGreater(self.figure(server, "total_eviction_exceeded_time"), 0)

    def test_resident_memory_stays_near_the_limit(self):
        """Sizes that change over time leave holes behind; they must not add up."""
        if is_stock():
            self.skipTest("without active defragmentation it does add up there")
        server = self.limited("allkeys-lru", 64)
        for sizes in ([20, 40], [300, 500], [60, 100], [1000, 3000], [20, 200], [700]):
            with Writers(server, 3, sizes) as writers:
                time.sleep(1.5)
            self.assertIsNone(writers.problem)
        self.assertTrue(
            wait_until(
                lambda: self.figure(server, "used_memory_rss") < 1.15 * 64 * MEGABYTE + 6 * MEGABYTE
            ),
            msg=str({k: v for k, v in self.info(server).items() if "ratio" in k or "rss" in k}),
        )

    def test_a_share_of_the_machine(self):
        server = self.start("--maxmemory", "1%")
        total = self.figure(server, "total_system_memory")
        self.assertEqual(self.figure(server, "maxmemory"), total // 100)
        shown = self.connect(server).call("CONFIG", "GET", "maxmemory")
        self.assertEqual(shown[1], b"%d" % (total // 100))


class ClientMemory(ServerCase):
    def fill(self, server: LiveServer, count: int) -> list[wire.Connection]:
        """Clients with half a megabyte of an unfinished request each."""
        clients = [self.connect(server) for _ in range(count)]
        for client in clients:
            try:
                client.send(b"*2\r\n$4\r\nECHO\r\n$1000000\r\n" + b"x" * 500_000)
            except OSError:
                pass
        return clients

    def evicted(self, server: LiveServer) -> int:
        return int(self.info(server)["evicted_clients"])

    def test_the_largest_clients_go(self):
        server = self.start("--maxmemory-clients", "6mb")
        small = self.connect(server)
        self.assertEqual(small.call("PING"), wire.Status(b"PONG"))
        self.fill(server, 30)
        self.assertTrue(wait_until(lambda: self.evicted(server) > 10))
        self.assertEqual(small.call("PING"), wire.Status(b"PONG"))
        self.assertTrue(
            wait_until(lambda: int(self.info(server)["mem_clients_normal"]) <= 6 * MEGABYTE)
        )

    def test_those_who_ask_for_it_stay(self):
        server = self.start("--maxmemory-clients", "6mb")
        spared = self.connect(server)
        self.assertEqual(spared.call("CLIENT", "NO-EVICT", "on"), OK)
        spared.send(b"*2\r\n$4\r\nECHO\r\n$1000000\r\n" + b"x" * 900_000)
        self.fill(server, 30)
        self.assertTrue(wait_until(lambda: self.evicted(server) > 10))
        spared.send(b"x" * 100_000 + b"\r\n")
        self.assertEqual(len(spared.read()), 1_000_000)

    def test_no_key_goes_for_what_clients_take_too_much(self):
        server = self.start(
            *("--maxmemory", "21mb", "--maxmemory-policy", "allkeys-lru"),
            *("--maxmemory-clients", "6mb"),
        )
        admin = self.connect(server)
        for i in range(100):
            self.assertEqual(admin.call("SET", f"key:{i}", "x" * 120_000), OK)
        for _ in range(3):
            self.fill(server, 30)
        self.assertTrue(wait_until(lambda: self.evicted(server) > 60))
        self.assertEqual(self.info(server)["evicted_keys"], "0")
        self.assertEqual(admin.call("DBSIZE"), 100)

    def test_a_lower_limit_holds_at_once(self):
        server = self.start()
        self.fill(server, 30)
        admin = self.connect(server)
        self.assertEqual(self.evicted(server), 0)
        self.assertEqual(admin.call("CONFIG", "SET", "maxmemory-clients", "4mb"), OK)
        self.assertTrue(wait_until(lambda: self.evicted(server) > 10))


if __name__ == "__main__":
    unittest.main()
