#!/usr/bin/env python3
"""Tests of the differential run: two equal servers show no difference, a planted one is found and
made short, and the table of allowed differences hides no more than it should."""

from __future__ import annotations

import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [
    str(Path(__file__).resolve().parent),
    str(Path(__file__).resolve().parents[1] / "commands"),
]

import allowed
import generator
import live_server
import minimise
import payload
import run
import servers
import values
from generator import Command
from wire import Error

STOCK = live_server.stock_server()
SEED = 20240229
COMMANDS = """
    SET GET GETSET GETDEL GETEX SETNX SETEX PSETEX MSET MSETNX MGET APPEND STRLEN SETRANGE GETRANGE
    SETBIT GETBIT BITCOUNT BITPOS BITOP BITFIELD BITFIELD_RO PFADD PFCOUNT PFMERGE PFDEBUG
    SUBSTR INCR DECR INCRBY DECRBY INCRBYFLOAT LCS DEL UNLINK EXISTS TYPE TOUCH RENAME RENAMENX COPY
    MOVE EXPIRE PEXPIRE EXPIREAT PEXPIREAT TTL PTTL EXPIRETIME PEXPIRETIME PERSIST RANDOMKEY KEYS
    ZADD ZINCRBY ZREM ZCARD ZCOUNT ZLEXCOUNT ZSCORE ZMSCORE ZRANK ZREVRANK ZRANGE ZREVRANGE ZRANGESTORE
    ZRANGEBYSCORE ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE
    ZREMRANGEBYLEX ZPOPMIN ZPOPMAX ZMPOP ZUNION ZINTER ZDIFF ZUNIONSTORE ZINTERSTORE ZDIFFSTORE ZINTERCARD
    ZRANDMEMBER ZSCAN
    SCAN OBJECT DBSIZE FLUSHDB FLUSHALL SWAPDB DUMP RESTORE PING ECHO SELECT HELLO RESET CLIENT
"""


def commands(*lines: str) -> list[Command]:
    return [Command(0, tuple(word.encode() for word in line.split())) for line in lines]


class EqualServers(unittest.TestCase):
    def test_nothing_differs_and_every_command_succeeds_somewhere(self):
        succeeded = set()
        with servers.Pair(STOCK, STOCK) as pair:
            payloads = pair.payloads()
            for number in range(6):
                items = generator.episode(SEED, number, run.EPISODE_COMMANDS, payloads)
                difference = pair.play(items)
                self.assertIsNone(difference, msg=difference)
                succeeded |= self.successes(pair, items)
        self.assertEqual(set(COMMANDS.split()) - succeeded, set())

    def successes(self, pair: servers.Pair, items: list[generator.Item]) -> set[str]:
        names = set()
        connection = pair.stock.connections[0]
        for item in items:
            if isinstance(item, Command) and b"REPLY" not in [arg.upper() for arg in item.args]:
                if not isinstance(connection.call(*item.args), Error):
                    names.add(item.args[0].decode("latin-1").upper())
        return names

    def test_an_episode_is_decided_by_its_seed(self):
        first = generator.episode(SEED, 3, 500, [b"p"])
        self.assertEqual(first, generator.episode(SEED, 3, 500, [b"p"]))
        self.assertNotEqual(first, generator.episode(SEED + 1, 3, 500, [b"p"]))


