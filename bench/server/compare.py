#!/usr/bin/env python3
"""Compares our server with another on the same load in one run.

  compare.py requests [--rounds 3] [--loads P:TEST:N,...] [--echo ECHO_LOOP] -- OURS... -- OTHER...
  compare.py keys     [--rounds 3] -- OURS... -- OTHER...
  compare.py expiry   -- OURS... -- OTHER...

OURS and OTHER are commands in which {port} is replaced. Servers are pinned to core 0 and whoever loads
them to core 1; the two take turns, so that noise of the machine meets both. CPU time is the kernel's own
account of all threads of the server, in nanoseconds, user and system.

requests  redis-benchmark with 50 clients, 64-byte values and a million keys: CPU microseconds a request;
          with the program of bench/server/echo_loop.cc also its figure, which is the kernel's share, and
          the ratio of what the two take beyond it
keys      KEYS score:42:* over a million keys: CPU milliseconds a call, and what another client notices
expiry    a million keys that fall due in the same second: how long until all are gone, and the latency
          of a client that asks at a fixed rate, before and meanwhile
"""
import argparse
import statistics
import sys
import threading
import time

from pinned_server import (Client, Server, default_benchmark, encode, load, pin_load, spread,
                           split_commands)


OURS, OTHER, ECHO = range(3)


def requests(options, commands):
    if options.echo:
        commands = [*commands, [options.echo, "{port}"]]
    benchmark = options.benchmark or default_benchmark()
    loads = [words.split(":") for words in options.loads.split(",")]
    figures = {}
    for _ in range(options.rounds):
        for who, command in enumerate(commands):
            with Server(command) as server:
                for depth, test, count in loads:
                    before = server.cpu_ns()
                    load(benchmark, server, "-t", test, "-P", depth, "-n", count, "-c", "50",
                         "-r", "1000000", "-d", "64")
                    used = (server.cpu_ns() - before) / int(count) / 1000
                    figures.setdefault((depth, test, who), []).append(used)
    beyond = f" {'echo us':>9} {'spread':>14} {'beyond':>7}" if options.echo else ""
    print(f"{'pipeline':>8} {'test':>6} {'ours us':>9} {'spread':>14} {'other us':>9} {'spread':>14} "
          f"{'ratio':>6}{beyond}")
    for depth, test, _ in loads:
        ours, other = figures[depth, test, OURS], figures[depth, test, OTHER]
        a, b = statistics.median(ours), statistics.median(other)
        if options.echo:
            echo = figures[depth, test, ECHO]
            e = statistics.median(echo)
            beyond = f" {e:9.3f} {spread(echo):>14} {(a - e) / (b - e):7.2f}"
        print(f"{depth:>8} {test:>6} {a:9.3f} {spread(ours):>14} {b:9.3f} {spread(other):>14} "
              f"{a / b:6.2f}{beyond}")


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class Observer:
    """A client that asks for a key every millisecond and notes how long the answer took."""

    def __init__(self, port):
        self.client = Client(port)
        self.client.ask("SET", "watched", "v")
        self.latencies = []
        self.stopping = False
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()

    def run(self):
        due = time.monotonic()
        while not self.stopping:
            start = time.monotonic()
            self.client.ask("GET", "watched")
            self.latencies.append((time.monotonic() - start) * 1e3)
            due += 0.001
            time.sleep(max(0.0, due - time.monotonic()))


def keys(options, commands):
    names = ["ours", "other"]
    figures = {}
    for _ in range(options.rounds):
        for who, command in enumerate(commands):
            with Server(command) as server:
                client = Client(server.port)
                client.fill(1_000_000, lambda i: encode("SET", f"score:{i % 1000}:{i % 77}:{i}", "v"))
                with Observer(server.port) as quiet:
                    time.sleep(2)
                calls = 20
                with Observer(server.port) as busy:
                    before = server.cpu_ns()
                    for _ in range(calls):
                        assert len(client.ask("KEYS", "score:42:*")) == 1000
                    used = (server.cpu_ns() - before) / calls / 1e6
                figures.setdefault(who, []).append(
                    (used, percentile(quiet.latencies, 99), percentile(busy.latencies, 99)))
    for who, rows in sorted(figures.items()):
        cpu, quiet, busy = ([row[i] for row in rows] for i in range(3))
        print(f"{names[who]:>6}: {statistics.median(cpu):8.2f} ms CPU a call ({spread(cpu)}), "
              f"another client's p99 {statistics.median(quiet):.3f} ms quiet, "
              f"{statistics.median(busy):.3f} ms beside it")
    a, b = (statistics.median(row[0] for row in figures[who]) for who in (0, 1))
    print(f" ratio: {a / b:.2f}")


def expiry(options, commands):
    for name, command in zip(["ours", "other"], commands):
        with Server(command) as server:
            client = Client(server.port)
            due = int(time.time()) + 30
            client.fill(1_000_000, lambda i: encode("SET", f"key:{i:012d}", "v" * 32, "PXAT",
                                                    due * 1000 + i % 1000))
            with Observer(server.port) as quiet:
                time.sleep(min(5.0, max(1.0, due - time.time() - 2)))
            time.sleep(max(0.0, due - time.time()))
            before = server.cpu_ns()
            gone = None
            with Observer(server.port) as busy:
                while time.time() < due + 90 and gone is None:
                    if client.ask("DBSIZE") <= 1:
                        gone = time.time() - due - 1
                    time.sleep(0.02)
            used = (server.cpu_ns() - before) / 1e6
            took = "some left after 90 s" if gone is None else f"all gone {max(gone, 0):.2f} s after the last was due"
            print(f"{name:>6}: {took}, {used:.0f} ms CPU; GET every ms: p99.9 "
                  f"{percentile(quiet.latencies, 99.9):.3f} ms quiet, "
                  f"{percentile(busy.latencies, 99.9):.3f} ms meanwhile", flush=True)


def main():
    own, commands = split_commands(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["requests", "keys", "expiry"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--benchmark")
    parser.add_argument("--echo", help="for requests: the program of bench/server/echo_loop.cc")
    parser.add_argument("--loads", default="1:set:200000,1:get:200000,16:set:2000000,16:get:2000000,"
                                           "100:set:5000000,100:get:5000000")
    options = parser.parse_args(own)
    if len(commands) != 2:
        parser.error("two commands, each after --")
    pin_load()
    {"requests": requests, "keys": keys, "expiry": expiry}[options.what](options, commands)


main()
