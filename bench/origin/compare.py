#!/usr/bin/env python3
"""Read-through from PostgreSQL beside what applications do themselves.

    compare.py --server ALAI_SERVER --load ORIGIN_LOAD [cold] [herd] [zipf] [hits] [lag] [--rows 1000000]

A private PostgreSQL gets a table of `--rows` rows shaped like memories: uuid, user, jsonb of 300 bytes.

cold   look-ups per second of keys that are not in the cache, each asked for once, over 64 connections: the
       cache asks the database; a compiled client does GET, SELECT and SET; so does Python with redis-py and
       psycopg2. With the database's processor time for each row.
herd   1,000 connections ask for one key: how many queries that makes.
zipf   keys drawn by Zipf's law with exponent 1, room for a tenth of them: share of hits, queries saved.
hits   the server's processor time for a hit, with 16 rules and with none, in turns.
lag    how long after a COMMIT in the database the row's key is gone from the cache.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "system"), str(ROOT / "tests" / "commands")]

import wire
from live_server import LiveServer
from postgres import Postgres
from server_case import allow_open_files

CONNECTIONS = 64
HERD = 1000
LAG_ROWS = 1000
RULE = ["memory", "memory:{id:uuid}", "ttl", "3600", "query", "SELECT body FROM memories WHERE id = $1"]
FILL = """
CREATE TABLE memories AS SELECT
  (lpad(to_hex(n::bigint * 2654435761 % 4294967296), 8, '0') || '-0000-4000-8000-'
    || lpad(to_hex(n), 12, '0'))::uuid AS id,
  n % 10000 AS user_id,
  jsonb_build_object('n', n, 'title', md5(n::text), 'text', repeat(md5((n + 1)::text), 6)) AS body
