"""What comparisons of servers share: a server pinned to core 0 and its CPU time, the load on core 1, and
a client that speaks RESP2. For one thread.
"""
import argparse
import glob
import os
import shutil
import socket
import subprocess
import sys
import time

SERVER_CORE, LOAD_CORE = "0", "1"


def encode(*args):
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        arg = arg if isinstance(arg, bytes) else str(arg).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)


class Client:
    """A connection that speaks RESP2."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def ask(self, *args):
        self.socket.sendall(encode(*args))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"-":
            sys.exit(f"server says {line}")
        return int(rest) if kind == b":" else rest

    def fill(self, count, request, batch=1000):
        for base in range(0, count, batch):
            self.socket.sendall(b"".join(request(i) for i in range(base, min(base + batch, count))))
            for _ in range(base, min(base + batch, count)):
                self.reply()


class Server:
    """A server pinned to core 0, or to `cores`, for the length of a with statement."""

    def __init__(self, command, cores=SERVER_CORE):
        self.cores = cores
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.command = [word.replace("{port}", str(self.port)) for word in command]

    def __enter__(self):
        self.process = subprocess.Popen(["taskset", "-c", self.cores] + self.command,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                Client(self.port).ask("PING")
                return self
            except OSError:
                time.sleep(0.1)
        self.process.kill()
        sys.exit(f"no answer from {self.command}")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def cpu_ns(self):
        paths = glob.glob(f"/proc/{self.process.pid}/task/*/schedstat")
        return sum(int(open(path).read().split()[0]) for path in paths)


def spread(values):
    return f"{min(values):.3f}-{max(values):.3f}"


def default_benchmark():
    found = shutil.which("valkey-benchmark") or shutil.which("redis-benchmark")
    return found or sys.exit("no valkey-benchmark here; name one with --benchmark")


def load(benchmark, server, *options):
    """Runs a benchmark against a server, on the other core."""
    subprocess.run(["taskset", "-c", LOAD_CORE, benchmark, "-p", str(server.port), "-q", *options],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def pin_load():
    """This program is a part of the load."""
    os.sched_setaffinity(0, {int(LOAD_CORE)})


def split_commands(words):
    """The words before the first --, and the commands after each."""
    parts = [[]]
    for word in words:
        if word == "--":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts[0], parts[1:]


def read_row_options(description, rows, count_option, count_default):
    """For a script that measures `rows` of one server, or of two: the options, `rows` among them as a list of
    names, and the commands."""
    own, commands = split_commands(sys.argv[1:])
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=lambda names: names.split(","), default=list(rows),
                        help="names between commas")
    parser.add_argument(count_option, type=int, default=count_default)
    options = parser.parse_args(own)
    if len(commands) not in (1, 2) or not set(options.rows) <= set(rows):
        parser.error(f"one or two commands, each after --; the rows are {', '.join(rows)}")
    return options, commands
