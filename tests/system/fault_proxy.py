"""A TCP proxy that spoils connections while they run: it delays, cuts, or swallows what it should pass.

Threads     Its methods may be called from any thread; it runs one thread of its own.
"""

from __future__ import annotations

import heapq
import selectors
import socket
import threading
import time

READ_BYTES_MAX = 1 << 16
# What waits for a slow reader; beyond it the other side is not read.
WAITING_BYTES_MAX = 1 << 20
TICK_S = 0.05


class _Side:
    """One socket of a connection, what is to be written to it, and the side behind it."""

    def __init__(self, connected: socket.socket):
        self.socket = connected
        self.other: _Side | None = None
        self.waiting = bytearray()
        self.due: list[tuple[float, int, bytes]] = []  # delayed: (when, order, bytes)
        self.due_bytes = 0


class FaultProxy:
    """Listens on a free port of 127.0.0.1, `port`, and connects to `target` for every caller."""

    def __init__(self, target: tuple[str, int] | str):
        """`target`: host and port, or the path of a unix socket."""
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)
        self._sides: set[_Side] = set()
        self._lock = threading.Lock()
        self._delay_s = 0.0
        self._swallow = False
        self._refuse = False
        self._cut = False
        self._stop = False
        self._order = 0
        self.accepted = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def delay(self, seconds: float) -> None:
        """Bytes that come from now on are passed on this much later, in either direction."""
        self._set("_delay_s", seconds)

    def swallow(self, on: bool = True) -> None:
        """Half-open: connections are accepted and kept, and nothing passes. What was swallowed is lost,
        so connections that lost something are cut when it ends."""
        if not on and self._swallow:
            self.cut()
        self._set("_swallow", on)

    def refuse(self, on: bool = True) -> None:
        """New connections are closed at once; those that are there stay."""
        self._set("_refuse", on)

    def cut(self) -> None:
        """Closes every connection with a reset; returns when that is done."""
        self._set("_cut", True)
        while self._cut and self._thread.is_alive():
            time.sleep(0.001)

    def heal(self) -> None:
        self.delay(0.0)
        self.refuse(False)
        self.swallow(False)

    def connections(self) -> int:
        with self._lock:
            return len(self._sides) // 2

    def close(self) -> None:
        if not self._stop:
            self._set("_stop", True)
            self._thread.join(10.0)

    def _set(self, name: str, value: object) -> None:
        setattr(self, name, value)
        self._wake_writer.send(b"x")

    def _run(self) -> None:
        while not self._stop:
            for key, events in self._selector.select(self._wait_s()):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._wake_reader:
                    self._wake_reader.recv(4096)
                elif key.data in self._sides:
                    self._serve(key.data, events)
            if self._cut:
                self._close_all()
                self._cut = False
            self._pass_what_is_due()
        self._close_all()
        for each in (self._listener, self._wake_reader, self._wake_writer):
            each.close()
        self._selector.close()

    def _wait_s(self) -> float:
        first = min((side.due[0][0] for side in self._sides if side.due), default=None)
        return TICK_S if first is None else max(0.0, min(TICK_S, first - time.monotonic()))

    def _accept(self) -> None:
        try:
            caller, _ = self._listener.accept()
        except BlockingIOError:
            return
        self.accepted += 1
        if self._refuse:
            caller.close()
            return
        try:
            if isinstance(self._target, str):
                behind = socket.socket(socket.AF_UNIX)
                behind.connect(self._target)
            else:
                behind = socket.create_connection(self._target, 5.0)
        except OSError:
            caller.close()
            return
        sides = _Side(caller), _Side(behind)
        sides[0].other, sides[1].other = sides[1], sides[0]
        for side in sides:
            side.socket.setblocking(False)
            if side.socket.family != socket.AF_UNIX:
                side.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(side.socket, selectors.EVENT_READ, side)
        with self._lock:
            self._sides.update(sides)

    def _serve(self, side: _Side, events: int) -> None:
        try:
            if events & selectors.EVENT_READ and not self._read(side):
                return self._close(side)
            if events & selectors.EVENT_WRITE:
                self._write(side)
        except OSError:
            self._close(side)

    def _read(self, side: _Side) -> bool:
        """Whether the connection goes on."""
        assert side.other is not None
        if len(side.other.waiting) + side.other.due_bytes > WAITING_BYTES_MAX:
            time.sleep(0.001)
            return True
        try:
            data = side.socket.recv(READ_BYTES_MAX)
        except BlockingIOError:
            return True
        if not data:
            return self._swallow_end(side)
        if self._swallow:
            return True
        if self._delay_s or side.other.due:
            self._order += 1
            due = time.monotonic() + self._delay_s
            heapq.heappush(side.other.due, (due, self._order, data))
            side.other.due_bytes += len(data)
        else:
            side.other.waiting += data
            self._write(side.other)
        return True

    def _swallow_end(self, side: _Side) -> bool:
        """A side that closes: its end passes like bytes do, so not at all while they are swallowed."""
        if not self._swallow:
            return False
        self._selector.unregister(side.socket)
        return True

    def _write(self, side: _Side) -> None:
        if side.waiting and not self._swallow:
            try:
                del side.waiting[: side.socket.send(side.waiting)]
            except BlockingIOError:
                pass
        events = selectors.EVENT_READ
        if side.waiting:
            events |= selectors.EVENT_WRITE
        if side.socket.fileno() in self._selector.get_map():
            self._selector.modify(side.socket, events, side)

    def _pass_what_is_due(self) -> None:
        now = time.monotonic()
        for side in list(self._sides):
            moved = False
            while side.due and side.due[0][0] <= now:
                data = heapq.heappop(side.due)[2]
                side.due_bytes -= len(data)
                side.waiting += data
                moved = True
            if moved:
                try:
                    self._write(side)
                except OSError:
                    self._close(side)

    def _close(self, side: _Side) -> None:
        for each in (side, side.other):
            if each is None or each not in self._sides:
                continue
            with self._lock:
                self._sides.discard(each)
            if each.socket.fileno() in self._selector.get_map():
                self._selector.unregister(each.socket)
            each.socket.close()

    def _close_all(self) -> None:
        reset = b"\x01\0\0\0\0\0\0\0"  # struct linger: on, 0 seconds
        for side in list(self._sides):
            if side in self._sides and side.socket.family != socket.AF_UNIX:
                side.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        for side in list(self._sides):
            self._close(side)
