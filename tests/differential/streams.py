"""Byte streams that are almost requests. Each is sent on a connection of its own, in random pieces,
and everything that comes back until the server hangs up is compared.

Covers what the random commands cannot: inline requests and their quoting, malformed lengths,
requests cut anywhere, what is still answered before an error closes the connection.
"""

from __future__ import annotations

import re
import socket
from random import Random

from wire import Connection, encode

# Without CLIENT REPLY SKIP: a stock server takes an empty line for the request whose reply is skipped.
REQUESTS = (
    [b"PING"],
    [b"PING", b"x"],
    [b"ECHO", b"a\r\nb"],
    [b"SET", b"k", b"v"],
    [b"GET", b"k"],
    [b"NOSUCH", b"a"],
    [b""],
    [b"ECHO"],
    [b"HELLO", b"3"],
    [b"GET", b"nosuch"],
    [b"MGET", b"k", b"none"],
    [b"QUIT"],
)
INLINE = (
    b"PING",
    b"PING x",
    b"  PING  ",
    b'ECHO "a\\x41\\r\\n\\q"',
    b"ECHO 'a\\'b'",
    b'ECHO "a',
    b"ECHO 'a",
    b'ECHO "a"b',
    b"ECHO ''",
    b'"PING"',
    b'SET k ""',
    b"GET k",
    b"\t\tPING\t",
    b"PING\x00x",
    b"\xff\xfe",
    b"",
    b" ",
    b"ECHO a\\ b",
    b"GET / HTTP/1.1",
    b"$3",
    b":1",
    b"+OK",
    b"*",
    b"**1",
    b'ECHO "\\x4"',
    b'ECHO "\\xzz"',
)
COUNTS = (
    b"*0",
    b"*-1",
    b"*-2147483649",
    b"*x",
    b"*",
    b"*1x",
    b"* 1",
    b"*+1",
    b"*01",
    b"*1048577",
    b"*2147483648",
    b"*9223372036854775808",
    b"*1.0",
    b"*1048576x",
    b"*--1",
)
LENGTHS = (
    b"$-1",
    b"$x",
    b"$",
    b"$ 4",
    b"$+4",
    b"$04",
    b"$536870913",
    b"$2147483648",
    b"$9223372036854775808",
    b"4",
    b":4",
    b"#4",
    b"PING",
    b"\x00",
    b"$4x",
    b"$-0",
)
LINE_ENDS = (b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\n\r", b"\rx")
# Longer than any line may be. Nothing follows such a line, not even its end: a server that has read
# the end by chance would accept it.
ENDLESS = (b"PING " + b"x" * 100_000, b"*" + b"1" * 100_000, b"*1\r\n$" + b"1" * 100_000)
PIECES_MAX = 6


def stream(seed: int, number: int) -> list[bytes]:
    """The pieces in which to send one stream."""
    random = Random(f"stream/{seed}/{number}")
    parts = []
    for _ in range(random.randint(1, 6)):
        parts.append(_part(random))
    parts.append(random.choice(ENDLESS) if random.random() < 0.05 else encode([b"ECHO", b"end"]))
    data = b"".join(parts)
    if random.random() < 0.1:
        data = data[: random.randint(0, len(data))]
    cuts = sorted(random.randint(0, len(data)) for _ in range(random.randint(0, PIECES_MAX - 1)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)]) if a < b]


def _part(random: Random) -> bytes:
    chance = random.random()
    if chance < 0.4:
        return encode(random.choice(REQUESTS))
    if chance < 0.6:
        return random.choice(INLINE) + random.choice(LINE_ENDS)
    if chance < 0.7:
        return random.choice(COUNTS) + random.choice(LINE_ENDS)
    if chance < 0.85:
        return b"*%d\r\n" % random.randint(1, 3) + random.choice(LENGTHS) + random.choice(LINE_ENDS)
    if chance < 0.92:
        return _damaged(random)
    return random.choice((b"\r\n", b"\n", b"\r\n\r\n", b"*0\r\n", b"*-5\r\n"))


def _damaged(random: Random) -> bytes:
    request = encode(random.choice(REQUESTS))
    position = random.randrange(len(request))
    kind = random.randrange(3)
    if kind == 0:
        return request[:position] + random.randbytes(1) + request[position + 1 :]
    if kind == 1:
        return request[:position] + request[position + 1 :]
    return request[:position] + random.randbytes(1) + request[position:]


# What HELLO says of each server alone.
HELLO_OWN = re.compile(rb"(version\r\n)\$\d+\r\n[\d.]+|(id\r\n:)\d+")


def answer(address: tuple[str, int], pieces: list[bytes], timeout_s: float) -> bytes:
    """All that a server says to one stream until it hangs up, but for its version and client ids."""
    with Connection(address, timeout_s) as connection:
        for piece in pieces:
            connection.send(piece)
        try:
            connection.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return HELLO_OWN.sub(rb"\1\2?", connection.drain())
