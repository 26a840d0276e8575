"""Requests that are huge, many, cut into pieces or no requests at all."""

from __future__ import annotations

import os
import random
import threading
import time

import wire
from server_case import HealthyClient, ServerCase

STRING_LIMIT = 512 * 1024 * 1024
OK = wire.Status(b"OK")


class Pipelines(ServerCase):
    REQUESTS = 100_000

    def test_a_pipeline_read_while_it_is_sent(self):
        server = self.start()
        client = self.connect(server, 60.0)
        data = b"".join(
            wire.encode([b"SET", b"k%d" % i, b"v%d" % i]) + wire.encode([b"GET", b"k%d" % i])
            for i in range(self.REQUESTS // 2)
        )
        sender = threading.Thread(target=client.send, args=(data,))
        sender.start()
        expected = b"".join(
            b"+OK\r\n$%d\r\nv%d\r\n" % (len(str(i)) + 1, i) for i in range(self.REQUESTS // 2)
        )
        self.assertEqual(self.read_exactly(client, len(expected)), expected)
        sender.join()

    def test_a_pipeline_sent_before_anything_is_read(self):
        server = self.start()
        client = self.connect(server, 60.0)
        client.call("SET", "k", b"x" * 500)
        with HealthyClient(server) as healthy:
            client.send(wire.encode([b"GET", b"k"]) * self.REQUESTS)
            reply = b"$500\r\n" + b"x" * 500 + b"\r\n"
            got = self.read_exactly(client, len(reply) * self.REQUESTS)
        healthy.check(self)
        self.assertEqual(got, reply * self.REQUESTS)
        self.assertEqual(client.call("PING"), wire.Status(b"PONG"))

    def test_many_pipelines_at_once(self):
        server = self.start()
        clients = [self.connect(server, 60.0) for _ in range(50)]
        for number, client in enumerate(clients):
            client.send(
                wire.encode([b"INCR", b"counter"]) * 1000
                + wire.encode([b"INCR", b"own:%d" % number]) * 1000
            )
        seen = set()
        for client in clients:
            seen.update(client.read() for _ in range(1000))
            self.assertEqual([client.read() for _ in range(1000)], list(range(1, 1001)))
        self.assertEqual(seen, set(range(1, 50_001)))

    def read_exactly(self, client: wire.Connection, size: int) -> bytes:
        parts, left = [], size
        while left:
            part = client.socket.recv(min(left, 1 << 20))
            self.assertTrue(part, msg=f"{left} of {size} bytes are missing")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)


class Cuts(ServerCase):
    REQUESTS = (
        wire.encode([b"SET", b"key", b"va\r\nlue"])
        + b"PING\r\n"
        + wire.encode([b"GET", b"key"])
        + b'ECHO "a b"\r\n'
        + b"*0\r\n\r\n"
        + wire.encode([b"HELLO", b"3"])[:0]
        + wire.encode([b"MGET", b"key", b"", b"none"])
        + wire.encode([b"NOSUCH", b"x" * 100])
        + wire.encode([b"ECHO", b"0123456789" * 20])
    )

    def expected(self, server) -> bytes:
        with server.connect() as client:
            client.send(self.REQUESTS + wire.encode([b"QUIT"]))
            whole = client.drain()
        self.assertTrue(whole.startswith(b"+OK\r\n+PONG\r\n$7\r\nva\r\nlue\r\n$3\r\na b\r\n*3\r\n"))
        return whole[: -len(b"+OK\r\n")]

    def test_cut_in_two_at_every_byte(self):
        server = self.start()
        expected = self.expected(server)
        clients = [self.connect(server) for _ in range(len(self.REQUESTS) + 1)]
        for cut, client in enumerate(clients):
            client.send(self.REQUESTS[:cut])
        time.sleep(0.1)
        for cut, client in enumerate(clients):
            client.send(self.REQUESTS[cut:] + wire.encode([b"QUIT"]))
        for cut, client in enumerate(clients):
            self.assertEqual(client.drain(), expected + b"+OK\r\n", msg=f"cut at {cut}")

    def test_byte_by_byte(self):
        server = self.start()
        expected = self.expected(server)
        client = self.connect(server)
        for position in range(len(self.REQUESTS)):
            client.send(self.REQUESTS[position : position + 1])
            time.sleep(0.0005)
        client.send(wire.encode([b"QUIT"]))
        self.assertEqual(client.drain(), expected + b"+OK\r\n")

    def test_a_large_argument_cut_anywhere(self):
        server = self.start()
        value = os.urandom(300_000)
        request = wire.encode([b"SET", b"large", value]) + wire.encode([b"GET", b"large"])
        for piece in (1_000, 16_383, 16_384, 16_385, 65_536, 299_999):
            client = self.connect(server)
            for start in range(0, len(request), piece):
                client.send(request[start : start + piece])
                time.sleep(0.0005)
            self.assertEqual([client.read(), client.read()], [OK, value], msg=f"pieces of {piece}")


class Waits(ServerCase):
    def test_quotes_behind_a_request_that_waits(self):
        server = self.start()
        waiting, other = self.connect(server), self.connect(server)
        waiting.send(b'BLPOP list 0\r\nSET key "a\\"b c"\r\nECHO "d e" \'f g\'\r\nECHO "d e"\r\nGET key\r\n')
        while b"blocked_clients:1" not in other.call("INFO", "clients"):
            time.sleep(0.01)
        self.assertEqual(other.call("RPUSH", "list", "x"), 1)
        self.assertEqual(waiting.read(), [b"list", b"x"])
        self.assertEqual(waiting.read(), OK)
        self.assertIsInstance(waiting.read(), wire.Error)
        self.assertEqual([waiting.read(), waiting.read()], [b"d e", b'a"b c'])


class Sizes(ServerCase):
    def test_the_largest_string(self):
        server = self.start()
        client = self.connect(server, 120.0)
        self.assertEqual(client.call("SETRANGE", "k", STRING_LIMIT - 1, "x"), STRING_LIMIT)
        self.assertEqual(client.call("STRLEN", "k"), STRING_LIMIT)
        too_long = wire.Error(b"ERR string exceeds maximum allowed size (proto-max-bulk-len)")
        self.assertEqual(client.call("SETRANGE", "k", STRING_LIMIT, "x"), too_long)
        self.assertEqual(client.call("APPEND", "k", "x"), too_long)
        self.assertEqual(client.call("STRLEN", "k"), STRING_LIMIT)
        client.send(wire.encode([b"GET", b"k"]))
        self.read_zeros(client, STRING_LIMIT)
        self.assertEqual(client.call("DEL", "k"), 1)

    def read_zeros(self, client: wire.Connection, size: int) -> None:
        """A bulk string of zeros with an x at the end, without keeping it."""
        header = b"$%d\r\n" % size
        got = client.socket.recv(len(header))
        self.assertEqual(got, header)
        left, last = size + 2, b""
        while left:
            part = client.socket.recv(min(left, 1 << 20))
            self.assertTrue(part)
            left -= len(part)
            last = (last + part)[-3:]
            self.assertEqual(
                part.count(0), len(part) - (3 - max(0, left)) if left < 3 else len(part)
            )
        self.assertEqual(last, b"x\r\n")

    def test_the_largest_argument(self):
        server = self.start()
        client = self.connect(server, 120.0)
        block = b"0123456789abcdef" * (1 << 16)
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % STRING_LIMIT)
        for _ in range(STRING_LIMIT // len(block)):
            client.send(block)
        client.send(b"\r\n")
        self.assertEqual(client.read(), OK)
        self.assertEqual(client.call("STRLEN", "k"), STRING_LIMIT)
        self.assertEqual(client.call("GETRANGE", "k", 16, 31), b"0123456789abcdef")
        self.assertEqual(client.call("GETRANGE", "k", -16, -1), b"0123456789abcdef")
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % (STRING_LIMIT + 1))
        self.assertEqual(client.drain(), b"-ERR Protocol error: invalid bulk length\r\n")

    def test_very_many_arguments(self):
        server = self.start()
        client = self.connect(server, 60.0)
        count = 200_000
        args = [b"MSET"] + [word for i in range(count) for word in (b"k%d" % i, b"%d" % i)]
        self.assertEqual(client.call(*args), OK)
        self.assertEqual(client.call("DBSIZE"), count)
        values = client.call(b"MGET", *(b"k%d" % i for i in range(count)))
        self.assertEqual(values, [b"%d" % i for i in range(count)])
        self.assertEqual(client.call(b"DEL", *(b"k%d" % i for i in range(count))), count)

    def test_large_keys(self):
        server = self.start()
        client = self.connect(server, 60.0)
        for size in (255, 256, 65_535, 65_536, 1_000_000, 20_000_000):
            key = os.urandom(size)
            self.assertEqual(client.call("SET", key, "v"), OK)
            self.assertEqual(client.call("GET", key), b"v")
            self.assertEqual(client.call("RANDOMKEY"), key)
            self.assertEqual(client.call("DEL", key), 1)