class PlantedDifferences(unittest.TestCase):
    """The second server is the same binary with one directive that changes its answers."""

    def find(self, options: list[str]) -> str:
        with servers.Pair(STOCK, STOCK, ([], options)) as pair:
            payloads = pair.payloads()
            for number in range(4):
                items = generator.episode(SEED, number, run.EPISODE_COMMANDS, payloads)
                difference = pair.play(items)
                if difference is not None:
                    return run.explain(pair, SEED, number, items, difference)
        return ""

    def test_found_and_made_short(self):
        for options in (["--rename-command", "LCS", ""], ["--maxmemory-policy", "allkeys-lfu"]):
            text = self.find(options)
            self.assertNotEqual(text, "", msg=options)
            sent = [line for line in text.split("\n") if line.startswith("  > ")]
            self.assertLessEqual(len(sent), 2, msg=text)

    def test_a_dead_server_is_a_difference(self):
        with servers.Pair(STOCK, STOCK) as pair:
            pair.play(commands("PING"))
            difference = pair.play(commands("PING", "DEBUG SEGFAULT"))
            self.assertIsNotNone(difference)
            self.assertIn("died", difference.ours)
            self.assertIsNone(pair.play(commands("PING")))

    def test_state_behind_equal_replies(self):
        with servers.Pair(STOCK, STOCK) as pair:
            pair.play(commands("SET k v"))
            pair.ours.ask([[b"PEXPIRE", b"k", b"900000"]])
            texts = pair._probe_state(None)
            self.assertIn("PTTL", texts[0])

    def test_a_life_that_differs_by_more_than_the_run_explains(self):
        with servers.Pair(STOCK, STOCK) as pair:
            pair.play(commands("SET k v EX 100000"))
            self.assertIsNone(pair._probe_state(None))
            pair.ours.ask([[b"SELECT", b"0"], [b"PEXPIRE", b"k", b"100600000"]])
            self.assertIn("PTTL", pair._probe_state(None)[0])

    def test_an_encoding_that_the_size_does_not_explain(self):
        with servers.Pair(STOCK, STOCK) as pair:
            probe = generator.Probe(0, "encoding", (b"s",))
            pair.play(commands("SADD s 1"))
            self.assertIsNone(pair._probe_encoding(probe))
            pair.stock.ask([[b"SADD", b"s", b"x"], [b"SREM", b"s", b"x"]])
            self.assertIsNone(pair._probe_encoding(probe))
            for side in pair.sides:
                side.ask([[b"CONFIG", b"SET", b"set-max-intset-entries", b"1000"]])
                side.ask([[b"SADD", b"s", *(b"%d" % i for i in range(600))]])
            self.assertIn("600 members", pair._probe_encoding(probe)[0])


class Allowed(unittest.TestCase):
    def test_lives_as_far_apart_as_the_commands_that_gave_and_told_them(self):
        soon, late = 1_800_000_000, values.ABSOLUTE_BASE_S
        for line, ours, stock, apart_ms, expected in (
            ("TTL k", 100, 101, 0, True),
            ("TTL k", 100, 102, 0, False),
            ("TTL k", 100, 102, 999, True),
            ("TTL k", 102, 100, 2500, True),
            ("TTL k", 100, 104, 2500, False),
            ("TTL k", -1, -2, 2500, False),
            ("TTL k", -1, 0, 2500, False),
            ("pttl k", 100_000, 100_000, 0, True),
            ("pttl k", 100_000, 100_500, 500, True),
            ("PTTL k", 100_503, 100_000, 500, False),
            ("EXPIRETIME k", soon, soon + 1, 500, True),
            ("EXPIRETIME k", soon, soon + 3, 500, False),
            ("EXPIRETIME k", late, late + 1, 2500, False),
            ("PEXPIRETIME k", soon * 1000, soon * 1000 + 500, 500, True),
            ("PEXPIRETIME k", soon * 1000, soon * 1000 + 503, 500, False),
            ("PEXPIRETIME k", late * 1000, late * 1000 + 1, 2500, False),
            ("OBJECT IDLETIME k", 1, 0, 0, True),
            ("OBJECT IDLETIME k", 100, 0, 5000, False),
            ("OBJECT IDLETIME k", 0, 100, 5000, True),
            ("OBJECT IDLETIME k", 100, 95, 5000, True),
            ("OBJECT IDLETIME k", -1, 0, 5000, False),
            ("GET k", 100, 101, 5000, False),
        ):
            args = tuple(word.encode() for word in line.split())
            known = allowed.Circumstances(apart_ms)
            agreed = allowed.agree(args, ours, stock, known)
            self.assertEqual(agreed, expected, msg=(line, ours, stock, apart_ms))

    def test_encodings_by_the_size_of_the_set(self):
        for ours, stock, members, expected in (
            (b"intset", b"hashtable", 1, True),
            (b"intset", b"hashtable", 512, True),
            (b"intset", b"hashtable", 513, False),
            (b"intset", b"hashtable", None, False),
            (b"listpack", b"hashtable", 128, True),
            (b"listpack", b"hashtable", 129, False),
            (b"hashtable", b"intset", 5, False),
            (b"skiplist", b"hashtable", 5, False),
            (b"skiplist", b"listpack", 5, False),
        ):
            known = allowed.Circumstances(members=members)
            agreed = allowed.agree((b"ENCODING",), ours, stock, known)
            self.assertEqual(agreed, expected, msg=(ours, stock, members))
            self.assertFalse(allowed.agree((b"OBJECT", b"ENCODING", b"k"), ours, stock, known))

    def test_no_more_than_it_should(self):
        for line, ours, stock, expected in (
            ("KEYS *", [b"a", b"b"], [b"b", b"a"], True),
            ("KEYS *", [b"a", b"a"], [b"a"], False),
            ("SCAN 0 COUNT 100000", [b"0", [b"a"]], [b"0", [b"a"]], True),
            ("SCAN 0 COUNT 100000", [b"8", [b"a"]], [b"0", [b"a"]], False),
            ("SCAN 0 COUNT 100000", [b"0", [b"a"]], [b"0", []], False),
            ("ZSCAN z 0", [b"0", [b"a", b"1", b"b", b"2"]], [b"0", [b"b", b"2", b"a", b"1"]], True),
            ("ZSCAN z 0", [b"0", [b"a", b"1", b"b", b"2"]], [b"0", [b"b", b"1", b"a", b"2"]], False),
            ("GET k", b"1", 1, False),
            ("GET k", b"a", b"b", False),
            ("RANDOMKEY", None, b"a", False),
            ("CLIENT ID", 3, 70, True),
            ("CLIENT ID", 0, 70, False),
            ("CLIENT GETNAME", b"a", b"b", False),
            ("CLIENT INFO", b"id=1 name=a db=0 flags=N\n", b"id=2 name=a db=0 flags=e\n", True),
            ("CLIENT INFO", b"id=1 name=a db=1 flags=N\n", b"id=2 name=a db=0 flags=N\n", False),
            ("DUMP k", b"x", b"y", False),
            ("DUMP k", None, b"y", False),
        ):
            args = tuple(word.encode() for word in line.split())
            self.assertEqual(allowed.agree(args, ours, stock), expected, msg=(line, ours, stock))


