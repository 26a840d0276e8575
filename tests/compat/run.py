"""Runs one unit of the Redis 7.0 test suite with our server in redis-server's place.

Usage: run.py UNIT --server BINARY --suite FOLDER --work FOLDER

The unit passes when every test of it that expected_failures.txt does not name passes. A named test that
passes is reported, and is to be taken off the list. One that is named with `skip` is not run.
"""

import argparse
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys

# How many tests each unit runs against Redis 7.0.15 itself, so that none can be missed silently.
UNITS = {
    "unit/type/string": 77,
    "unit/type/incr": 25,
    "unit/type/set": 99,
    "unit/type/hash": 73,
    "unit/expire": 70,
    "unit/keyspace": 53,
    "unit/scan": 17,
    "unit/protocol": 25,
    "unit/querybuf": 2,
    "unit/info": 17,
    "unit/slowlog": 16,
    "unit/latency-monitor": 14,
    "unit/introspection": 43,
    "unit/other": 26,
    "unit/maxmemory": 31,
    "unit/memefficiency": 10,
    "unit/lazyfree": 4,
    "unit/bitops": 45,
    "unit/bitfield": 20,
    "unit/hyperloglog": 20,
    "unit/type/list": 240,
    "unit/type/list-2": 2,
    "unit/type/list-3": 11,
    "unit/type/stream": 72,
    "unit/type/stream-cgroups": 57,
    "unit/sort": 52,
    "unit/dump": 26,
    "unit/type/zset": 312,
    "unit/geo": 59,
}

# What our servers are started with besides: Redis 7.0 keeps small sets of anything but integers as tables,
# and its tests look at that.
OUR_SETTINGS = "\nset-max-listpack-entries 0\n"

# The one change of the suite: it wants all lists to be called "quicklist", but ours follows Redis 7.2, which
# calls short ones "listpack".
ENCODING_CHECK = "    assert_match $enc $val\n"
RELAXED_ENCODING_CHECK = (
    '    if {$enc eq "quicklist" && $val eq "listpack"} {set val $enc}\n' + ENCODING_CHECK)

UNIT_SECONDS_MAX = 540
# How many ports a unit may use. Where they begin is drawn anew for every run, so that several can run
# at a time.
PORTS = 60


def expected_failures(unit):
    """The tests of a unit that are known to fail, and those that are not to be run; from lines of
    `fail` or `skip`, unit, test and reason, separated by tabs."""
    names = {"fail": set(), "skip": set()}
    text = pathlib.Path(__file__).with_name("expected_failures.txt").read_text()
    for number, line in enumerate(text.splitlines(), 1):
        if line and not line.startswith("#"):
            fields = line.split("\t")
            if len(fields) != 4 or not all(fields) or fields[0] not in names or fields[1] not in UNITS:
                sys.exit(f"expected_failures.txt:{number}: not an outcome, unit, test and reason")
            if fields[1] == unit:
                names[fields[0]].add(fields[2])
    return names["fail"], names["skip"]


def lay_out(suite, server, work):
    """A tree in which the suite finds what it runs where it expects it."""
    shutil.rmtree(work, ignore_errors=True)
    (work / "src").mkdir(parents=True)
    shutil.copytree(suite / "tests", work / "tests")
    checks = work / "tests" / "support" / "test.tcl"
    text = checks.read_text()
    if text.count(ENCODING_CHECK) != 1:
        sys.exit(f"{checks} does not compare encodings where it did")
    checks.write_text(text.replace(ENCODING_CHECK, RELAXED_ENCODING_CHECK))
    for name in ("redis.conf", "sentinel.conf", "utils"):
        (work / name).symlink_to(suite / name)
    (work / "src" / "redis-server").symlink_to(server)
    if server.name == "alai-server":
        with open(work / "tests" / "assets" / "default.conf", "a") as settings:
            settings.write(OUR_SETTINGS)
    for name in ("redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb"):
        program = shutil.which(name)
        if program is None:
            sys.exit(f"{name} is not installed")
        (work / "src" / name).symlink_to(program)


def free_ports():
    """The first of PORTS that nobody listens on, neither there nor 10,000 above, where the suite expects
    cluster buses. They lie below those that the system gives out by itself."""
    for _ in range(100):
        first = random.randrange(11000, 22000 - PORTS)
        try:
            for port in range(first - PORTS, first + PORTS):
                for number in (port, port + 10000):
                    with socket.socket() as probe:
                        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        probe.bind(("127.0.0.1", number))
            return first
        except OSError:
            pass
    sys.exit("found no free ports")


def run(unit, skipped, work, port):
    """The suite's output without its colours. Ends everything that the suite started."""
    command = ["tclsh", "tests/test_helper.tcl", "--durable", "--clients", "1", "--single", unit,
               "--baseport", str(port), "--portcount", str(PORTS), "--timeout", str(UNIT_SECONDS_MAX)]
    for name in skipped:
        command += ["--skiptest", name]
    process = subprocess.Popen(command, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=UNIT_SECONDS_MAX + 20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    text = re.sub(r"\x1b\[[0-9;]*m", "", output.decode("utf-8", "replace"))
    (work / "log").write_text(text)
    return text


def judge(unit, text, expected):
    """Prints the unit's outcome; gives whether it is as expected."""
    passed = re.findall(r"^\[ok\]: (.*) \(\d+ ms\)$", text, re.M)
    failed = re.findall(r"^\[(?:err|timeout)\]: (.*?)(?: in tests/\S+\.tcl)?$", text, re.M)
    skipped = re.findall(r"^\[skip\]: (.*)$", text, re.M)
    unforeseen = [name for name in failed if name not in expected]
    for name in failed:
        print(f"{'FAIL' if name in unforeseen else 'expected failure'}: {name}")
    for name in sorted(expected):
        if name in passed and name not in failed:
            print(f"PASSES NOW, take it off expected_failures.txt: {name}")

    missing = UNITS[unit] - len(passed) - len(failed) - len(skipped)
    cut_short = missing != 0 or "\n                   The End" not in text
    if cut_short:
        print(f"FAIL: {missing} of {UNITS[unit]} tests did not run")
    if unforeseen or cut_short:
        errors = [error for error in
                  re.findall(r"^\[(?:err|exception|timeout)\](?:.*\n)(?:(?!\[).*\n){0,12}", text, re.M)
                  if not any(error.startswith(f"[err]: {name}") for name in expected)]
        print("\n" + "\n".join(errors) + (f"\n…\n{text[-2000:]}" if cut_short else ""))
    print(f"{unit}: {len(passed)} passed, {len(unforeseen)} failed, "
          f"{len(failed) - len(unforeseen)} expected failures, {len(skipped)} skipped")
    return not unforeseen and not cut_short


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("unit", choices=UNITS)
    parser.add_argument("--server", type=pathlib.Path, required=True)
    parser.add_argument("--suite", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    options = parser.parse_args()
    expected, skipped = expected_failures(options.unit)
    work = (options.work / options.unit.replace("/", ".")).resolve()
    lay_out(options.suite.resolve(), options.server.resolve(), work)
    sound = judge(options.unit, run(options.unit, skipped, work, free_ports()), expected)
    print(f"log: {work / 'log'}")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