class Garbage(ServerCase):
    SECONDS = 4.0

    def test_random_bytes_on_many_connections(self):
        """A seed, printed when the test fails, decides the bytes."""
        seed = random.SystemRandom().getrandbits(32)
        server = self.start()
        with HealthyClient(server) as healthy:
            threads = [
                threading.Thread(target=self.send_garbage, args=(server, seed + i))
                for i in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        message = f"seed {seed}"
        self.assertTrue(server.alive(), msg=f"{message}\n{server.log_tail()}")
        self.assertIsNone(healthy.problem, msg=message)
        self.assertGreater(healthy.replies, 100, msg=message)
        self.assertLess(healthy.slowest_s, 1.0, msg=message)

    def send_garbage(self, server, seed: int) -> None:
        source = random.Random(seed)
        until = time.monotonic() + self.SECONDS
        while time.monotonic() < until:
            with server.connect() as client:
                for _ in range(source.randint(1, 5)):
                    client.send(self.garbage(source))
                client.socket.settimeout(0.02)
                try:
                    client.socket.recv(65536)
                except OSError:
                    pass

    # Nothing here can shut the server down or change what the healthy client sees.
    WORDS = (
        b"GET",
        b"PING",
        b"ECHO",
        b"MGET",
        b"TTL",
        b"OBJECT",
        b"ENCODING",
        b"COMMAND",
        b"DOCS",
        b"INFO",
        b"SCAN",
        b"HELLO",
        b"3",
        b"CLIENT",
        b"LIST",
        b"healthy",
        b"LCS",
        b"RANDOMKEY",
        b"MONITOR",
        b"RESET",
        b"SELECT",
        b"9",
    )

    def garbage(self, source: random.Random) -> bytes:
        kind = source.randrange(5)
        if kind == 0:
            return source.randbytes(source.randint(1, 5000))
        if kind == 1:
            return b"*%d\r\n" % source.randint(-5, 2_000_000) + source.randbytes(
                source.randint(0, 500)
            )
        if kind == 2:
            return b"*3\r\n$%d\r\n" % source.randint(-5, 1_000_000_000) + source.randbytes(
                source.randint(0, 500)
            )
        request = bytearray(
            wire.encode([source.choice(self.WORDS) for _ in range(source.randint(1, 6))])
        )
        if kind == 3:
            for _ in range(source.randint(1, 4)):
                request[source.randrange(len(request))] = source.randrange(256)
        return bytes(request)
