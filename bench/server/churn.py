#!/usr/bin/env python3
"""Question: how much memory does a server keep that has been given a limit, while values of all sizes come and go?

  churn.py [--seconds 60] [--maxmemory 64] [--sizes mixed,abrupt] -- OURS... [-- OTHER...]

OURS and OTHER are commands in which {port} is replaced; a limit in megabytes and allkeys-lru are added. Three clients
write as fast as they can, each its own million keys, drawn evenly. Sizes are mixed (16 to 4,096 bytes, their
logarithm drawn evenly) or change abruptly every two seconds. Printed is resident memory as a share of the limit:
every tenth of the time, the largest of the second half, and three seconds after the last write.

Trap: before the memory has been written to several times over nothing is fragmented; the third column tells how
many times that was.
"""
import argparse
import multiprocessing
import random
import sys
import time

from pinned_server import Client, Server, encode, split_commands

WRITERS = 3
KEYS = 1_000_000
BATCH = 500
PHASES = [(20, 60), (300, 500), (40, 100), (1000, 3000), (20, 200), (600, 800), (100, 120), (2000, 4000)]
PHASE_S = 2
MEGABYTE = 1 << 20
BYTES = random.Random(0).randbytes(4096)


def size_of(sizes, choice, elapsed_s):
    if sizes == "mixed":
        return int(16 * 256 ** choice.random())
    return choice.randint(*PHASES[int(elapsed_s / PHASE_S) % len(PHASES)])


def write(port, writer, sizes, seconds, written):
    client = Client(port)
    choice = random.Random(writer)
    began = time.monotonic()
    while (elapsed_s := time.monotonic() - began) < seconds:
        values = [BYTES[:size_of(sizes, choice, elapsed_s)] for _ in range(BATCH)]
        client.socket.sendall(b"".join(
            encode("SET", f"{writer}:{choice.randrange(KEYS)}", value) for value in values))
        for _ in values:
            client.reply()
        with written.get_lock():
            written.value += sum(map(len, values))


def resident_share(server, limit):
    with open(f"/proc/{server.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / limit


def churn(command, sizes, options):
    limit = options.maxmemory * MEGABYTE
    limits = ["--maxmemory", str(limit), "--maxmemory-policy", "allkeys-lru"]
    written = multiprocessing.Value("Q", 0)
    with Server(command + limits, cores="0,1") as server:
        writers = [multiprocessing.Process(target=write, args=(server.port, i, sizes, options.seconds, written))
                   for i in range(WRITERS)]
        for writer in writers:
            writer.start()
        shares = []
        began = time.monotonic()
        while any(writer.is_alive() for writer in writers):
            time.sleep(0.1)
            shares.append((time.monotonic() - began, resident_share(server, limit)))
        time.sleep(3)
        after = resident_share(server, limit)
    tenths = [next(share for at, share in shares if at >= options.seconds * i / 10) for i in range(1, 10)]
    largest = max(share for at, share in shares if at >= options.seconds / 2)
    print(f"{command[0].rsplit('/', 1)[-1]:>16} {sizes:>7} {written.value / limit:6.0f}"
          f"  {' '.join(f'{share:.2f}' for share in tenths)}   {largest:.2f} {after:.2f}", flush=True)


def main():
    own, commands = split_commands(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--maxmemory", type=int, default=64, help="megabytes")
    parser.add_argument("--sizes", default="mixed,abrupt")
    options = parser.parse_args(own)
    if len(commands) not in (1, 2):
        parser.error("one or two commands, each after --")
    print(f"{'server':>16} {'sizes':>7} {'times':>6}  resident, as a share of the limit{'':11} largest, after 3 s")
    for sizes in options.sizes.split(","):
        for command in commands:
            churn(command, sizes, options)


main()
