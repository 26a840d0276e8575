#!/usr/bin/env python3
"""Question: what do commands on collections cost a server, beside another server?

  collection_commands.py [--rounds 3] [--rows NAME,...] [--benchmark PATH] -- OURS... -- OTHER...

OURS and OTHER are commands in which {port} is replaced, each with one worker. Prints CPU microseconds of the
server a request, user and system: the median of rounds in which the servers take turns, their ratio and the
aim. 50 clients at pipeline depth 16; commands that give or read a megabyte come one at a time.

Trap: a key that is missing or of another size is answered fast. So every row fills its keys itself, and
asks for a reply that is checked before it is measured.
"""
import argparse
import random
import statistics
import sys
from dataclasses import dataclass
from typing import Callable

from pinned_server import Client, Server, default_benchmark, encode, load, pin_load, spread
from pinned_server import split_commands

MILLION = 1_000_000
LARGE = 100_000
VALUE = "v" * 64
RANDOM = "__rand_int__"


def no_keys(client):
    pass


def fields(client):
    client.fill(MILLION, lambda i: encode("HSET", "key", f"element:{i:012d}", VALUE))


def elements(count, text=VALUE):
    return lambda client: client.fill(count, lambda i: encode("RPUSH", "key", text))


def scores(client):
    client.fill(MILLION, lambda i: encode("ZADD", "key", i, f"element:{i:012d}"))


def two(command, *before):
    """Two keys of 100,000 members, of which half are in both."""

    def fill(client):
        for key, first in (("a", 0), ("b", LARGE // 2)):
            client.fill(LARGE, lambda i: encode(command, key, *before, f"element:{first + i:012d}"))

    return fill


def places(client):
    """100,000 in a square of two degrees, of which about a hundred are within 4 km of its middle."""
    chance = random.Random(1)
    client.fill(LARGE, lambda i: encode("GEOADD", "key", 14 + 2 * chance.random(),
                                        36 + 2 * chance.random(), f"place:{i}"))


@dataclass
class Row:
    name: str
    aim: float
    fill: Callable
    command: list
    requests: int
    depth: int = 16
    check: Callable = lambda reply: True


def size_is(size):
    return lambda reply: len(reply) == size


ROWS = [
    Row("HSET", 0.75, no_keys, ["HSET", "key", f"element:{RANDOM}", VALUE], MILLION),
    Row("HGET", 0.75, fields, ["HGET", "key", f"element:{RANDOM}"], MILLION, check=size_is(64)),
    Row("SADD", 0.75, no_keys, ["SADD", "key", f"element:{RANDOM}"], MILLION),
    Row("LPUSH", 0.75, no_keys, ["LPUSH", "key", VALUE], MILLION),
    Row("LPOP", 0.75, elements(2 * MILLION), ["LPOP", "key"], MILLION, check=size_is(64)),
    Row("XADD", 0.75, no_keys, ["XADD", "key", "*", "field", VALUE], MILLION),
    Row("ZADD of 1M", 0.65, scores, ["ZADD", "key", RANDOM, f"element:{RANDOM}"], MILLION),
    Row("ZRANGE 0 99", 0.6, scores, ["ZRANGE", "key", 0, 99], LARGE, check=size_is(100)),
    Row("LRANGE 0 99", 0.6, elements(10_000, "xxx"), ["LRANGE", "key", 0, 99], LARGE,
        check=size_is(100)),
    Row("ZRANGEBYSCORE of 1,000", 0.6, scores, ["ZRANGEBYSCORE", "key", 500_000, 500_999], 20_000,
        check=size_is(1000)),
    Row("ZUNIONSTORE of 2 x 100k", 0.6, two("ZADD", 1), ["ZUNIONSTORE", "to", 2, "a", "b"], 40, 1,
        lambda reply: reply == LARGE * 3 // 2),
    Row("SINTER of 2 x 100k", 0.6, two("SADD"), ["SINTER", "a", "b"], 40, 1,
        size_is(LARGE // 2)),
    Row("PFADD", 0.8, no_keys, ["PFADD", "key", f"element:{RANDOM}"], MILLION),
    # Offsets with leading zeros, which are all that the load has at random, are refused.
    Row("SETBIT", 0.8, lambda client: client.ask("SETBIT", "key", 8_000_000, 0),
        ["SETBIT", "key", 4_000_001, 1], MILLION),
    Row("BITCOUNT of 1 MB", 0.8, lambda client: client.ask("SET", "key", "v" * 2**20),
        ["BITCOUNT", "key"], 5_000, 1, lambda reply: reply == 2**20 * ord("v").bit_count()),
    Row("GEOSEARCH of 100", 0.8, places,
        ["GEOSEARCH", "key", "FROMLONLAT", 15, 37, "BYRADIUS", 4, "km", "ASC"], 20_000,
        check=lambda reply: 50 < len(reply) < 200),
]


def measure(benchmark, command, row):
    """CPU microseconds a request."""
    with Server(command) as server:
        client = Client(server.port)
        row.fill(client)
        reply = client.ask(*(str(word).replace(RANDOM, f"{1:012d}") for word in row.command))
        if not row.check(reply):
            sys.exit(f"{row.name} answers {str(reply)[:100]}")
        before = server.cpu_ns()
        load(benchmark, server, "-P", str(row.depth), "-n", str(row.requests), "-c",
             str(50 if row.depth > 1 else 1), "-r", str(MILLION), *map(str, row.command))
        return (server.cpu_ns() - before) / row.requests / 1000


def main():
    own, commands = split_commands(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", help="names of rows, or how they begin, between commas")
    parser.add_argument("--benchmark", help="valkey-benchmark or redis-benchmark")
    options = parser.parse_args(own)
    if len(commands) != 2:
        parser.error("two commands, each after --")
    benchmark = options.benchmark or default_benchmark()
    pin_load()
    wanted = tuple(options.rows.split(",")) if options.rows else ("",)
    print(f"{'request':>24} {'ours us':>10} {'spread':>19} {'other us':>10} {'spread':>19} "
          f"{'ratio':>6} {'aim':>5}")
    for row in ROWS:
        if not row.name.startswith(wanted):
            continue
        figures = [[], []]
        for _ in range(options.rounds):
            for who, command in enumerate(commands):
                figures[who].append(measure(benchmark, command, row))
        ours, other = map(statistics.median, figures)
        print(f"{row.name:>24} {ours:10.3f} {spread(figures[0]):>19} {other:10.3f} "
              f"{spread(figures[1]):>19} {ours / other:6.2f} {row.aim:5.2f}", flush=True)


main()
