"""MIGRATE: keys move between our servers and stock ones, whatever happens to them on their way, and a
target that fails costs neither keys nor other clients' time."""

from __future__ import annotations

import socket
import threading
import time
import unittest
from typing import Callable

import live_server
import wire
from live_server import LiveServer
from server_case import ServerCase

OK = wire.Status(b"OK")
NOKEY = wire.Status(b"NOKEY")
SECOND_MS = 1000
LONG_MS = 20_000

MAKE_ALL_TYPES = (
    ("SET", "string", "some text"),
    ("SET", "number", 12345),
    ("HSET", "hash", *(word for i in range(300) for word in (f"field{i}", i))),
    ("RPUSH", "list", *range(500)),
    ("SADD", "set", *(f"member{i}" for i in range(300))),
    ("SADD", "integers", *range(100)),
    ("ZADD", "zset", *(word for i in range(300) for word in (i / 4, f"member{i}"))),
    ("PFADD", "hll", *range(100)),
    ("XADD", "stream", "1-1", "field", "value"),
)
ALL_TYPES = tuple(command[1] for command in MAKE_ALL_TYPES)


def migrate(*arguments: str | int) -> bytes:
    return wire.encode([str(word).encode() for word in ("MIGRATE", *arguments)])


class Target:
    """A target of one connection that answers each request as `answer` says, None for not at all."""

    def __init__(self, answer: Callable[[list[bytes]], bytes | None]):
        self.answer = answer
        self.requests: list[list[bytes]] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.listener.close()

    def _serve(self) -> None:
        try:
            peer, _ = self.listener.accept()
        except OSError:
            return
        with peer, peer.makefile("rb") as stream:
            while header := stream.readline():
                request = []
                for _ in range(int(header[1:])):
                    size = int(stream.readline()[1:])
                    request.append(stream.read(size + 2)[:-2])
                self.requests.append(request)
                reply = self.answer(request)
                if reply is None:
                    return
                try:
                    peer.sendall(reply)
                except OSError:
                    return


