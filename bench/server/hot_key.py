#!/usr/bin/env python3
"""Question: what do reads of one hot key cost when several workers read it at once?

  hot_key.py [--rounds 3] [--workers 1,2,4] [--benchmark PATH] -- OURS...

OURS is a command in which {port} and {workers} are replaced. 40 clients at pipeline depth 16 read a string, or
a hash and a sorted set of 100,000 members each, which are read under their shard's lock. Prints CPU
microseconds of the server a request, user and system, and requests a second: medians of the rounds; and
how many requests of one round had to wait for the lock.

Trap: with as many workers as cores, the load and the server share them, so that only ratios between rows
of the same number of workers say something.
"""
import argparse
import statistics
import subprocess
import sys
import time

from pinned_server import Client, Server, default_benchmark, encode, split_commands

MEMBERS = 100_000
REQUESTS = 400_000
RANDOM = "element:__rand_int__"
READS = {
    "GET": ["GET", "string"],
    "HGET": ["HGET", "hash", RANDOM],
    "ZSCORE": ["ZSCORE", "zset", RANDOM],
    "ZRANGE 0 9": ["ZRANGE", "zset", "0", "9"],
}


def fill(client):
    client.ask("SET", "string", "v" * 32)
    client.fill(MEMBERS, lambda i: encode("HSET", "hash", f"element:{i:012d}", "v" * 32))
    client.fill(MEMBERS, lambda i: encode("ZADD", "zset", i, f"element:{i:012d}"))


def suspended(client):
    lines = client.ask("INFO", "stats").decode().split("\r\n")
    return next(int(line.split(":")[1]) for line in lines if line.startswith("suspended_commands:"))


def measure(benchmark, server, client, words):
    """CPU microseconds a request, requests a second, requests that waited for the lock."""
    waited, cpu, began = suspended(client), server.cpu_ns(), time.monotonic()
    subprocess.run([benchmark, "-p", str(server.port), "-q", "-c", "40", "-P", "16", "-n", str(REQUESTS),
                    "-r", str(MEMBERS), *words], stdout=subprocess.DEVNULL, check=True)
    rate = REQUESTS / (time.monotonic() - began)
    return (server.cpu_ns() - cpu) / REQUESTS / 1000, rate, suspended(client) - waited


def main():
    own, commands = split_commands(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--benchmark", help="valkey-benchmark or redis-benchmark")
    options = parser.parse_args(own)
    if len(commands) != 1:
        parser.error("one command, after --")
    benchmark = options.benchmark or default_benchmark()
    print(f"{'workers':>7} {'read':>12} {'us':>8} {'per second':>11} {'waited':>7}")
    for workers in options.workers.split(","):
        command = [word.replace("{workers}", workers) for word in commands[0]]
        with Server(command, "0-1") as server:
            client = Client(server.port)
            fill(client)
            for name, words in READS.items():
                rounds = [measure(benchmark, server, client, words) for _ in range(options.rounds)]
                cpu, rate, waited = map(statistics.median, zip(*rounds))
                print(f"{workers:>7} {name:>12} {cpu:8.3f} {rate:11.0f} {waited:7.0f}", flush=True)


main()
