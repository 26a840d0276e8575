"""redis-benchmark against the server, with the options that people use."""

from __future__ import annotations

import re

from server_case import ServerCase

RATE = re.compile(r"^(.+?): ([\d.]+) requests per second", re.M)


class RedisBenchmark(ServerCase):
    def setUp(self):
        self.server = self.start()

    def benchmark(self, *arguments: str) -> dict[str, float]:
        """Rates by the names that redis-benchmark gives its tests."""
        command = ["redis-benchmark", "-p", str(self.server.port), "-q", *arguments]
        done = self.run_program(*command, seconds=120)
        text = (done.stdout + done.stderr).decode().replace("\r", "\n")
        self.assertNotRegex(text, r"(?i)error|could not", msg=text)
        return {name: float(rate) for name, rate in RATE.findall(text)}

    def check(self, names: list[str], *arguments: str) -> None:
        rates = self.benchmark(*arguments)
        self.assertEqual(sorted(rates), sorted(names))
        self.assertGreater(min(rates.values()), 0)

    USUAL = ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)"]

    def calls(self, command: str) -> int:
        fields = self.info(self.server, "commandstats").get(f"cmdstat_{command}", "calls=0,")
        return int(re.search(r"calls=(\d+)", fields)[1])

    def test_usual(self):
        self.check(self.USUAL, "-t", "ping,set,get,incr,mset", "-n", "20000")
        for command in ("set", "get", "incr", "mset"):
            self.assertGreaterEqual(self.calls(command), 20_000)

    def test_pipelines(self):
        self.check(self.USUAL, "-t", "ping,set,get,incr,mset", "-n", "100000", "-P", "16")

    def test_threads(self):
        self.check(self.USUAL, "-t", "ping,set,get,incr,mset", "-n", "50000", "--threads", "2")
        self.check(["SET", "GET"], "-t", "set,get", "-n", "100000", "--threads", "2", "-P", "16")

    def test_large_values(self):
        self.check(["SET", "GET"], "-t", "set,get", "-n", "500", "-d", "1000000", "-c", "10")
        with self.server.connect() as connection:
            self.assertEqual(connection.call("STRLEN", "key:__rand_int__"), 1_000_000)

    def test_random_keys(self):
        self.check(
            ["SET", "GET", "INCR"], "-t", "set,get,incr", "-n", "50000", "-r", "10000", "-P", "8"
        )
        with self.server.connect() as connection:
            self.assertGreater(connection.call("DBSIZE"), 9_000)

    def test_many_clients_and_no_keepalive(self):
        self.check(["SET", "GET"], "-t", "set,get", "-n", "20000", "-c", "300")
        self.check(["SET", "GET"], "-t", "set,get", "-n", "2000", "-k", "0")

    def test_resp3_and_own_commands(self):
        self.check(["SET", "GET"], "-t", "set,get", "-n", "5000", "-3")
        rates = self.benchmark("-n", "5000", "-r", "100", "set", "own:__rand_int__", "value")
        self.assertEqual(len(rates), 1)
        self.assertGreaterEqual(self.calls("set"), 5_000)

    def test_csv(self):
        command = [
            "redis-benchmark",
            "-p",
            str(self.server.port),
            "-t",
            "get",
            "-n",
            "5000",
            "--csv",
        ]
        lines = self.run_program(*command).stdout.decode().splitlines()
        self.assertTrue(lines[0].startswith('"test","rps","avg_latency_ms"'))
        self.assertTrue(lines[1].startswith('"GET","'))
