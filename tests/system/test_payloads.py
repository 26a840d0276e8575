"""DUMP payloads between our server and a stock one: each restores what the other has dumped, and both
then give the same digests of all data."""

from __future__ import annotations

import random
import unittest

import live_server
import wire
from live_server import LiveServer
from server_case import ServerCase

OK = wire.Status(b"OK")
ROUNDS = 60


def text(chance: random.Random) -> bytes:
    kind = chance.randrange(6)
    if kind == 0:
        return b"%d" % chance.randint(-(2**63), 2**63 - 1)
    if kind == 1:
        return b"%d" % chance.randint(-200, 200)
    if kind == 2:
        return bytes(chance.randrange(256) for _ in range(chance.randrange(100)))
    if kind == 3:
        return b"v" * chance.choice((0, 21, 63, 64, 65, 300, 5000))
    return b"field:%d" % chance.randrange(10_000)


def commands(chance: random.Random, key: bytes) -> list[list[bytes]]:
    """What makes a string or a hash, of any size and form."""
    if chance.random() < 0.2:
        made = [[b"SET", key, text(chance)]]
    else:
        fields = chance.choice((1, 3, 20, 200, 600))
        made = [[b"HSET", key, text(chance), text(chance)] for _ in range(fields)]
    if chance.random() < 0.2:
        made.append([b"PEXPIREAT", key, b"33177117420499"])
    return made


class Payloads(ServerCase):
    def setUp(self):
        super().setUp()
        self.ours = self.connect(self.start(), 30.0)
        stock = LiveServer(
            live_server.stock_server(),
            ["--enable-debug-command", "yes", "--sanitize-dump-payload", "yes"],
        )
        self.addCleanup(stock.stop)
        self.stock = self.connect(stock, 30.0)
        seed = random.randrange(2**32)
        self.chance = random.Random(seed)
        self.seed = f"seed {seed}"

    def digest(self, connection: wire.Connection) -> bytes:
        return connection.call("DEBUG", "DIGEST").text

    def digests(self, connection: wire.Connection, *keys: bytes) -> list[bytes]:
        return [value.text for value in connection.call("DEBUG", "DIGEST-VALUE", *keys)]

    def carry(self, source: wire.Connection, target: wire.Connection, key: bytes, to: bytes) -> None:
        life = max(source.call("PEXPIRETIME", key), 0)
        payload = source.call("DUMP", key)
        reply = target.call("RESTORE", to, life, payload, "REPLACE", "ABSTTL")
        self.assertEqual(reply, OK, msg=self.seed)

    def test_values_travel_both_ways(self):
        for number in range(ROUNDS):
            key = b"key:%d" % number
            for command in commands(self.chance, key):
                self.assertEqual(
                    self.ours.call(*command), self.stock.call(*command), msg=self.seed
                )
            to = b"there:%d" % number
            self.carry(self.ours, self.stock, key, to)
            self.carry(self.stock, self.ours, key, to)
            before = self.digests(self.ours, key)
            for connection in (self.ours, self.stock):
                self.assertEqual(self.digests(connection, key, to), before * 2, msg=self.seed)
            if self.ours.call("OBJECT", "ENCODING", key) == b"listpack":
                # In the same order, so that it is the same to the byte.
                for name in (key, to):
                    self.assertEqual(
                        self.ours.call("DUMP", name), self.stock.call("DUMP", name), msg=self.seed
                    )
                    self.assertEqual(
                        self.ours.call("HGETALL", name),
                        self.stock.call("HGETALL", name),
                        msg=self.seed,
                    )
            for name in (key, to):
                self.assertEqual(
                    self.ours.call("OBJECT", "ENCODING", name),
                    self.stock.call("OBJECT", "ENCODING", name),
                    msg=self.seed,
                )
        self.assertEqual(self.digest(self.ours), self.digest(self.stock), msg=self.seed)

    def test_a_large_hash_travels_both_ways(self):
        words = [b"%d" % number for number in range(200_000)]
        for start in range(0, len(words), 10_000):
            self.ours.call("HSET", "large", *words[start : start + 10_000])
        self.carry(self.ours, self.stock, b"large", b"large")
        self.carry(self.stock, self.ours, b"large", b"back")
        self.assertEqual(self.ours.call("HLEN", "back"), 100_000)
        self.assertEqual(
            self.digests(self.ours, b"large", b"back"), self.digests(self.stock, b"large") * 2
        )
        # A payload cut anywhere, its checksum not looked at, is refused and changes nothing.
        payload = self.ours.call("DUMP", "large")
        self.ours.call("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "1")
        for _ in range(30):
            cut = payload[: self.chance.randrange(len(payload) - 10)] + payload[-10:]
            reply = self.ours.call("RESTORE", "back", "0", cut, "REPLACE")
            self.assertEqual(reply, wire.Error(b"ERR Bad data format"), msg=self.seed)
        self.assertEqual(self.ours.call("HLEN", "back"), 100_000)


if __name__ == "__main__":
    unittest.main()
