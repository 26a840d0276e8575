#!/usr/bin/env python3
"""Question: how many bytes of memory does a key, or a member of a large collection, take?

  memory.py [--rows NAME,...] [--count 1000000] -- OURS... [-- OTHER...]

OURS and OTHER are commands in which {port} is replaced. For each row a server of its own is filled with a
million items by one connection; printed is what its resident memory has grown by, an item, right after the last
reply, and the ratio. Before the rows: the resident megabytes of a server that has nothing to do.

Trap: the allocator keeps what growing tables have outgrown, so that the figure depends on how far from its
last growth a table is; `bench/engine/memory_bench.cc` looks at every size from one to two million.
"""
import time

from pinned_server import Client, Server, encode, pin_load, read_row_options

HOUR_S = 3600
QUARTER_S = 900
SETTLE_S = 0.5  # for threads that are still starting

# What is sent for item i of `count`.
ROWS = {
    "string": lambda i, count: ["SET", f"key:{i:012d}", "v" * 32],
    "with ttl": lambda i, count: ["SET", f"key:{i:012d}", "v" * 32, "EX", HOUR_S],
    "score key": lambda i, count: ["SET", f"score:{i % 1000}:{i % 77}:{i}", f"0.{i % 10**6:06d}",
                                   "EX", QUARTER_S],
    "integer": lambda i, count: ["SET", f"key:{i:012d}", i],
    "3 fields": lambda i, count: ["HSET", f"h:{i:012d}", "name", "alice", "age", "31", "city", "madras"],
    "zset": lambda i, count: ["ZADD", "zset", i * 7919 % count, f"member:{i:09d}"],
    "set": lambda i, count: ["SADD", "set", f"member:{i:09d}"],
    "list": lambda i, count: ["RPUSH", "list", f"item:{i:09d}"],
    "hash": lambda i, count: ["HSET", "hash", f"field:{i:09d}", f"value:{i:09d}"],
}


def resident_bytes(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def idle_megabytes(command):
    with Server(command) as server:
        time.sleep(SETTLE_S)
        return resident_bytes(server) / 2**20


def measure(command, row, count):
    """Resident bytes an item."""
    with Server(command) as server:
        client = Client(server.port)
        client.ask("PING")
        time.sleep(SETTLE_S)
        before = resident_bytes(server)
        client.fill(count, lambda i: encode(*row(i, count)))
        return (resident_bytes(server) - before) / count


def show(name, figures):
    ratio = f" {figures[1]:8.1f} {figures[0] / figures[1]:6.2f}" if len(figures) == 2 else ""
    print(f"{name:>10} {figures[0]:8.1f}{ratio}", flush=True)


def main():
    options, commands = read_row_options(__doc__, ROWS, "--count", 1_000_000)
    pin_load()
    print(f"{'bytes':>10} {'ours':>8}" + (f" {'other':>8} {'ratio':>6}" if len(commands) == 2 else ""))
    show("idle, MB", [idle_megabytes(command) for command in commands])
    for name in options.rows:
        show(name, [measure(command, ROWS[name], options.count) for command in commands])


main()