FROM generate_series(1, {rows}) n;
ALTER TABLE memories ADD PRIMARY KEY (id);
VACUUM ANALYZE memories;
SELECT count(*), avg(octet_length(body::text)) FROM memories;
"""


class Bench:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.database = Postgres(shared_buffers="1GB", max_connections="200")
        began = time.monotonic()
        rows, size = self.database.psql(FILL.format(rows=options.rows), role="app").split("|")
        print(f"{rows} rows of {float(size):.0f} bytes, made in {time.monotonic() - began:.0f} s")
        self.next = 1

    def server(self, *more: str, rule: bool = True) -> LiveServer:
        words = ["--origin-url", self.database.url, *more]
        return LiveServer(self.options.server, words + (["--origin-rule", *RULE] if rule else []))

    def load(self, mode: str, server: LiveServer, first: int, count: int, more: str = "", connections=CONNECTIONS):
        command = [self.options.load, mode, str(server.port), str(connections), str(first), str(count)]
        return self.run(command + ([more] if more else []))

    @staticmethod
    def run(command: list[str]) -> list[float]:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{command}: {done.stderr}")
        if done.stderr:
            print(done.stderr.splitlines()[0])
        return [float(word) for word in done.stdout.split()]

    def fresh(self, count: int) -> int:
        """The first of so many rows that nobody has asked for."""
        first = self.next
        self.next = first + count
        if self.next > self.options.rows:
            raise SystemExit("too few rows for so many rounds")
        return first

    def cold(self) -> None:
        count = self.options.lookups
        # Once through all, so that the database reads nothing from the disk.
        self.database.psql("SELECT sum(octet_length(body::text)) FROM memories")
        figures: dict[str, list[tuple[float, float]]] = {"cache": [], "compiled": [], "Python": []}
        for _ in range(self.options.rounds):
            for name in figures:
                with self.server(rule=name == "cache") as server:
                    figures[name].append(self.cold_round(name, server, count))
        rates, costs = ({n: statistics.median(each[i] for each in rounds) for n, rounds in figures.items()} for i in (0, 1))
        for name in figures:
            spread = [each[0] for each in figures[name]]
            print(
                f"cold, {name:8}: {rates[name]:8.0f} look-ups/s ({min(spread):.0f} to {max(spread):.0f}),"
                f" database {costs[name]:5.1f} us a row;"
                f" the cache is {rates['cache'] / rates[name]:.1f} times as fast,"
                f" its rows cost {costs['cache'] / costs[name]:.2f}"
            )

    def cold_round(self, name: str, server: LiveServer, count: int) -> tuple[float, float]:
        if name == "Python":
            count //= 4
        first = self.fresh(count)
        before = self.database.cpu_s()
        if name == "Python":
            program = str(Path(__file__).with_name("cache_aside.py"))
            arguments = [str(server.port), str(CONNECTIONS), str(first), str(count), self.database.url]
            _, seconds = self.run([sys.executable, program, *arguments])
        elif name == "compiled":
            _, seconds, missed = self.load("outside", server, first, count, self.database.url)
            assert missed == 0
        else:
            _, seconds, missed = self.load("through", server, first, count)
            print(f"  {missed:.0f} of {count} look-ups gave nothing")
        time.sleep(0.2)  # until what has ended is counted
        return count / seconds, (self.database.cpu_s() - before) / count * 1e6

    def herd(self) -> None:
        allow_open_files(3 * HERD)
        with self.server() as server:
            clients = [server.connect(30.0) for _ in range(HERD)]
            request = wire.encode([b"GET", b"memory:" + row_id(self.fresh(1)).encode()])
            before = self.stats(server)
            for client in clients:
                client.send(request)
            values = {client.read() for client in clients}
            after = self.stats(server)
            print(
                f"herd: {HERD} connections got {len(values)} different values by"
                f" {after['batches'] - before['batches']} queries"
            )
            for client in clients:
                client.close()

    def stats(self, server: LiveServer) -> dict[str, int]:
        with server.connect() as client:
            reply = client.call("ORIGIN", "STATS", "memory")
        words = [word.decode() if isinstance(word, bytes) else word for word in reply]
        pairs = dict(zip(words[::2], words[1::2]))
        return {name: int(value) for name, value in pairs.items() if str(value).isdigit()}

    def zipf(self) -> None:
        rows, count = self.options.rows, self.options.lookups * 5
        with self.server() as server:
            self.load("through", server, 1, rows // 10)
            with server.connect() as client:
                info = client.call("INFO", "memory").decode()
                used = next(l for l in info.split("\r\n") if l.startswith("used_memory:"))
                client.call("FLUSHALL")
        limit = used.split(":")[1]
        for policy in ("allkeys-lfu", "allkeys-lru"):
            with self.server("--maxmemory", limit, "--maxmemory-policy", policy) as server:
                before = self.stats(server)
                self.load("zipf", server, 20261129, count, str(rows))
                after = self.stats(server)
                loads = after["loads"] - before["loads"]
                batches = after["batches"] - before["batches"]
                print(
                    f"zipf, {policy}: {count} look-ups, room for a tenth of {rows} rows:"
                    f" {100 - 100 * loads / count:.1f}% hit, {loads} rows by {batches} queries:"
                    f" {100 - 100 * batches / count:.1f}% fewer queries than look-ups"
                )

    def hits(self) -> None:
        held, count = 20_000, self.options.lookups * 20
        rules = []
        for n in range(16):
            rules += ["--origin-rule", f"r{n}", f"kind{n}:{{id:uuid}}", "query", RULE[-1]]
        rules[2] = RULE[1]
        costs: dict[str, list[float]] = {"16 rules": [], "none": []}
        for _ in range(self.options.rounds * 2):
            for name, each in costs.items():
                more = rules if name == "16 rules" else []
                with self.server(*more, rule=False) as server:
                    self.store(server, held)
                    before = cpu_s(server.pid)
                    _, _, missed = self.load("hits", server, 1, count, str(held), connections=4)
                    assert missed == 0, missed
                    each.append((cpu_s(server.pid) - before) / count * 1e9)
        ratio = statistics.median(costs["16 rules"]) / statistics.median(costs["none"])
        for name, each in costs.items():
            print(f"hits, {name:8}: {statistics.median(each):.0f} ns ({min(each):.0f} to {max(each):.0f})")
        print(f"hits: {ratio:.3f} times as much with 16 rules as with none")

    def lag(self) -> None:
        import psycopg2

        millis = []
        with self.server() as server, server.connect() as client:
            deadline = time.monotonic() + 10
            while isinstance(reply := client.call("ORIGIN", "INSTALL", "memory"), wire.Error):
                assert time.monotonic() < deadline, reply
            with psycopg2.connect(self.database.url) as writer, writer.cursor() as cursor:
                for n in range(first := self.fresh(LAG_ROWS), first + LAG_ROWS):
                    assert client.call("GET", f"memory:{row_id(n)}")
                    cursor.execute("UPDATE memories SET body = body || '{\"n\": 0}' WHERE id = %s", [row_id(n)])
                    writer.commit()
                    began = time.monotonic()
                    while client.call("DBSIZE") != 0:
                        assert time.monotonic() < began + 10
                    millis.append((time.monotonic() - began) * 1e3)
        millis.sort()
        print(
            f"lag, {LAG_ROWS} commits: gone after {statistics.median(millis):.2f} ms,"
            f" 99 of 100 after {millis[LAG_ROWS * 99 // 100]:.2f}, the last after {millis[-1]:.2f}"
        )

    def store(self, server: LiveServer, held: int) -> None:
        with server.connect() as client:
            for first in range(1, held + 1, 1000):
                keys = [f"memory:{row_id(n)}".encode() for n in range(first, first + 1000)]
                client.send(b"".join(wire.encode([b"SET", key, b"x" * 300]) for key in keys))
                for _ in keys:
                    client.read()


def row_id(n: int) -> str:
    return f"{n * 2654435761 % 4294967296:08x}-0000-4000-8000-{n:012x}"


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("questions", nargs="*", default=["cold", "herd", "zipf", "hits", "lag"])
    parser.add_argument("--server", required=True)
    parser.add_argument("--load", required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--lookups", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    bench = Bench(options)
    try:
        for question in options.questions:
            getattr(bench, question)()
    finally:
        bench.database.close()


if __name__ == "__main__":
    main()
