"""The two servers that are compared, and the playing of items on both.

A Pair belongs to one thread. Commands are sent in batches to both servers at once; a batch ends with
a sentinel, so that nothing is parsed when the bytes of both answers are the same.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, Sequence

import allowed
import payload
import wire
from blocking_commands import Handover
from generator import Command, Item, Probe, Wait
from live_server import LiveServer
from wire import encode

BATCH_COMMANDS = 200
SENTINEL = b"=end of batch="
BATCH_END = encode([b"CLIENT", b"REPLY", b"ON"]) + encode([b"ECHO", SENTINEL])
BATCH_ENDING = b"$%d\r\n%b\r\n" % (len(SENTINEL), SENTINEL)
REPLY_TIMEOUT_S = 30.0
DATABASES = 16
# Checking a CRC in Python costs 0.1 us a byte.
CHECKED_PAYLOAD_BYTES_MAX = 2000
# Statistics whose counts depend on how often a full SCAN had to call.
UNCOUNTED = ("scan", "info", "config|resetstat")
# Commands that wait; for stock one that is unblocked has failed.
UNBLOCKED_FAIL = """
    blpop brpop blmove brpoplpush blmpop bzpopmin bzpopmax bzmpop xread xreadgroup
""".split()
# What Side.state() asks about each key.
STATE_NAMES = ("TYPE", "GET", "HGETALL", "SMEMBERS", "ZRANGE", "PTTL", "PEXPIRETIME", "ENCODING")
# What is dumped and restored, and how the restored value is read; the forms of other types are each server's own.
READ_RESTORED = {
    b"string": [b"GET", b"restored"],
    b"zset": [b"ZRANGE", b"restored", b"0", b"-1", b"WITHSCORES"],
}
OPTIONS = ["--enable-debug-command", "yes"]


@dataclass
class Difference:
    """`position` is the index of the item at which the servers first differ."""

    position: int
    item: Item
    ours: str
    stock: str

    def kind(self) -> str:
        if isinstance(self.item, Command):
            return self.item.args[0].decode("latin-1").upper()
        if isinstance(self.item, Handover):
            return self.item.waiter[0].decode("latin-1").upper()
        return type(self.item).__name__


def _batch(requests: Sequence[tuple[bytes, ...]]) -> bytes:
    return b"".join(encode(request) for request in requests) + BATCH_END


def _answers(connection: wire.Connection, requests: Sequence[tuple[bytes, ...]]) -> bytes:
    connection.send(_batch(requests))
    return connection.read_until(BATCH_ENDING)


class Side:
    """One server and its connections: two for commands, one to look at the state."""

    def __init__(self, binary: str, options: list[str]):
        self.server = LiveServer(binary, OPTIONS + options)
        self.connections: list[wire.Connection] = []
        self.ids: list[int] = []  # of those, as the server calls them
        self.inspector = self._connect()
        self.changes_before = 0
        self.rdb_version = 0
        self.hits_of_scans = 0

    def _connect(self) -> wire.Connection:
        return self.server.connect(REPLY_TIMEOUT_S)

    def reset(self) -> None:
        """Empty databases, fresh connections and statistics; a new process if the old one died."""
        if not self.server.alive():
            self.server.start()
        for connection in [*self.connections, self.inspector]:
            connection.close()
        self.connections = [self._connect(), self._connect()]
        self.ids = [connection.call("CLIENT", "ID") for connection in self.connections]
        self.inspector = self._connect()
        replies = self.ask(
            [[b"SET", b"k", b"v"], [b"DUMP", b"k"], [b"FLUSHALL"], [b"CONFIG", b"RESETSTAT"]]
        )
        self.rdb_version = payload.version(replies[1])
        self.hits_of_scans = 0
        self.changes_before = self._changes()

    def stop(self) -> None:
        for connection in [*self.connections, self.inspector]:
            connection.close()
        self.server.stop()

    def ask(self, requests: list[list[bytes]]) -> list[Any]:
        self.inspector.send(b"".join(encode(request) for request in requests))
        return [self.inspector.read() for _ in requests]

    def info(self, section: bytes = b"everything") -> dict[str, str]:
        text = self.ask([[b"INFO", section]])[0].decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def hand_over(self, item: Handover) -> list[bytes]:
        """The answers to what was played before, to the waiter, meanwhile and after, and how it ended."""
        waiter, other = self.connections[item.connection], self.connections[1 - item.connection]
        changes = self._changes()
        before = _answers(other, item.before)
        waiter.send(_batch([(b"SELECT", b"0"), item.waiter]))
        deadline = time.monotonic() + REPLY_TIMEOUT_S
        while not waiter.readable() and self.info(b"clients")["blocked_clients"] == "0":
            if time.monotonic() > deadline:
                raise TimeoutError("neither an answer nor a client that waits")
        meanwhile = _answers(other, item.meanwhile)
        ended = self.ask([[b"CLIENT", b"UNBLOCK", b"%d" % self.ids[item.connection]]])
        waited = waiter.read_until(BATCH_ENDING)
        after = _answers(other, item.after)
        # Stock does not count all that it does when it serves a client.
        self.changes_before += self._changes() - changes
        return [before, waited, meanwhile, repr(ended).encode(), after]

    def full_scan(self, probe: Probe) -> set[bytes]:
        """Each key that SCAN looks at to know its type is a hit, and stock shows some twice while its tables
        grow, so these are not counted."""
        before = self._hits()
        keys = _full_scan(self.connections[probe.connection], probe.args)
        self.hits_of_scans += self._hits() - before
        return keys

    def _hits(self) -> int:
        return int(self.info(b"stats")["keyspace_hits"])

    def _changes(self) -> int:
        return int(self.info(b"persistence")["rdb_changes_since_last_save"])

    def state(self) -> dict[tuple[int, bytes], dict[str, Any]]:
        """Every key of every database with all that can be seen of it."""
        found = {}
        for index in range(DATABASES):
            _, keys = self.ask([[b"SELECT", b"%d" % index], [b"KEYS", b"*"]])
            requests = [
                request
                for key in keys
                for request in (
                    [b"TYPE", key],
                    [b"GET", key],
                    [b"HGETALL", key],
                    [b"SMEMBERS", key],
                    [b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
                    [b"PTTL", key],
                    [b"PEXPIRETIME", key],
                    [b"OBJECT", b"ENCODING", key],
                )
            ]
            replies = self.ask([*requests, [b"DBSIZE"]])
            for i, key in enumerate(keys):
                count = len(STATE_NAMES)
                found[index, key] = dict(zip(STATE_NAMES, replies[count * i : count * (i + 1)]))
            found[index, b"(database)"] = {"DBSIZE": replies[-1]}
        return found

    def statistics(self) -> dict[str, str]:
        info = self.info()
        kept = {
            name: info[name]
            for name in (
                "keyspace_hits",
                "keyspace_misses",
                "expired_keys",
                "evicted_keys",
                "total_error_replies",
            )
        }
        kept["keyspace_hits"] = str(int(info["keyspace_hits"]) - self.hits_of_scans)
        kept["changes"] = str(self._changes() - self.changes_before)
        for name, value in info.items():
            if name.startswith("errorstat_"):
                kept[name] = value
            if name.startswith("cmdstat_") and name.removeprefix("cmdstat_") not in UNCOUNTED:
                fields = dict(field.split("=") for field in value.split(","))
                if name.removeprefix("cmdstat_") in UNBLOCKED_FAIL:
                    fields["failed_calls"] = "-"
                kept[
                    name
                ] = f"{fields['calls']} {fields['rejected_calls']} {fields['failed_calls']}"
            if name.startswith("db") and name[2:].isdigit():
                kept[name] = value.rpartition(",avg_ttl")[0]
        return kept


class Pair:
    """`widest_ms` is the longest that anything of the episode took on both servers, and so how far apart
    they may have executed a command that gave a key its life."""

    def __init__(self, ours: str, stock: str, options: tuple[list[str], list[str]] = ([], [])):
        self.widest_ms = 0
        self.ours = Side(ours, options[0])
        self.stock = Side(stock, options[1])
        self.sides = (self.ours, self.stock)
        self.commands = 0

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *_: object) -> None:
        for side in self.sides:
            side.stop()

    def payloads(self) -> list[bytes]:
        """DUMPs of the stock server for RESTORE to draw from, also under other versions."""
        self.stock.reset()
        texts = [
            b"",
            b"0",
            b"-129",
            b"2147483648",
            b"short",
            b"x" * 100,
            b"ab" * 3000,
            bytes(range(256)) * 4,
        ]
        dumps = []
        for text in texts:
            dumps.append(self.stock.ask([[b"SET", b"k", text], [b"DUMP", b"k"]])[1])
        return dumps + [
            payload.stamp(dumps[4], 1),
            payload.stamp(dumps[4], 0),
            payload.stamp(dumps[4], 9999),
            b"",
        ]

    def play(self, items: list[Item]) -> Difference | None:
        """Plays items from empty databases on; the first difference, if there is one."""
        for side in self.sides:
            side.reset()
        self.widest_ms = 0
        position = 0
        while position < len(items):
            item = items[position]
            if isinstance(item, Command):
                end = position + 1
                while (
                    end < len(items)
                    and end - position < BATCH_COMMANDS
                    and isinstance(items[end], Command)
                    and items[end].connection == item.connection
                ):
                    end += 1
            else:
                end = position + 1
            try:
                difference = self._play_some(position, items[position:end])
            except (wire.Closed, wire.BadReply, TimeoutError, OSError) as problem:
                difference = self._broken(position, items[position:end], problem)
            if difference is not None:
                return difference
            position = end
        return None

    def _play_some(self, position: int, items: list[Item]) -> Difference | None:
        item = items[0]
        if isinstance(item, Command):
            return self._play_batch(position, items)
        if isinstance(item, Wait):
            time.sleep(item.seconds)
            return None
        if isinstance(item, Handover):
            return self._play_handover(position, item)
        texts = getattr(self, "_probe_" + item.kind)(item)
        return None if texts is None else Difference(position, item, *texts)

    def _broken(self, position: int, items: list[Item], problem: Exception) -> Difference:
        time.sleep(0.2)
        texts = [
            f"{type(problem).__name__}: {problem}"
            if side.server.alive()
            else "died:\n" + side.server.log_tail()
            for side in self.sides
        ]
        return Difference(position + len(items) - 1, items[-1], *texts)

    def _apart_ms(self, began: float) -> int:
        """By how much lives may differ that both servers have told since `began`."""
        taken_ms = math.ceil((time.monotonic() - began) * 1000)
        apart_ms = self.widest_ms + taken_ms
        self.widest_ms = max(self.widest_ms, taken_ms)
        return apart_ms

    def _play_batch(self, position: int, commands: list[Command]) -> Difference | None:
        data = b"".join([encode(command.args) for command in commands]) + BATCH_END
        connections = [side.connections[commands[0].connection] for side in self.sides]
        began = time.monotonic()
        for connection in connections:
            connection.send(data)
        ours, stock = [connection.read_until(BATCH_ENDING) for connection in connections]
        apart_ms = self._apart_ms(began)
        self.commands += len(commands)
        if ours == stock:
            return None
        return _first_difference(position, commands, (ours, stock), apart_ms)

    def _play_handover(self, position: int, item: Handover) -> Difference | None:
        ours, stock = (side.hand_over(item) for side in self.sides)
        self.commands += len(item.before) + 1 + len(item.meanwhile) + len(item.after)
        if ours == stock:
            return None
        return Difference(position, item, repr(ours), repr(stock))

    def _probe_state(self, _: Probe) -> tuple[str, str] | None:
        began = time.monotonic()
        ours, stock = (side.state() for side in self.sides)
        apart_ms = self._apart_ms(began)
        wrong = {
            place: _what_differs(ours.get(place), stock.get(place), apart_ms)
            for place in ours.keys() | stock.keys()
        }
        return _texts({place: texts for place, texts in wrong.items() if texts is not None})

    def _probe_scan(self, probe: Probe) -> tuple[str, str] | None:
        """All that a full iteration returns, on the connection's own database."""
        ours, stock = (side.full_scan(probe) for side in self.sides)
        return (
            None
            if ours == stock
            else (f"also {sorted(ours - stock)}", f"also {sorted(stock - ours)}")
        )

    def _probe_encoding(self, probe: Probe) -> tuple[str, str] | None:
        """OBJECT ENCODING of what may be a set, with its size, on which depends what the servers may say."""
        texts, replies, members = [], [], None
        for side in self.sides:
            connection = side.connections[probe.connection]
            members = connection.call(b"SCARD", *probe.args)
            replies.append(connection.call(b"OBJECT", b"ENCODING", *probe.args))
            texts.append(f"{members} members, {replies[-1]}")
        known = allowed.Circumstances(members=members if type(members) is int else None)
        same = replies[0] == replies[1] or allowed.agree((b"ENCODING",), *replies, known)
        return None if same else (texts[0], texts[1])

    def _probe_exchange(self, _: Probe) -> tuple[str, str] | None:
        """Each server restores what the other has dumped, as well as it restores its own."""
        wrong = {}
        for index in range(DATABASES):
            for side in self.sides:
                side.ask([[b"SELECT", b"%d" % index]])
            for key in self.stock.ask([[b"KEYS", b"*"]])[0]:
                read = READ_RESTORED.get(self.stock.ask([[b"TYPE", key]])[0].text)
                if read is None:
                    continue
                dumps = [side.ask([[b"DUMP", key]])[0] for side in self.sides]
                reads = [_misread(side, dumps, read) for side in self.sides]
                if any(reads):
                    wrong[index, key] = tuple(reads)
        return _texts(wrong)

    def _probe_statistics(self, _: Probe) -> tuple[str, str] | None:
        ours, stock = (side.statistics() for side in self.sides)
        names = sorted(ours.keys() | stock.keys())
        return _texts(
            {n: (ours.get(n), stock.get(n)) for n in names if ours.get(n) != stock.get(n)}
        )


