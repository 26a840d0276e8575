"""RESP2 and RESP3 as a client sees them: requests out, replies in, every reply type kept apart.

Replies become Python values that lose nothing which a test may want to compare:

    +status -> Status    -error -> Error       :1 -> int          $bulk -> bytes
    $-1, _  -> None      *-1    -> NULL_ARRAY  *array -> list     ,1.5 -> Double
    #t      -> bool      (1     -> BigNumber   =txt:... -> Verbatim
    %map    -> Map       ~set   -> Set         >push -> Push

Attributes (`|`) are read and dropped. A Connection belongs to one thread. Everything that is wrong
with the bytes of a server raises BadReply, so that a test never mistakes it for a reply.
"""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass
from typing import Any

READ_BYTES = 1 << 16


class BadReply(Exception):
    """The server sent bytes that are not RESP."""


class Closed(Exception):
    """The server closed the connection before the reply was complete."""


@dataclass(frozen=True)
class Status:
    text: bytes


@dataclass(frozen=True)
class Error:
    text: bytes


@dataclass(frozen=True)
class Double:
    text: bytes


@dataclass(frozen=True)
class BigNumber:
    text: bytes


@dataclass(frozen=True)
class Verbatim:
    format: bytes
    text: bytes


class Map(list):
    """Pairs in the order in which they came."""


class Set(list):
    """Members in the order in which they came."""


class Push(list):
    """Out-of-band data."""


class _NullArray:
    def __repr__(self) -> str:
        return "NULL_ARRAY"


NULL_ARRAY = _NullArray()


def encode(args: list[bytes]) -> bytes:
    """One request as an array of bulk strings."""
    out = [b"*%d\r\n" % len(args)]
    for arg in args:
        out.append(b"$%d\r\n%b\r\n" % (len(arg), arg))
    return b"".join(out)


class Incomplete(Exception):
    """The buffer ends inside a reply."""


_AGGREGATES = {ord("*"): list, ord("~"): Set, ord(">"): Push}


def parse(buffer: bytes, start: int = 0) -> tuple[Any, int]:
    """The reply that begins at `start` and the position after it; raises Incomplete or BadReply."""
    end = buffer.find(b"\r\n", start)
    if end < 0:
        raise Incomplete
    kind = buffer[start]
    line = bytes(buffer[start + 1 : end])
    after = end + 2
    if kind == ord("+"):
        return Status(line), after
    if kind == ord("-"):
        return Error(line), after
    if kind == ord(":"):
        return _integer(line), after
    if kind == ord("$") or kind == ord("="):
        return _parse_bulk(buffer, kind, _integer(line), after)
    if kind in _AGGREGATES:
        return _parse_aggregate(buffer, kind, _integer(line), after)
    if kind == ord("%"):
        return _parse_map(buffer, _integer(line), after)
    if kind == ord("|"):
        _, after = _parse_map(buffer, _integer(line), after)
        return parse(buffer, after)
    if kind == ord("_") and not line:
        return None, after
    if kind == ord("#") and line in (b"t", b"f"):
        return line == b"t", after
    if kind == ord(","):
        return Double(line), after
    if kind == ord("("):
        return BigNumber(line), after
    raise BadReply(f"not a reply: {bytes(buffer[start:end])[:100]!r}")


def _integer(line: bytes) -> int:
    digits = line[1:] if line[:1] == b"-" else line
    if not digits.isdigit():
        raise BadReply(f"not an integer: {line[:100]!r}")
    return int(line)


def _parse_bulk(buffer: bytes, kind: int, length: int, start: int) -> tuple[Any, int]:
    if length == -1 and kind == ord("$"):
        return None, start
    if length < 0:
        raise BadReply(f"bulk length {length}")
    end = start + length
    if len(buffer) < end + 2:
        raise Incomplete
    if buffer[end : end + 2] != b"\r\n":
        raise BadReply("bulk string is not followed by CRLF")
    text = bytes(buffer[start:end])
    if kind == ord("$"):
        return text, end + 2
    if text[3:4] != b":":
        raise BadReply(f"verbatim string without a format: {text[:20]!r}")
    return Verbatim(text[:3], text[4:]), end + 2


def _parse_aggregate(buffer: bytes, kind: int, count: int, position: int) -> tuple[Any, int]:
    if count == -1 and kind == ord("*"):
        return NULL_ARRAY, position
    if count < 0:
        raise BadReply(f"aggregate of {count}")
    items = _AGGREGATES[kind]()
    for _ in range(count):
        item, position = parse(buffer, position)
        items.append(item)
    return items, position


def _parse_map(buffer: bytes, count: int, position: int) -> tuple[Any, int]:
    if count < 0:
        raise BadReply(f"map of {count}")
    pairs = Map()
    for _ in range(count):
        key, position = parse(buffer, position)
        value, position = parse(buffer, position)
        pairs.append((key, value))
    return pairs, position


class Connection:
    """A socket to a server. `address` is (host, port) or the path of a unix socket."""

    def __init__(self, address: tuple[str, int] | str, timeout_s: float = 10.0):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        if not isinstance(address, str) and ":" in address[0]:
            family = socket.AF_INET6
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout_s)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout_s = timeout_s
        self._buffer = bytearray()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Sends; a server that has already closed shows when its reply is read."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def read(self) -> Any:
        """The next reply; raises Closed, BadReply or TimeoutError."""
        while True:
            try:
                if self._buffer:
                    value, end = parse(self._buffer)
                    del self._buffer[:end]
                    return value
            except Incomplete:
                pass
            self._fill()

    def call(self, *args: bytes | str | int) -> Any:
        """Sends one request and reads one reply."""
        self.send(encode([a if isinstance(a, bytes) else str(a).encode() for a in args]))
        return self.read()

    def read_until(self, ending: bytes) -> bytes:
        """Everything up to `ending`, unparsed."""
        while not self._buffer.endswith(ending):
            self._fill()
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def readable(self) -> bool:
        """Whether something has arrived, without waiting for it."""
        return bool(self._buffer or select.select([self.socket], [], [], 0)[0])

    def quiet_for(self, seconds: float) -> bool:
        """True when nothing arrives and nobody hangs up within `seconds`."""
        if self._buffer:
            return False
        self.socket.settimeout(seconds)
        try:
            self._fill()
        except (TimeoutError, BlockingIOError):
            return True
        except Closed:
            return False
        finally:
            self.socket.settimeout(self.timeout_s)
        return False

    def closed_within(self, seconds: float) -> bool:
        """True when the server hangs up within `seconds` and sends nothing before."""
        deadline = time.monotonic() + seconds
        try:
            while not self._buffer:
                self.socket.settimeout(max(0.001, deadline - time.monotonic()))
                self._fill()
        except TimeoutError:
            return False
        except Closed:
            return True
        finally:
            self.socket.settimeout(self.timeout_s)
        return False

    def drain(self) -> bytes:
        """Everything until the server hangs up."""
        try:
            while True:
                self._fill()
        except Closed:
            return bytes(self._buffer)

    def _fill(self) -> None:
        try:
            data = self.socket.recv(READ_BYTES)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed("the server closed the connection")
        self._buffer += data
