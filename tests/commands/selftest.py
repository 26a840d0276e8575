#!/usr/bin/env python3
"""Tests of the script runner: that it accepts what is right and, above all, that it notices what is
wrong. The formatter is compared with redis-cli itself, on a stock server."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import human_format
import live_server
import run
import script
import wire


RIGHT_SCRIPTS = (
    "> SET k v PX 20\nOK\n@advance 30ms\n> GET k\n(nil)\n",
    "@connection a\n> CLIENT ID\n@let id\n"
    "@connection b\n> CLIENT KILL ID {id}\n(integer) 1\n"
    "@connection a\n@read\n(closed)\n",
    "@resp 3\n> GET none\n(nil)\n> DEBUG PROTOCOL TRUE\n(true)\n"
    "@resp 2\n> DEBUG PROTOCOL TRUE\n(integer) 1\n",
    '@raw "PING\\r\\nPING\\r\\n"\nPONG\n\n@read\nPONG\n',
    '@config maxclients 77\n> CONFIG GET maxclients\n1) "maxclients"\n2) "77"\n',
    '> SET k "a b"\nOK\n> GET k\n@let v\n> SET l {v}\nOK\n> GET l\n"a b"\n',
    "> CLIENT PAUSE 300\nOK\n@connection b\n> PING\n(no reply)\n\n@read\nPONG\n",
    "> QUIT\nOK\n(closed)\n> PING\nPONG\n",
    "> SHUTDOWN NOSAVE\n(closed)\n",
)

# With commands or answers that ours has not.
RIGHT_SCRIPTS_OF_STOCK = (
    "> BLPOP k 0\n(no reply)\n@connection b\n> RPUSH k v\n(integer) 1\n@connection main\n"
    '@read\n1) "k"\n2) "v"\n',
    "@server alai\n> NOSUCH\nOK\n@server all\n> PING\nPONG\n",
)

WRONG_SCRIPTS = (
    "> PING\nPANG\n",
    "> PING\nPONG\n(closed)\n",
    "> PING\n(no reply)\n",
    "> QUIT\nOK\n> PING\nPONG\n",
    '> DEBUG SLEEP 0\nOK\n> ECHO a\n"b"\n',
    "@config nosuchdirective 1\n> PING\nPONG\n",
    "@resp 7\n> PING\nPONG\n",
    "@server other\n> PING\nPONG\n",
    "> SET k v PX 50\nOK\n@advance 10ms\n> GET k\n(nil)\n",
    "@advance soon\n> PING\nPONG\n",
)

CRASH = "> DEBUG SEGFAULT\n(closed)\n"

MALFORMED_SCRIPTS = (
    "> PING",
    "OK",
    "@read",
    "@process\n> PING\nPONG",
    "@frobnicate\n",
    "> PING\n@frobnicate",
    "> PING\n\nPONG",
    "> PING\nPONG\n@config a b",
)


class Quoting(unittest.TestCase):
    def test_splits_as_redis_cli(self):
        self.assertEqual(human_format.split_arguments(r'a "b c" '), [b"a", b"b c"])
        self.assertEqual(human_format.split_arguments(r'"\x00\r\n\"\\\q"'), [b'\x00\r\n"\\q'])
        self.assertEqual(human_format.split_arguments(r"'a\'b\n'"), [b"a'b\\n"])
        self.assertEqual(human_format.split_arguments('""'), [b""])
        self.assertEqual(human_format.split_arguments("\u00e9"), ["\u00e9".encode()])

    def test_refuses_unpaired_quotes(self):
        for line in ('"a', "'a", '"a"b', "'a'b"):
            with self.assertRaises(human_format.BadQuoting):
                human_format.split_arguments(line)

    def test_quote_and_split_are_inverse(self):
        every_byte = bytes(range(256))
        self.assertEqual(human_format.split_arguments(human_format.quote(every_byte)), [every_byte])


class Wire(unittest.TestCase):
    REPLIES = {
        b"+OK\r\n": wire.Status(b"OK"),
        b"-ERR x\r\n": wire.Error(b"ERR x"),
        b":-3\r\n": -3,
        b"$3\r\na\r\n\r\n": b"a\r\n",
        b"$-1\r\n": None,
        b"_\r\n": None,
        b"*-1\r\n": wire.NULL_ARRAY,
        b"*2\r\n:1\r\n*0\r\n": [1, []],
        b"~1\r\n#t\r\n": wire.Set([True]),
        b"%1\r\n+a\r\n,1.5\r\n": wire.Map([(wire.Status(b"a"), wire.Double(b"1.5"))]),
        b"=5\r\ntxt:x\r\n": wire.Verbatim(b"txt", b"x"),
        b"(12\r\n": wire.BigNumber(b"12"),
        b"|1\r\n+a\r\n+b\r\n:7\r\n": 7,
    }

    def test_every_type(self):
        for text, value in self.REPLIES.items():
            parsed, end = wire.parse(text)
            self.assertEqual((parsed, type(parsed), end), (value, type(value), len(text)))

    def test_partial_replies_are_incomplete_at_every_byte(self):
        for text in self.REPLIES:
            for length in range(len(text)):
                with self.assertRaises(wire.Incomplete, msg=text[:length]):
                    wire.parse(text[:length])

    def test_refuses_what_is_no_reply(self):
        for text in (
            b"hello\r\n",
            b":1x\r\n",
            b"$3\r\nabcd\r\n",
            b"$-2\r\n",
            b"#x\r\n",
            b"*-2\r\n",
        ):
            with self.assertRaises(wire.BadReply, msg=text):
                wire.parse(text)


class Agreement(unittest.TestCase):
    def check(self, pattern: list[str], reply: object, unordered: bool = False) -> bool:
        expected = script.Expectation(pattern, unordered)
        return script.agrees(expected, human_format.format_reply(reply), reply)

    def test_literal(self):
        self.assertTrue(self.check(['"v"'], b"v"))
        self.assertFalse(self.check(['"v"'], wire.Status(b"v")))
        self.assertFalse(self.check(["OK"], wire.Status(b"OK.")))
        self.assertFalse(self.check(["(integer) 1"], [1]))
        self.assertFalse(self.check(["1) (integer) 1"], [1, 2]))
        self.assertFalse(self.check(["1) (integer) 1", "2) (integer) 2"], [1]))

    def test_match(self):
        self.assertTrue(self.check(['@match "a*c"'], b"abbc"))
        self.assertTrue(self.check(['@match "a*c"'], b"ac"))
        self.assertFalse(self.check(['@match "a*c"'], b"abbd"))
        self.assertFalse(self.check(['@match "[ab]"'], b"a"))
        self.assertTrue(self.check(['1) @match "x*"'], [b"xy"]))
        self.assertFalse(self.check(['1) @match "x*"'], [b"yx"]))

    def test_about(self):
        self.assertTrue(self.check(["@about 100±5"], 95))
        self.assertTrue(self.check(["@about -1±0"], -1))
        self.assertFalse(self.check(["@about 100±5"], 106))
        self.assertFalse(self.check(["@about 100±5"], b"100"))
        self.assertTrue(self.check(["1) @about 7±1"], [8]))

    def test_any_lines(self):
        self.assertTrue(self.check(["..."], [1, 2, 3]))
        self.assertTrue(self.check(["...", "2) (integer) 2", "..."], [1, 2, 3]))
        self.assertTrue(self.check(["1) (integer) 1", "..."], [1]))
        self.assertFalse(self.check(["...", "3) (integer) 2", "..."], [1, 2, 3]))
        self.assertFalse(self.check(["...", "2) (integer) 2"], [1, 2, 3]))

    def test_unordered(self):
        self.assertTrue(self.check(['1) "a"', '2) "b"'], [b"b", b"a"], unordered=True))
        self.assertFalse(self.check(['1) "a"', '2) "b"'], [b"b", b"b"], unordered=True))
        self.assertFalse(self.check(['1) "a"', '2) "b"'], [b"b", b"a"]))
        self.assertFalse(self.check(['1) "a"'], [b"b", b"a"], unordered=True))
        self.assertFalse(self.check(['1) "a"', '2) "b"', '3) "c"'], [b"b", b"a"], unordered=True))
        nested = ['1) 1) "a"', "   2) (integer) 1", '2) 1) "b"', "   2) (integer) 2"]
        self.assertTrue(self.check(nested, [[b"b", 2], [b"a", 1]], unordered=True))
        self.assertFalse(self.check(nested, [[b"b", 1], [b"a", 2]], unordered=True))
        pairs = wire.Map([(b"b", 2), (b"a", 1)])
        self.assertTrue(self.check(['1# "a" => (integer) 1', '2# "b" => (integer) 2'], pairs, True))


class Parsing(unittest.TestCase):
    def test_refuses_bad_scripts(self):
        for text in MALFORMED_SCRIPTS:
            with self.assertRaises(script.BadScript, msg=text):
                script.parse(Path("x.test"), text.split("\n"))

    def test_options(self):
        parsed = script.parse(Path("x.test"), ['@config save ""', "@config a b c"])
        self.assertEqual(parsed.options, ["--save", "", "--a", "b", "c"])

    def test_substitution_leaves_other_braces(self):
        self.assertEqual(script.substitute("{id} {tag}", {"id": "7"}), "7 {tag}")


class Running(unittest.TestCase):
    """Scripts against a stock server; each wrong one must be reported."""

    def play(self, text: str) -> run.Outcome:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "x.test"
            path.write_text(text)
            with contextlib.redirect_stdout(io.StringIO()):
                return run.run_script(path, live_server.stock_server(), stock=True, fill=False)

    def test_right_scripts_pass(self):
        for text in RIGHT_SCRIPTS + RIGHT_SCRIPTS_OF_STOCK:
            self.assertEqual(self.play(text).failures, [], msg=text)

    def test_wrong_scripts_fail(self):
        for text in (*WRONG_SCRIPTS, CRASH):
            self.assertNotEqual(self.play(text).failures, [], msg=text)

    def test_fill_writes_what_is_missing(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "x.test"
            path.write_text('> PING\n> ECHO a\n"a"\n> GET k\n')
            with contextlib.redirect_stdout(io.StringIO()):
                run.run_script(path, live_server.stock_server(), stock=True, fill=True)
            self.assertEqual(path.read_text(), '> PING\nPONG\n> ECHO a\n"a"\n> GET k\n(nil)\n')


@unittest.skipUnless("ALAI_BUILD_DIR" in os.environ, "which build to test is not known")
class RunningInProcess(unittest.TestCase):
    """The same with the runner that needs no sockets."""

    PASSED, FAILED, SKIPPED = 0, 1, 77

    def play(self, *texts: str) -> subprocess.CompletedProcess:
        program = Path(os.environ["ALAI_BUILD_DIR"]) / "tests/commands/command_scripts"
        with tempfile.TemporaryDirectory() as directory:
            paths = [Path(directory) / f"{number}.test" for number in range(len(texts))]
            for path, text in zip(paths, texts):
                path.write_text(text)
            return subprocess.run([program, *paths], capture_output=True, text=True, check=False)

    def check(self, status: int, *texts: str) -> None:
        result = self.play(*texts)
        self.assertEqual(result.returncode, status, msg=(texts, result.stdout, result.stderr))

    def test_right_scripts_pass(self):
        for text in RIGHT_SCRIPTS:
            self.check(self.PASSED, text)

    def test_wrong_scripts_fail(self):
        for text in WRONG_SCRIPTS:
            self.check(self.FAILED, text)

    def test_a_crash_is_no_pass(self):
        self.assertNotIn(
            self.play(CRASH).returncode, (self.PASSED, self.SKIPPED)
        )

    def test_malformed_scripts_fail(self):
        for text in MALFORMED_SCRIPTS:
            self.check(self.FAILED, text)

    def test_lines_of_a_reply(self):
        pairs = "> CONFIG GET zset-max-listpack-*\n"
        value = '"zset-max-listpack-value"'
        entries = '"zset-max-listpack-entries"'
        right = (
            "1) @match *\n...\n3) @match *\n...\n",
            f'@unordered\n1) {value}\n2) "64"\n3) "128"\n4) @match "zset-*"\n',
            f'@unordered\n1) "128"\n2) "64"\n3) {value}\n4) {entries}\n',
        )
        wrong = (
            "1) @match *\n...\n5) @match *\n...\n",
            f'1) {value}\n2) "128"\n3) {entries}\n4) "64"\n',
            f'@unordered\n1) {value}\n2) "64"\n3) "128"\n4) {value}\n',
            f'@unordered\n1) {value}\n2) "64"\n3) "128"\n',
        )
        for reply in right:
            self.check(self.PASSED, pairs + reply)
        for reply in wrong:
            self.check(self.FAILED, pairs + reply)
        about = "> SET k v PX 1000\nOK\n@advance 300ms\n> PTTL k\n"
        self.check(self.PASSED, about + "@about 701±1\n")
        self.check(self.FAILED, about + "@about 702±1\n")

    def test_time_costs_nothing(self):
        began = time.monotonic()
        self.check(self.PASSED, "> SET k v EX 600\nOK\n@advance 601s\n> GET k\n(nil)\n")
        self.assertLess(time.monotonic() - began, 60)

    def test_skips_what_needs_a_process(self):
        skipped = "@process it kills itself\n> PING\nPANG\n"
        self.assertIn("it kills itself", self.play(skipped).stdout)
        self.check(self.SKIPPED, skipped)
        self.check(self.PASSED, skipped, "> PING\nPONG\n")
        self.check(self.FAILED, skipped, "> PING\nPANG\n")


class AsRedisCli(unittest.TestCase):
    COMMANDS = (
        ["debug", "protocol", "double"],
        ["debug", "protocol", "null"],
        ["debug", "protocol", "array"],
        ["debug", "protocol", "set"],
        ["debug", "protocol", "map"],
        ["debug", "protocol", "true"],
        ["debug", "protocol", "false"],
        ["debug", "protocol", "string"],
        ["debug", "protocol", "integer"],
        ["command", "docs", "get", "set", "xautoclaim"],
        ["command", "info", "get", "config", "nosuch"],
        ["command", "list", "filterby", "pattern", "nosuch"],
        ["lmpop", "1", "nosuch", "left"],
        ["client", "getname"],
        ["get", "a", "b"],
        ["config", "get", "*-enabled"],
        ["config", "get", "s*"],
        ["slowlog", "get"],
        ["echo", '\x01\x7f\u00e9"\\\t'],
    )

    def test_lines_are_the_same(self):
        self.assertIsNotNone(shutil.which("redis-cli"), "redis-cli is not installed")
        with live_server.LiveServer(
            live_server.stock_server(), ["--enable-debug-command", "yes"]
        ) as server:
            for version in ("2", "3"):
                with server.connect() as connection:
                    connection.call("HELLO", version)
                    for command in self.COMMANDS:
                        ours = human_format.format_reply(connection.call(*command))
                        arguments = [
                            "redis-cli",
                            "--no-raw",
                            f"-{version}",
                            "-p",
                            str(server.port),
                            *command,
                        ]
                        theirs = subprocess.run(
                            arguments, capture_output=True, check=True, text=True
                        )
                        shown = [line.rstrip() for line in theirs.stdout.rstrip("\n").split("\n")]
                        self.assertEqual(ours, shown, msg=(version, command))


if __name__ == "__main__":
    unittest.main()
