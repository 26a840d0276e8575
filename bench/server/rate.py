#!/usr/bin/env python3
"""Question: what does a rate-limit decision cost a server, native and as the usual scripts?

  rate.py [--rounds 5] [--benchmark PATH] --echo ECHO_LOOP -- OURS... -- OTHER...

OURS and OTHER are commands in which {port} is replaced, each with one worker; ECHO_LOOP is the program
of bench/server/echo_loop.cc. Prints CPU microseconds of the server a decision, user and system, with 50
clients and 10,000 buckets, at pipeline depths 1 and 16: the median of rounds in which the servers take
turns.

GET           of a 64-byte value: what the cheapest request costs
RATE.TAKE     the limit is the key class's
CL.THROTTLE   the limit is in the request
INCR+EXPIRE   a fixed window: two commands, pipelined together
window script the sorted set of sliding_window.lua, by EVALSHA
GCRA script   the same algorithm as ours, gcra.lua, by EVALSHA

"Beyond the echo loop" is what is left of a figure when that of a server that only reads and answers is
taken away, since no limiter could save that.

Trap: refusing is cheaper than allowing, since nothing is written. So every bucket has room for all that
a round asks of it, which is 30 or 100 on average.
"""
import argparse
import pathlib
import statistics
import sys

from pinned_server import Client, Server, default_benchmark, encode, load, pin_load, spread
from pinned_server import split_commands

FOLDER = pathlib.Path(__file__).resolve().parent
BUCKETS = 10_000
CLIENTS = 50
DEPTHS = {1: 300_000, 16: 1_000_000}  # and how many decisions are measured
BURST, COUNT, PERIOD_S = 199, 100, 60
OURS, OTHER, ECHO = range(3)
NAMES = ["ours", "other", "echo loop"]
RANDOM_KEY = "rate:__rand_1st__"

CLASS = ["KEYCLASS", "SET", "rate", "rate:*", "limit", COUNT, "period", PERIOD_S, "burst", BURST]


def scripts(client):
    """Uploads the scripts; gives the commands of a decision, by its name."""
    window = client.ask("SCRIPT", "LOAD", (FOLDER / "sliding_window.lua").read_bytes()).decode()
    gcra = client.ask("SCRIPT", "LOAD", (FOLDER / "gcra.lua").read_bytes()).decode()
    return {
        "INCR+EXPIRE": [["INCR", RANDOM_KEY], ["EXPIRE", RANDOM_KEY, PERIOD_S]],
        "window script": [["EVALSHA", window, 1, RANDOM_KEY, BURST + 1, PERIOD_S * 1000]],
        "GCRA script": [["EVALSHA", gcra, 1, RANDOM_KEY, BURST, COUNT, PERIOD_S, 1]],
    }


def native(client):
    client.ask(*CLASS)
    return {
        "RATE.TAKE": [["RATE.TAKE", RANDOM_KEY]],
        "CL.THROTTLE": [["CL.THROTTLE", RANDOM_KEY, BURST, COUNT, PERIOD_S]],
    }


def loads_of(who, client):
    loads = {"GET": [["GET", "memory:__rand_1st__"]]}
    if who == ECHO:
        return loads
    client.fill(BUCKETS, lambda i: encode("SET", f"memory:{i:012d}", "v" * 64))
    loads.update(native(client) if who == OURS else scripts(client))
    return loads


def clear_buckets(client):
    """So that no load meets the buckets of another, which may be of another type."""
    client.fill(BUCKETS, lambda i: encode("DEL", f"rate:{i:012d}"))


def check(client, name, commands):
    """A command that fails would be measured as a fast one; the client ends the program then."""
    for words in commands:
        reply = client.ask(*(word if word != RANDOM_KEY else "rate:checked" for word in words))
    if isinstance(reply, list) and reply[0] != 0:
        sys.exit(f"{name} answers {reply}, which should have been allowed")
    client.ask("DEL", "rate:checked")


def measure(benchmark, server, depth, commands):
    """CPU microseconds a decision."""
    decisions = DEPTHS[depth]
    sequence = [str(word) for words in commands for word in (*words, ";")][:-1]
    before = server.cpu_ns()
    load(benchmark, server, "-P", str(depth), "-n", str(decisions * len(commands)),
         "-c", str(CLIENTS), "-r", str(BUCKETS), *sequence)
    return (server.cpu_ns() - before) / decisions / 1000


def round_of(benchmark, who, command, figures):
    with Server(command) as server:
        client = Client(server.port)
        for name, commands in loads_of(who, client).items():
            for depth in DEPTHS:
                if who != ECHO:
                    clear_buckets(client)
                    check(client, name, commands)
                used = measure(benchmark, server, depth, commands)
                figures.setdefault((depth, who, name), []).append(used)


def report(figures):
    median = {key: statistics.median(values) for key, values in figures.items()}
    print(f"{'depth':>5} {'server':>9} {'request':>14} {'us':>7} {'spread':>14} {'beyond':>7} "
          f"{'of GET':>7} {'of GCRA script':>15}")
    for depth in DEPTHS:
        echo = median[depth, ECHO, "GET"]
        get = median[depth, OURS, "GET"] - echo
        script = median[depth, OTHER, "GCRA script"]
        for (at, who, name), used in median.items():
            if at == depth:
                beyond = f"{used - echo:7.3f} {(used - echo) / get:7.2f}" if who != ECHO else " " * 15
                print(f"{depth:>5} {NAMES[who]:>9} {name:>14} {used:7.3f} "
                      f"{spread(figures[at, who, name]):>14} {beyond} {used / script:15.3f}")


def main():
    own, commands = split_commands(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--benchmark", help="valkey-benchmark, which knows __rand_1st__")
    parser.add_argument("--echo", required=True)
    options = parser.parse_args(own)
    if len(commands) != 2:
        parser.error("two commands, each after --")
    benchmark = options.benchmark or default_benchmark()
    pin_load()
    figures = {}
    for _ in range(options.rounds):
        for who, command in enumerate([*commands, [options.echo, "{port}"]]):
            round_of(benchmark, who, command, figures)
    report(figures)


main()
