#!/usr/bin/env python3
"""Compares how well our server and another use the memory that they are given.

  compare.py --load CACHE_LOAD [--traces zipf09,zipf11,scan,shift] [--policies allkeys-lru,allkeys-lfu]
             [--maxmemory 16mb,48mb] [--requests 3000000] [--keys 500000] [--rate 0] [--rounds 1]
             -- OURS... -- OTHER...

OURS and OTHER are commands in which {port} is replaced; `--maxmemory` and `--maxmemory-policy` are
added to them. CACHE_LOAD is the program of that name, which asks for keys in the order of a trace and
stores what it does not find; cache_load.cc describes the traces.

Each line is one trace, policy and limit: the share of look-ups that hit in both servers and the
difference in percentage points; then the same for ours with so much less memory as its records are denser,
which leaves out what that is worth: both servers are filled with the same keys first, without a limit, to see by
how much. Then keys held at the end, and CPU time of the server for each request. With several rounds, each of
another seed, figures are means, and the last column is the spread of the difference.

Trap: keys held are no measure of density, since who lets large keys go holds more of them.
"""
import argparse
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "server"))

from pinned_server import LOAD_CORE, Client, Server, pin_load, split_commands

FILL_REQUESTS = 200_000
UNITS = {"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}


def to_bytes(text):
    return int(text[:-2]) * UNITS[text[-2:]] if text[-2:] in UNITS else int(text)


def info(client):
    lines = client.ask("INFO", "everything").decode().split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line)


def used_memory(client):
    return int(info(client)["used_memory"])


def play(options, server, trace, requests, seed, rate):
    """Requests that count, those that hit, seconds."""
    done = subprocess.run(
        ["taskset", "-c", LOAD_CORE, options.load, str(server.port), trace, str(requests),
         str(options.keys), str(seed), str(rate)],
        check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


def bytes_of_some_keys(options, command):
    """What a server takes for keys of all classes, the same ones whenever it is asked."""
    with Server(command) as server:
        client = Client(server.port)
        empty = used_memory(client)
        play(options, server, "zipf09", FILL_REQUESTS, 1, 0)
        return used_memory(client) - empty


class Outcome:
    """One server after one trace."""

    def __init__(self, options, command, trace, policy, limit, seed):
        limits = ["--maxmemory", str(limit), "--maxmemory-policy", policy]
        with Server(command + limits) as server:
            client = Client(server.port)
            empty = used_memory(client)
            before = server.cpu_ns()
            counted, hits, seconds = play(options, server, trace, options.requests, seed, options.rate)
            self.hit_percent = 100 * hits / counted
            self.cpu_us = (server.cpu_ns() - before) / options.requests / 1000
            self.seconds = seconds
            self.keys = client.ask("DBSIZE")
            self.data_bytes = limit - empty
            self.empty_bytes = empty


def compare(options, commands, density, trace, policy, limit):
    rows = []
    for seed in range(1, options.rounds + 1):
        other = Outcome(options, commands[1], trace, policy, limit, seed)
        ours = Outcome(options, commands[0], trace, policy, limit, seed)
        smaller = ours.empty_bytes + int(ours.data_bytes * density)
        equal = Outcome(options, commands[0], trace, policy, smaller, seed)
        rows.append((ours, other, equal))

    def mean(which, what):
        return statistics.mean(getattr(row[which], what) for row in rows)

    gains = [ours.hit_percent - other.hit_percent for ours, other, _ in rows]
    equal_gains = [equal.hit_percent - other.hit_percent for _, other, equal in rows]
    print(f"{trace:>7} {policy:>12} {limit >> 20:>4} MB"
          f" {mean(0, 'hit_percent'):7.2f} {mean(1, 'hit_percent'):7.2f} {statistics.mean(gains):+6.2f}"
          f" {mean(2, 'hit_percent'):7.2f} {statistics.mean(equal_gains):+6.2f}"
          f" {mean(0, 'keys'):8.0f} {mean(1, 'keys'):8.0f} {mean(2, 'keys'):8.0f}"
          f" {mean(0, 'cpu_us'):6.2f} {mean(1, 'cpu_us'):6.2f} {mean(1, 'seconds'):6.1f}"
          f"  {min(gains):+.2f} to {max(gains):+.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load", required=True)
    parser.add_argument("--traces", default="zipf09,zipf11,scan,shift")
    parser.add_argument("--policies", default="allkeys-lru,allkeys-lfu")
    parser.add_argument("--maxmemory", default="16mb,48mb")
    parser.add_argument("--requests", type=int, default=3_000_000)
    parser.add_argument("--keys", type=int, default=500_000)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=1)
    own, commands = split_commands(sys.argv[1:])
    options = parser.parse_args(own)
    if len(commands) != 2:
        parser.error("two commands, each after --")
    pin_load()
    filled = [bytes_of_some_keys(options, command) for command in commands]
    density = filled[0] / filled[1]
    print(f"the same keys take {density:.3f} of the other's memory")
    print(f"{'trace':>7} {'policy':>12} {'limit':>7} {'ours %':>7} {'other %':>7} {'diff':>6}"
          f" {'equal %':>7} {'diff':>6} {'keys':>8} {'other':>8} {'equal':>8} {'us':>6} {'other':>6}"
          f" {'s':>6}  spread of the difference")
    for trace in options.traces.split(","):
        for policy in options.policies.split(","):
            for limit in options.maxmemory.split(","):
                compare(options, commands, density, trace, policy, to_bytes(limit))


main()
