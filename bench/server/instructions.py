#!/usr/bin/env python3
"""Question: how many instructions does a request cost a server, beside another server?

  instructions.py [--rows NAME,...] [--requests 50000] -- OURS... [-- OTHER...]

OURS and OTHER are commands in which {port} is replaced, each with one worker. For each row a server is
started under valgrind's callgrind, which counts nothing while 100,000 keys, fields, members or elements are
made; then it counts while one connection sends requests about these, drawn with a fixed seed, in batches
of 16. Printed are user-mode instructions of all threads a request, and the ratio.

Trap: what a server does by the clock is counted, too, and weighs more than it should, since under callgrind
requests take fifty times as long. So a row needs tens of thousands of requests to come out the same twice.
"""
import pathlib
import random
import re
import subprocess
import sys
import tempfile

from pinned_server import Client, Server, encode, pin_load, read_row_options

KEYS = 100_000
BATCH = 16
VALUE = "v" * 64
FIELD_VALUE = "v" * 16
HOUR_S = 3600
SCORES = 1_000_000
FIELDS = 8
LISTS = 16


def some(choice, count):
    return choice.randrange(count)


# What a row sends about number i; `choice` draws what else there is to choose.
ROWS = {
    "ping": lambda i, choice: ["PING"],
    "get": lambda i, choice: ["GET", f"key:{i:012d}"],
    "set": lambda i, choice: ["SET", f"key:{i:012d}", VALUE],
    "setex": lambda i, choice: ["SET", f"key:{i:012d}", VALUE, "EX", HOUR_S],
    "incr": lambda i, choice: ["INCR", f"counter:{i:012d}"],
    "hset": lambda i, choice: ["HSET", f"hash:{i:012d}", f"f{some(choice, FIELDS)}", FIELD_VALUE],
    "hget": lambda i, choice: ["HGET", f"hash:{i:012d}", f"f{some(choice, FIELDS)}"],
    "sadd": lambda i, choice: ["SADD", "set", f"element:{i:012d}"],
    "zadd": lambda i, choice: ["ZADD", "zset", some(choice, SCORES), f"element:{i:012d}"],
    "lpush": lambda i, choice: ["LPUSH", f"list:{some(choice, LISTS)}", VALUE],
}
# What a row that only reads reads has been written by another.
FILLED_BY = {"get": "set", "hget": "hset"}


class CountedServer(Server):
    """A server under callgrind."""

    def __init__(self, command, folder):
        self.profile = folder / "callgrind.out"
        super().__init__(["valgrind", "--tool=callgrind", "--instr-atstart=no",
                          f"--callgrind-out-file={self.profile}", *command])

    def control(self, option):
        done = subprocess.run(["callgrind_control", option, str(self.process.pid)],
                              capture_output=True, text=True)
        if done.returncode != 0 or "Error" in done.stdout:
            sys.exit(f"callgrind_control {option}: {done.stdout}{done.stderr}")

    def count(self, task):
        """The instructions while the task runs. Each dump has its own sum."""
        self.control("--instr=on")
        task()
        self.control("--instr=off")
        self.control("--dump")
        texts = [path.read_text() for path in self.profile.parent.glob(self.profile.name + "*")]
        sums = [int(number) for text in texts for number in re.findall(r"^totals: (\d+)", text, re.M)]
        return sum(sums) or sys.exit("callgrind has counted nothing")


def send(client, row, numbers, choice):
    for base in range(0, len(numbers), BATCH):
        batch = numbers[base:base + BATCH]
        client.socket.sendall(b"".join(encode(*ROWS[row](i, choice)) for i in batch))
        for _ in batch:
            client.reply()


def measure(command, row, requests):
    """Instructions a request."""
    choice = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        with CountedServer(command, pathlib.Path(folder)) as server:
            client = Client(server.port)
            filled_by = ROWS[FILLED_BY.get(row, row)]
            client.fill(KEYS, lambda i: encode(*filled_by(i, choice)))
            numbers = [choice.randrange(KEYS) for _ in range(requests)]
            send(client, row, numbers[:BATCH], choice)
            return server.count(lambda: send(client, row, numbers, choice)) / requests


def main():
    options, commands = read_row_options(__doc__, ROWS, "--requests", 50_000)
    pin_load()
    print(f"{'request':>8} {'ours':>8}" + (f" {'other':>8} {'ratio':>6}" if len(commands) == 2 else ""))
    for row in options.rows:
        figures = [measure(command, row, options.requests) for command in commands]
        beside = f" {figures[1]:8.0f} {figures[0] / figures[1]:6.3f}" if len(figures) == 2 else ""
        print(f"{row:>8} {figures[0]:8.0f}{beside}", flush=True)


main()
