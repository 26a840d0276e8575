#!/usr/bin/env python3
"""Question: is any row of redis-benchmark's default set slower than on another server?

  default_rows.py [--rounds 3] [--requests 200000] [--benchmark PATH] -- OURS... -- OTHER...

OURS and OTHER are commands in which {port} is replaced, each with one worker. The servers take turns; printed
are requests a second, the median of the rounds with its spread, and the ratio.

Trap: at depth 1 most of a request is the kernel's and the load generator's, so ratios are near 1 whatever the
server does; CPU a request (compare.py, collection_commands.py) says more.
"""
import argparse
import csv
import statistics
import subprocess
import sys

from pinned_server import LOAD_CORE, Server, default_benchmark, split_commands


def rates(benchmark, command, requests):
    """Requests a second by the name of the row."""
    with Server(command) as server:
        output = subprocess.run(["taskset", "-c", LOAD_CORE, benchmark, "-p", str(server.port), "-n",
                                 str(requests), "--csv"], capture_output=True, text=True, check=True)
    rows = [row for row in csv.reader(output.stdout.splitlines()) if len(row) > 1]
    return {row[0]: float(row[1]) for row in rows if row[0] != "test"}


def main():
    own, commands = split_commands(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--benchmark", help="valkey-benchmark or redis-benchmark")
    options = parser.parse_args(own)
    if len(commands) != 2:
        parser.error("two commands, each after --")
    benchmark = options.benchmark or default_benchmark()
    rounds = [[], []]
    for _ in range(options.rounds):
        for who, command in enumerate(commands):
            rounds[who].append(rates(benchmark, command, options.requests))
    print(f"{'row':>36} {'ours':>9} {'spread':>15} {'other':>9} {'spread':>15} {'ratio':>6}")
    for name in rounds[0][0]:
        ours, other = ([one[name] for one in side] for side in rounds)
        a, b = statistics.median(ours), statistics.median(other)
        print(f"{name[:36]:>36} {a:9.0f} {min(ours):7.0f}-{max(ours):7.0f} {b:9.0f} "
              f"{min(other):7.0f}-{max(other):7.0f} {a / b:6.2f}")


main()
