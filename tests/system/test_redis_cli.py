"""redis-cli, on a terminal and not, in every mode that needs only strings."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import wire
from server_case import ServerCase, wait_until

ROWS, COLUMNS = 40, 200
QUIET_S = 0.05
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Terminal:
    """A program on a pseudo terminal; belongs to one thread."""

    def __init__(self, *command: str):
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.environ["HOME"] = "/nonexistent"
            os.execvp(command[0], command)
        size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, size)
        self.shown = b""

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def wait_for(self, pattern: str, seconds: float = 10.0) -> bytes:
        """Reads until what is new on the screen holds `pattern`, and gives it. When the pattern is
        to match the end, waits until nothing more comes."""
        wanted = re.compile(pattern.encode())
        at_end = pattern.endswith("$")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if select.select([self._fd], [], [], QUIET_S)[0]:
                try:
                    self.shown += os.read(self._fd, 65536)
                except OSError:
                    break
                if at_end:
                    continue
            clean = ESCAPES.sub(b"", self.shown)
            if wanted.search(clean):
                self.shown = b""
                return clean
        raise AssertionError(f"{pattern!r} did not show up in {self.shown[-500:]!r}")

    def close(self) -> int:
        """The exit status of a program that has been told to end; it is killed when it does not."""
        deadline = time.monotonic() + 10.0
        try:
            while time.monotonic() < deadline:
                if select.select([self._fd], [], [], 0.1)[0] and not os.read(self._fd, 65536):
                    break
            else:
                os.kill(self.pid, signal.SIGKILL)
        except OSError:
            pass
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Interactive(ServerCase):
    def setUp(self):
        self.server = self.start()
        self.terminal = Terminal("redis-cli", "-p", str(self.server.port))
        self.prompt = rf"127\.0\.0\.1:{self.server.port}(\[\d+\])?> "
        self.terminal.wait_for(self.prompt + "$")

    def say(self, text: str) -> str:
        self.terminal.type(text + "\r")
        shown = self.terminal.wait_for(r"\n[^\n]*" + self.prompt + "$").decode()
        return shown.split("\n", 1)[1].rsplit("\n", 1)[0]

    def leave(self, word: str = "quit") -> None:
        self.terminal.type(word + "\r")
        self.assertEqual(self.terminal.close(), 0)

    def test_a_session(self):
        self.assertEqual(self.say("set greeting hello"), "OK")
        self.assertEqual(self.say("get greeting"), '"hello"')
        self.assertEqual(self.say("get none"), "(nil)")
        self.assertEqual(self.say("incr n"), "(integer) 1")
        self.assertEqual(self.say("mget greeting none"), '1) "hello"\n2) (nil)')
        self.assertEqual(
            self.say("nosuch a"),
            "(error) ERR unknown command 'nosuch', with args beginning with: 'a' ",
        )
        self.assertEqual(self.say("3 incr n"), "(integer) 2\n(integer) 3\n(integer) 4")
        self.assertEqual(self.say("select 3"), "OK")
        self.terminal.type("\r")
        self.assertIn(b"[3]> ", self.terminal.wait_for(self.prompt + "$"))
        self.assertEqual(self.say("hello 3").split("\n")[2], '3# "proto" => (integer) 3')
        self.leave()

    def test_hints_and_completion_come_from_the_server(self):
        self.terminal.type("set k")
        self.terminal.wait_for(r"set k value")
        self.terminal.type(" v ")
        self.terminal.wait_for(r"NX\|XX")
        self.terminal.type("\x03")
        self.assertEqual(self.terminal.close(), 0)

    def test_tab_completes(self):
        self.terminal.type("getra\t")
        self.terminal.wait_for(r"(?i)getrange")
        self.terminal.type(" k 0 1\r")
        self.terminal.wait_for(r'""\n' + self.prompt + "$")
        self.leave("exit")

    def test_help(self):
        self.assertRegex(
            self.say("help getex"), r"(?is)GETEX key .*summary: .+since: 6\.2\.0.*group: string"
        )
        self.assertRegex(self.say("help @string"), r"(?i)INCRBYFLOAT key increment")
        self.assertRegex(self.say("help @connection"), r"(?i)PING")
        self.leave()

    def test_monitor_until_interrupted(self):
        self.terminal.type("monitor\r")
        self.terminal.wait_for("OK")
        with self.server.connect() as other:
            other.call("SET", "seen", "1")
        self.terminal.wait_for(r'"SET" "seen" "1"')
        self.terminal.type("\x03")
        self.terminal.wait_for(self.prompt + "$")
        self.assertEqual(self.say("ping"), "PONG")
        self.leave()

    def test_reconnects_after_the_server_was_away(self):
        self.assertEqual(self.say("set k v"), "OK")
        self.server.end(signal.SIGKILL)
        self.terminal.type("get k\r")
        self.terminal.wait_for(r"not connected> $")
        self.server.start(port=self.server.port)
        self.terminal.type("get k\r")
        self.terminal.wait_for(r"\(nil\)\n" + self.prompt + "$")
        self.leave()


class Modes(ServerCase):
    def setUp(self):
        self.server = self.start()

    def cli(self, *arguments: str, seconds: float = 60.0, text_in: bytes | None = None) -> str:
        command = ["redis-cli", "-p", str(self.server.port), *arguments]
        return self.run_program(*command, seconds=seconds, text_in=text_in).stdout.decode(
            "utf-8", "replace"
        )

    def watch(self, *arguments: str) -> Terminal:
        """Runs a mode that never ends by itself, until the test is over."""
        terminal = Terminal("redis-cli", "-p", str(self.server.port), *arguments)
        self.addCleanup(terminal.close)
        self.addCleanup(os.kill, terminal.pid, signal.SIGKILL)
        return terminal

    def populate(self, count: int) -> None:
        with self.server.connect() as connection:
            connection.call("DEBUG", "POPULATE", count)

    def test_stat(self):
        self.populate(1000)
        shown = self.watch("--stat", "-i", "0.1").wait_for(r"(1000 [^\n]*\n){4}").decode()
        rows = [line.split() for line in shown.split("\n") if line.startswith("1000 ")]
        for row in rows:
            self.assertRegex(row[1], r"^\d+\.\d+[KMG]$")
            self.assertEqual(row[2:4], ["1", "0"])
        requests = [int(row[4]) for row in rows]
        self.assertEqual(requests, sorted(requests))

    def test_latency(self):
        least, most, average, samples = self.cli("--latency", "-i", "1").split()
        self.assertLessEqual(float(least), float(average))
        self.assertLessEqual(float(average), float(most))
        self.assertGreater(int(samples), 10)

    def test_latency_history_and_distribution(self):
        history = self.watch("--latency-history", "-i", "1")
        history.wait_for(
            r"min: \d+, max: \d+, avg: \d+\.\d+ \(\d+ samples\) -- 1\.\d+ seconds range"
        )
        self.watch("--latency-dist", "-i", "1").wait_for(r"-{10}")

    def test_bigkeys(self):
        self.populate(500)
        with self.server.connect() as connection:
            connection.call("SET", "giant", "x" * 100_000)
        shown = self.cli("--bigkeys")
        self.assertIn("Sampled 501 keys in the keyspace!", shown)
        self.assertIn("Biggest string found '\"giant\"' has 100000 bytes", shown)
        self.assertRegex(shown, r"501 strings with \d+ bytes")

    def test_memkeys(self):
        self.populate(500)
        with self.server.connect() as connection:
            connection.call("SET", "giant", "x" * 100_000)
        shown = self.cli("--memkeys")
        self.assertIn("Sampled 501 keys in the keyspace!", shown)
        size = re.search(r"Biggest string found '\"giant\"' has (\d+) bytes", shown)
        self.assertIsNotNone(size, msg=shown)
        self.assertTrue(100_000 <= int(size[1]) <= 140_000, msg=size[0])
        self.cli("--memkeys-samples", "3")

    def test_hotkeys(self):
        with self.server.connect() as connection:
            connection.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
            connection.call("SET", "cold", "1")
            for _ in range(200):
                connection.call("INCR", "hot")
        self.assertRegex(
            self.cli("--hotkeys"), r"hot key found with counter: \d+\s+keyname: \"?hot"
        )

    def test_scan(self):
        self.populate(12_345)
        keys = self.cli("--scan").split()
        self.assertEqual(sorted(keys), sorted(f"key:{i}" for i in range(12_345)))
        some = self.cli("--scan", "--pattern", "key:12*").split()
        self.assertEqual(
            sorted(some), sorted(f"key:{i}" for i in range(12_345) if str(i).startswith("12"))
        )

    def test_pipe(self):
        count = 50_000
        requests = b"".join(
            wire.encode([b"SET", b"p:%d" % i, b"value %d" % i]) for i in range(count)
        )
        shown = self.cli("--pipe", text_in=requests)
        self.assertIn(f"errors: 0, replies: {count}", shown)
        self.assertEqual(self.cli("dbsize"), f"{count}\n")
        done = subprocess.run(
            ["redis-cli", "-p", str(self.server.port), "--pipe"],
            input=b"SET a 1\r\nINCR a\r\nINCR p:1\r\n",
            capture_output=True,
            timeout=30,
        )
        self.assertIn(b"errors: 1, replies: 3", done.stdout)

    def test_output_formats(self):
        self.cli("mset", "a", "1", "b", 'quo"te')
        self.assertEqual(self.cli("mget", "a", "b", "none"), '1\nquo"te\n\n')
        self.assertEqual(self.cli("--no-raw", "mget", "a", "none"), '1) "1"\n2) (nil)\n')
        self.assertEqual(self.cli("--csv", "mget", "a", "none"), '"1",NULL\n')
        self.assertEqual(
            json.loads(self.cli("-3", "--json", "config", "get", "maxmemory")), {"maxmemory": "0"}
        )
        self.assertEqual(self.cli("-x", "set", "c", text_in=b"from stdin\n"), "OK\n")
        self.assertEqual(self.cli("get", "c"), "from stdin\n\n")
        self.assertEqual(self.cli("-r", "3", "incr", "n"), "1\n2\n3\n")
        self.assertEqual(self.cli("-n", "5", "dbsize"), "0\n")
        self.assertEqual(self.cli(text_in=b"set k v\nget k\n"), "OK\nv\n")
        url = f"redis://127.0.0.1:{self.server.port}/7"
        self.run_program("redis-cli", "-u", url, "set", "elsewhere", "1")
        self.assertEqual(self.cli("-n", "7", "get", "elsewhere"), "1\n")

    def test_raw_dump_restores(self):
        self.cli("set", "k", "some value")
        dumped = self.run_program("redis-cli", "-p", str(self.server.port), "dump", "k").stdout
        self.assertEqual(
            self.cli("-X", "payload", "restore", "copy", "0", "payload", text_in=dumped[:-1]),
            "OK\n",
        )
        self.assertEqual(self.cli("get", "copy"), "some value\n")

    def test_monitor(self):
        process = subprocess.Popen(
            ["redis-cli", "-p", str(self.server.port), "monitor"], stdout=subprocess.PIPE
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.assertEqual(process.stdout.readline(), b"OK\n")
        self.cli("set", "k", "v")
        lines = [process.stdout.readline() for _ in range(1)]
        while b'"set"' not in lines[-1]:
            lines.append(process.stdout.readline())
        self.assertRegex(lines[-1], rb'^\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "set" "k" "v"\n$')

    def test_password(self):
        with self.server.connect() as connection:
            connection.call("CONFIG", "SET", "requirepass", "secret")
        self.assertEqual(self.cli("-a", "secret", "--no-auth-warning", "ping"), "PONG\n")
        self.assertIn("NOAUTH", self.cli("ping"))
        self.assertEqual(self.cli("--user", "default", "--pass", "secret", "ping"), "PONG\n")
        url = f"redis://default:secret@127.0.0.1:{self.server.port}/0"
        self.assertEqual(self.run_program("redis-cli", "-u", url, "ping").stdout, b"PONG\n")

    def test_shutdown(self):
        self.cli("shutdown", "nosave")
        self.assertTrue(wait_until(lambda: not self.server.alive()))