class Payloads(unittest.TestCase):
    def test_against_a_stock_server(self):
        texts = [
            b"",
            b"a",
            b"0",
            b"-1",
            b"127",
            b"128",
            b"-32768",
            b"70000",
            b"9999999999",
            b"x" * 63,
            b"x" * 64,
            b"x" * 20000,
            bytes(range(256)) * 80,
        ]
        with live_server.LiveServer(STOCK) as server, server.connect() as connection:
            for text in texts:
                connection.call("SET", "k", text)
                dump = connection.call("DUMP", "k")
                self.assertEqual(payload.content(dump), text)
                self.assertTrue(payload.checksum_is_right(dump))
                broken = dump[:3] + bytes([dump[3] ^ 1]) + dump[4:]
                self.assertFalse(payload.checksum_is_right(broken))
                older = payload.stamp(dump, payload.version(dump) - 1)
                self.assertTrue(payload.same_content(older, dump))
                self.assertEqual(connection.call("RESTORE", "k", "0", older, "REPLACE").text, b"OK")


class Minimising(unittest.TestCase):
    def test_drops_what_is_not_needed(self):
        items = commands(*(f"SET k{i} v" for i in range(100)))
        needed = {items[7], items[60]}
        tries = []

        def fails(some: list[Command]) -> bool:
            tries.append(len(some))
            return needed <= set(some)

        self.assertEqual(minimise.minimise(items, fails), [items[7], items[60]])
        self.assertLess(len(tries), 400)

    def test_shortens_arguments(self):
        items = [Command(0, (b"SET", b"k", b"v" * 100))]
        short = minimise.minimise(items, lambda some: some[0].args[0] == b"SET")
        self.assertEqual(short[0].args, (b"SET", b"k", b"short"))


class Silence(unittest.TestCase):
    def test_replies_are_matched_to_their_commands(self):
        batch = commands(
            "PING",
            "CLIENT REPLY SKIP",
            "PING",
            "GET k",
            "CLIENT REPLY OFF",
            "GET k",
            "CLIENT REPLY SKIP",
            "CLIENT REPLY ON",
            "GET k",
            "CLIENT REPLY OFF",
            "RESET",
            "CLIENT REPLY MAYBE",
            "PING",
        )
        with live_server.LiveServer(STOCK) as server, server.connect() as connection:
            connection.send(
                b"".join(servers.encode(command.args) for command in batch) + servers.BATCH_END
            )
            data = connection.read_until(servers.BATCH_ENDING)
        count, position = 0, 0
        while position < len(data):
            _, position = servers.wire.parse(data, position)
            count += 1
        answered = servers._answered(batch)
        self.assertEqual(count - 2, len(answered))
        self.assertEqual(answered, [0, 3, 7, 8, 10, 11, 12])


if __name__ == "__main__":
    unittest.main()