class Migrate(ServerCase):
    def setUp(self):
        super().setUp()
        self.ours = self.start()
        self.here = self.connect(self.ours, 30.0)

    def stock(self, *options: str) -> LiveServer:
        server = LiveServer(
            live_server.stock_server(), ["--enable-debug-command", "yes", *options]
        )
        self.addCleanup(server.stop)
        return server

    def target(self, answer: Callable[[list[bytes]], bytes | None]) -> Target:
        target = Target(answer)
        self.addCleanup(target.close)
        return target

    def assert_error(self, reply: object, text: str) -> None:
        self.assertIsInstance(reply, wire.Error)
        self.assertEqual(reply.text.decode(), text)

    def digests(self, connection: wire.Connection) -> list[bytes]:
        return [value.text for value in connection.call("DEBUG", "DIGEST-VALUE", *ALL_TYPES)]

    def move_all(self, source: wire.Connection, port: int) -> None:
        reply = source.call(
            "MIGRATE", "127.0.0.1", port, "", 0, LONG_MS, "KEYS", *ALL_TYPES, "missing"
        )
        self.assertEqual(reply, OK)

    def test_every_type_moves_to_a_stock_server_and_back(self):
        stock = self.stock()
        there = self.connect(stock)
        for command in MAKE_ALL_TYPES:
            self.here.call(*command)
        self.here.call("PEXPIREAT", "hash", 33177117420499)
        before = self.digests(self.here)
        self.move_all(self.here, stock.port)
        self.assertEqual(self.here.call("DBSIZE"), 0)
        self.assertEqual(self.digests(there), before)
        self.assertAlmostEqual(there.call("PEXPIRETIME", "hash"), 33177117420499, delta=LONG_MS)
        self.move_all(there, self.ours.port)
        self.assertEqual(there.call("DBSIZE"), 0)
        self.assertEqual(self.digests(self.here), before)
        self.assertEqual(self.here.call("TTL", "string"), -1)
        self.assertEqual(self.here.call("MIGRATE", "127.0.0.1", stock.port, "no", 0, 0), NOKEY)

    def test_options(self):
        stock = self.stock("--requirepass", "secret")
        there = self.connect(stock)
        there.call("AUTH", "secret")
        migrate = ("MIGRATE", "localhost", stock.port, "k", 9, LONG_MS)
        self.here.call("CONFIG", "SET", "slowlog-log-slower-than", 0)
        self.here.call("SET", "k", "1")
        self.assert_error(
            self.here.call(*migrate),
            "ERR Target instance replied with error: NOAUTH Authentication required.",
        )
        self.assert_error(
            self.here.call(*migrate, "AUTH", "wrong"),
            "ERR Target instance replied with error: WRONGPASS invalid username-password pair or "
            "user is disabled.",
        )
        self.assertEqual(self.here.call("GET", "k"), b"1")
        self.assertEqual(self.here.call(*migrate, "COPY", "AUTH2", "default", "secret"), OK)
        self.assertEqual(self.here.call("SET", "k", "2"), OK)
        self.assert_error(
            self.here.call(*migrate, "AUTH", "secret"),
            "ERR Target instance replied with error: BUSYKEY Target key name already exists.",
        )
        self.assertEqual(self.here.call("GET", "k"), b"2")
        self.assertEqual(self.here.call(*migrate, "REPLACE", "AUTH", "secret"), OK)
        self.assertEqual(self.here.call("EXISTS", "k"), 0)
        there.call("SELECT", 9)
        self.assertEqual(there.call("GET", "k"), b"2")
        logged = str(self.here.call("SLOWLOG", "GET", -1))
        self.assertIn("AUTH2", logged)
        self.assertNotIn("secret", logged)

    def test_keys_that_the_target_refuses_stay(self):
        stock = self.stock()
        there = self.connect(stock)
        there.call("SET", "b", "theirs")
        for key in "abc":
            self.here.call("SET", key, "ours")
        self.assert_error(
            self.here.call("MIGRATE", "127.0.0.1", stock.port, "", 0, LONG_MS, "KEYS", *"abc"),
            "ERR Target instance replied with error: BUSYKEY Target key name already exists.",
        )
        self.assertEqual(self.here.call("MGET", *"abc"), [None, b"ours", None])
        self.assertEqual(there.call("MGET", *"abc"), [b"ours", b"theirs", b"ours"])

    def test_what_changes_on_its_way_is_sent_again(self):
        other = self.connect(self.ours)

        def answer(request: list[bytes]) -> bytes:
            if request[0] == b"RESTORE" and len(target.requests) == 4:
                other.call("APPEND", "changed", "+")
                other.call("DEL", "gone")
                other.call("PEXPIRE", "lives", LONG_MS)
                other.call("SET", "equal", "x")
            return b"+OK\r\n"

        target = self.target(answer)
        for key in ("changed", "gone", "lives", "equal", "same"):
            self.here.call("SET", key, "x")
        reply = self.here.call(
            "MIGRATE", "127.0.0.1", target.port, "", 0, LONG_MS,
            "KEYS", "changed", "gone", "lives", "equal", "same",
        )  # fmt: skip
        self.assertEqual(reply, OK)
        self.assertEqual(self.here.call("DBSIZE"), 0)
        again = target.requests[6:]
        self.assertEqual(again[0][:3], [b"RESTORE", b"changed", b"0"])
        self.assertEqual(again[0][4], b"REPLACE")
        self.assertEqual(again[1], [b"DEL", b"gone"])
        self.assertEqual(again[2][:2], [b"RESTORE", b"lives"])
        self.assertNotEqual(again[2][2], b"0")
        self.assertEqual(again[3][:2], [b"RESTORE", b"equal"])
        self.assertEqual(len(again), 4)
        self.here.call("RESTORE", "check", 0, again[0][3])
        self.assertEqual(self.here.call("GET", "check"), b"x+")

    def test_a_server_that_migrates_to_itself_keeps_its_keys(self):
        self.here.call("SET", "string", "v")
        self.here.call("HSET", "hash", "field", "value")
        for key in ("string", "hash"):
            reply = self.here.call("MIGRATE", "127.0.0.1", self.ours.port, key, 0, 300, "REPLACE")
            self.assertIsInstance(reply, wire.Error)
            self.assertEqual(reply.text.split()[0], b"IOERR")
        self.assertEqual(self.here.call("GET", "string"), b"v")
        self.assertEqual(self.here.call("HGETALL", "hash"), [b"field", b"value"])

    def test_nobody_waits_while_a_slow_target_takes_what_has_changed(self):
        other = self.connect(self.ours, 5.0)
        asked_again = threading.Event()
        goes_on = threading.Event()
        self.addCleanup(goes_on.set)

        def answer(request: list[bytes]) -> bytes:
            if request[0] == b"RESTORE" and not asked_again.is_set():
                if request[-1] == b"REPLACE":
                    asked_again.set()
                    goes_on.wait(LONG_MS / 1000)
                else:
                    other.call("SET", "k", "second")
            return b"+OK\r\n"

        target = self.target(answer)
        self.here.call("SET", "k", "first")
        self.here.send(migrate("127.0.0.1", target.port, "k", 0, LONG_MS))
        self.assertTrue(asked_again.wait(LONG_MS / 1000))
        self.assertEqual(other.call("SET", "k", "third"), OK)
        goes_on.set()
        self.assertEqual(self.here.read(), OK)
        self.assertEqual(self.here.call("EXISTS", "k"), 0)
        self.here.call("RESTORE", "check", 0, target.requests[-1][3])
        self.assertEqual(self.here.call("GET", "check"), b"third")

    def test_a_key_that_keeps_changing_stays(self):
        other = self.connect(self.ours)

        def answer(request: list[bytes]) -> bytes:
            if request[0] == b"RESTORE":
                other.call("INCR", "k")
            return b"+OK\r\n"

        target = self.target(answer)
        self.here.call("SET", "k", 0)
        self.here.call("SET", "still", "v")
        self.assert_error(
            self.here.call("MIGRATE", "127.0.0.1", target.port, "", 0, 300, "KEYS", "still", "k"),
            "IOERR keys changed faster than the target instance took them",
        )
        sent = sum(request[0] == b"RESTORE" for request in target.requests)
        self.assertEqual(self.here.call("MGET", "still", "k"), [None, str(sent).encode()])

    def test_a_key_is_on_its_way_for_one_client_at_a_time(self):
        stock = self.stock()
        there = self.connect(stock)
        other = self.connect(self.ours, 30.0)
        arrived: list[int] = []

        def answer(request: list[bytes]) -> bytes:
            if request[0] == b"RESTORE":
                other.send(migrate("127.0.0.1", stock.port, "k", 0, LONG_MS, "REPLACE"))
                time.sleep(0.2)  # for who does not wait
                arrived.append(there.call("EXISTS", "k"))
            return b"+OK\r\n"

        for options, reply, arrives in (((), NOKEY, 0), (("COPY",), OK, 1)):
            with self.subTest(options=options):
                target = self.target(answer)
                self.here.call("SET", "k", "v")
                migration = ("MIGRATE", "127.0.0.1", target.port, "k", 0, LONG_MS, *options)
                self.assertEqual(self.here.call(*migration), OK)
                self.assertEqual(other.read(), reply)
                self.assertEqual(arrived.pop(), 0)
                self.assertEqual([request[0] for request in target.requests], [b"SELECT", b"RESTORE"])
                self.assertEqual(there.call("EXISTS", "k"), arrives)

    def test_who_waits_for_a_key_that_is_on_its_way_holds_up_nobody(self):
        stock = self.stock()
        hangs = self.target(lambda request: b"")
        for key in ("k", "another"):
            self.here.call("SET", key, "v")
        first = self.ours.connect(5.0)
        first.send(migrate("127.0.0.1", hangs.port, "k", 0, LONG_MS))
        while not hangs.requests:
            time.sleep(0.01)
        self.assert_error(
            self.here.call("MIGRATE", "127.0.0.1", stock.port, "k", 0, 100),
            "IOERR keys are on their way for another client",
        )
        second = self.connect(self.ours, 30.0)
        second.send(
            migrate("127.0.0.1", stock.port, "", 0, LONG_MS, "KEYS", "another", "k", "missing")
        )
        self.assertEqual(self.here.call("MGET", "k", "another"), [b"v", b"v"])
        self.assertEqual(self.here.call("APPEND", "k", "+"), 2)
        self.assertEqual(
            self.here.call("MIGRATE", "127.0.0.1", stock.port, "another", 1, LONG_MS), OK
        )
        first.close()
        self.assertEqual(second.read(), OK)
        self.assertEqual(self.here.call("DBSIZE"), 0)
        there = self.connect(stock)
        self.assertEqual(there.call("MGET", "k", "another"), [b"v+", None])

    def test_who_waits_for_a_stream_that_moves_goes_on_waiting(self):
        other = self.connect(self.ours)
        names = [f"another{i}" for i in range(20)]

        def answer(request: list[bytes]) -> bytes:
            if request[0] == b"RESTORE" and request[1] == b"changed" and len(request) == 4:
                other.call("APPEND", "changed", "+")
            elif request[-1] == b"REPLACE":
                # The stream has gone, and its waiter has been asked whether it minds.
                for name in names:
                    other.send(wire.encode([b"SET", name.encode(), b"v"]))
            return b"+OK\r\n"

        target = self.target(answer)
        self.here.call("SET", "changed", "x")
        self.here.call("XADD", "stream", "1-1", "field", "value")
        waiting = self.connect(self.ours)
        waiting.send(wire.encode([b"XREAD", b"BLOCK", b"0", b"STREAMS", b"stream", b"$"]))
        while b"blocked_clients:1" not in self.here.call("INFO", "clients"):
            time.sleep(0.01)
        reply = self.here.call(
            "MIGRATE", "127.0.0.1", target.port, "", 0, LONG_MS, "KEYS", "stream", "changed"
        )
        self.assertEqual(reply, OK)
        self.assertEqual(len(target.requests), 4)
        self.assertEqual([other.read() for _ in names], [OK] * len(names))
        self.here.call("XADD", "stream", "1-2", "field", "new")
        self.assertEqual(waiting.read(), [[b"stream", [[b"1-2", [b"field", b"new"]]]]])

    def test_a_target_that_does_not_answer_holds_up_nobody_else(self):
        hangs = self.target(lambda request: b"")
        self.here.call("SET", "k", "v")
        other = self.connect(self.ours, 5.0)
        self.here.send(migrate("127.0.0.1", hangs.port, "k", 0, 1500))
        began = time.monotonic()
        while time.monotonic() - began < 0.5:
            self.assertEqual(other.call("GET", "k"), b"v")
            self.assertEqual(other.call("SET", "k", "v"), OK)
        self.assert_error(self.here.read(), "IOERR error or timeout reading to target instance")
        self.assertEqual(self.here.call("GET", "k"), b"v")

    def test_a_target_that_fails_costs_no_key(self):
        def closes(request: list[bytes]) -> bytes | None:
            return None if request[0] == b"RESTORE" else b"+OK\r\n"

        def endless(request: list[bytes]) -> bytes:
            return b"+" + b"x" * 1_000_000

        nobody = socket.create_server(("127.0.0.1", 0))
        unused = nobody.getsockname()[1]
        nobody.close()
        self.here.call("SET", "k", "v")
        connecting = "IOERR error or timeout connecting to the client"
        writing = "IOERR error or timeout writing to target instance"
        reading = "IOERR error or timeout reading to target instance"
        for port, error in (
            (unused, writing),
            (0, writing),
            ("http", writing),
            (self.target(closes).port, reading),
            (self.target(endless).port, reading),
        ):
            with self.subTest(port=port, error=error):
                self.assert_error(
                    self.here.call("MIGRATE", "127.0.0.1", port, "k", 0, SECOND_MS), error
                )
                self.assertEqual(self.here.call("GET", "k"), b"v")
        self.assert_error(
            self.here.call("MIGRATE", "no.such.host.invalid", 1, "k", 0, LONG_MS), connecting
        )

    def test_a_client_that_leaves_while_keys_move_loses_none(self):
        hangs = self.target(lambda request: b"")
        self.here.call("SET", "k", "v")
        leaving = self.ours.connect(5.0)
        leaving.send(migrate("127.0.0.1", hangs.port, "k", 0, LONG_MS))
        while not hangs.requests:
            time.sleep(0.01)
        leaving.close()
        self.assertEqual(self.here.call("GET", "k"), b"v")

    def test_no_increment_is_lost_between_two_servers(self):
        second = self.start()
        there = self.connect(second)
        counted = 0
        stop = threading.Event()

        def count() -> None:
            nonlocal counted
            with self.ours.connect(30.0) as writer:
                while not stop.is_set():
                    writer.call("INCR", "counter")
                    counted += 1

        thread = threading.Thread(target=count)
        thread.start()
        moved = 0
        try:
            for _ in range(100):
                if self.here.call("MIGRATE", "127.0.0.1", second.port, "counter", 0, LONG_MS) == OK:
                    moved += int(there.call("GETDEL", "counter"))
        finally:
            stop.set()
            thread.join()
        left = self.here.call("GET", "counter")
        self.assertEqual(moved + int(left or 0), counted)


if __name__ == "__main__":
    unittest.main()