def _texts(wrong: dict[Any, tuple[Any, Any]]) -> tuple[str, str] | None:
    """What either server holds in the places where they differ, one place a line."""
    if not wrong:
        return None
    ours = [f"{place}: {values[0]}" for place, values in wrong.items()]
    stock = [f"{place}: {values[1]}" for place, values in wrong.items()]
    return "\n".join(ours), "\n".join(stock)


def _what_differs(
    ours: dict[str, Any] | None, stock: dict[str, Any] | None, apart_ms: int
) -> tuple | None:
    """Of what can be seen of a key on either server, that which is not as good as the same."""
    if ours is None or stock is None or ours.keys() != stock.keys():
        return ours, stock
    members = stock.get("SMEMBERS")
    known = allowed.Circumstances(apart_ms, len(members) if isinstance(members, list) else None)
    names = [
        name
        for name in ours
        if ours[name] != stock[name]
        and not allowed.agree((name.encode(),), ours[name], stock[name], known)
    ]
    if not names:
        return None
    return {name: ours[name] for name in names}, {name: stock[name] for name in names}


def _full_scan(connection: wire.Connection, args: tuple[bytes, ...]) -> set[bytes]:
    cursor, keys = b"0", set()
    while True:
        reply = connection.call(b"SCAN", cursor, *args)
        if not isinstance(reply, list):
            raise wire.BadReply(f"SCAN said {reply}")
        cursor = reply[0]
        keys.update(reply[1])
        if cursor == b"0":
            return keys


def _misread(reader: Side, dumps: list[bytes], read: list[bytes]) -> str | None:
    """Says what is wrong when a server does not make the same of two dumps of one key."""
    results = []
    for dump in dumps:
        if type(dump) is not bytes:
            return f"DUMP said {dump}"
        checkable = len(dump) <= CHECKED_PAYLOAD_BYTES_MAX
        if checkable and not payload.checksum_is_right(dump):
            return f"wrong checksum: {dump!r}"
        if payload.version(dump) > reader.rdb_version:
            if not checkable:
                return None
            dump = payload.stamp(dump, reader.rdb_version)
        ask = [
            [b"RESTORE", b"restored", b"0", dump],
            read,
            [b"OBJECT", b"ENCODING", b"restored"],
        ]
        results.append(reader.ask([*ask, [b"DEL", b"restored"]]))
    return None if results[0] == results[1] else f"dumps of ours and stock: {results}"


def _first_difference(
    position: int, commands: list[Command], answers: tuple[bytes, bytes], apart_ms: int
) -> Difference | None:
    ours, stock = answers
    known = allowed.Circumstances(apart_ms)
    at_ours = at_stock = 0
    for index in _answered(commands):
        command = commands[index]
        reply_ours, end_ours = wire.parse(ours, at_ours)
        reply_stock, end_stock = wire.parse(stock, at_stock)
        text_ours, text_stock = ours[at_ours:end_ours], stock[at_stock:end_stock]
        if text_ours != text_stock and not allowed.agree(
            command.args, reply_ours, reply_stock, known
        ):
            return Difference(position + index, command, repr(text_ours), repr(text_stock))
        at_ours, at_stock = end_ours, end_stock
    if ours[at_ours:] != stock[at_stock:]:
        return Difference(
            position + len(commands) - 1, commands[-1], repr(ours[at_ours:]), repr(stock[at_stock:])
        )
    return None


def _answered(commands: list[Command]) -> list[int]:
    """Indexes of the commands that get a reply, by what CLIENT REPLY and RESET have said before."""
    answered = []
    silent = skip = False
    for index, command in enumerate(commands):
        words = [arg.upper() for arg in command.args]
        skip_next = False
        if words[0] == b"RESET" and len(words) == 1:
            silent = skip = False
        elif words[:2] == [b"CLIENT", b"REPLY"] and len(words) == 3:
            if words[2] == b"OFF":
                silent = True
                continue
            if words[2] == b"ON":
                silent = skip = False
            elif words[2] == b"SKIP" and not silent:
                skip_next = True
        if not silent and not skip and not skip_next:
            answered.append(index)
        skip = skip_next
    return answered
