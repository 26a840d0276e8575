"""Random sequences of commands: every string, bitmap, HyperLogLog, list, hash, set, sorted set, stream, key
and connection command with all its options, and now and then something wrong.

A sequence (an episode) is a list of items that a driver plays against both servers: a Command is
sent, a Probe is a look at the whole state that takes several requests, a Handover is a client that waits. An episode begins with empty
databases, so it can be repeated alone from the run's seed and its own number.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Callable

import bitmap_commands
import blocking_commands
import collection_commands
import connection_commands
import group_commands
import key_commands
import list_commands
import short_lives
import sort_commands
import sorted_set_commands
import stream_commands
import string_commands
from blocking_commands import Handover
from values import Exact, Values

WRONG_ARITY = 0.02
JUNK_ARGUMENT = 0.03
UNKNOWN_COMMAND = 0.003
CONNECTION_SWITCH = 0.02
PROBE = 0.002
HANDOVER = 0.01
SHORT_LIFE_ROUNDS = 3
SHORT_LIFE_WRITES = 60

# What these take could end a life early or stall the connection when replaced by anything.
TAKE_LIVES = {
    b"SET",
    b"SETEX",
    b"PSETEX",
    b"GETEX",
    b"EXPIRE",
    b"PEXPIRE",
    b"EXPIREAT",
    b"PEXPIREAT",
    b"RESTORE",
}
# A cursor other than 0 means something else to each server, and so does a count of what is drawn. Of bitmaps,
# HyperLogLogs and sorted sets, their producers say what differs from Redis 7.0.
NEVER_MUTATED = {
    b"CLIENT",
    b"HELLO",
    b"SCAN",
    b"BITCOUNT",
    b"BITPOS",
    b"BITFIELD",
    b"PFADD",
    b"PFMERGE",
    b"HSCAN",
    b"SSCAN",
    b"HRANDFIELD",
    b"SRANDMEMBER",
    b"SPOP",
    b"ZSCAN",
    b"ZRANDMEMBER",
    b"ZRANK",
    b"ZREVRANK",
}
# These put a value under their second key.
GIVE_NAMES = {b"SMOVE", b"COPY", b"RENAME", b"ZRANGESTORE"}
# What has keys of its own, where it stays.
COLLECTION_KEYS = collection_commands.KEYS | frozenset(sorted_set_commands.KEYS)


@dataclass(frozen=True)
class Command:
    connection: int
    args: tuple[bytes, ...]


@dataclass(frozen=True)
class Probe:
    """`kind` names a method of the driver; `args` are its arguments."""

    connection: int
    kind: str
    args: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Wait:
    seconds: float


Item = Command | Probe | Wait | Handover
Producer = Callable[[Values], list[list[bytes]]]

TABLE: list[tuple[float, Producer]] = (
    string_commands.TABLE
    + bitmap_commands.TABLE
    + key_commands.TABLE
    + connection_commands.TABLE
    + list_commands.TABLE
    + stream_commands.TABLE
    + group_commands.TABLE
    + sort_commands.TABLE
    + collection_commands.TABLE
    + sorted_set_commands.TABLE
)


def episode(seed: int, number: int, commands: int, payloads: list[bytes]) -> list[Item]:
    """`payloads` are DUMP results that RESTORE draws from."""
    random = Random(f"{seed}/{number}")
    values = Values(random)
    values.payloads = payloads
    producers = [producer for _, producer in TABLE]
    weights = [weight for weight, _ in TABLE]
    items: list[Item] = []
    connection = 0
    for producer in random.choices(producers, weights, k=commands):
        if values.chance() < CONNECTION_SWITCH:
            connection = 1 - connection
        for args in producer(values):
            if args[:2] == [b"OBJECT", b"ENCODING"] and set(args[2:]) & COLLECTION_KEYS:
                items.append(Probe(connection, "encoding", (args[2],)))
                continue
            sent = args if isinstance(args, Exact) else _perhaps_wrong(values, args)
            items.append(Command(connection, tuple(sent)))
            # A key set with a deadline that has passed stays counted until somebody looks.
            if args[0] == b"SET" and len(sent) > 3:
                items.append(Command(connection, (b"EXISTS", sent[1])))
        if values.chance() < PROBE:
            items.append(Probe(connection, *_probe(values)))
        if values.chance() < HANDOVER:
            items.append(blocking_commands.handover(values, connection))
    items.append(Probe(connection, "state"))
    items.append(Probe(connection, "statistics"))
    items.append(Probe(connection, "exchange"))
    return items


def short_life_episode(seed: int, number: int) -> list[Item]:
    """Keys that expire during the episode, which looks at nothing until all of them have."""
    values = Values(Random(f"short/{seed}/{number}"))
    items: list[Item] = []
    for _ in range(SHORT_LIFE_ROUNDS):
        writes = [short_lives.write(values) for _ in range(SHORT_LIFE_WRITES)]
        items += [Command(0, tuple(args)) for args in writes]
        items += [Wait(short_lives.DRAINED_AFTER_S), Probe(0, "state")]
    items.append(Probe(0, "statistics"))
    return items


def _perhaps_wrong(values: Values, args: list[bytes]) -> list[bytes]:
    chance = values.chance()
    name = args[0]
    # DUMP takes only strings yet, so collections stay under their own keys.
    collection = any(arg in COLLECTION_KEYS for arg in args)
    spared = NEVER_MUTATED | GIVE_NAMES if collection else NEVER_MUTATED
    if chance < WRONG_ARITY + JUNK_ARGUMENT + UNKNOWN_COMMAND and name not in spared:
        args = list(args)
        junk = values.junk(short_lives=name not in TAKE_LIVES)
        first = 2 if collection else 1
        if chance < WRONG_ARITY:
            if values.chance() < 0.6 and len(args) > first:
                del args[values.random.randrange(first, len(args))]
            else:
                args.insert(values.random.randint(first, len(args)), junk)
        elif chance < WRONG_ARITY + JUNK_ARGUMENT and len(args) > first:
            args[values.random.randrange(first, len(args))] = junk
        else:
            args[0] = values.choice(
                (b"NOSUCH", b"", b"get ", b"x" * 200, b"SETT\r\n", b"\xff\x00", b"g'et")
            )
    return [values.spelling(args[0]), *args[1:]]


def _probe(values: Values) -> tuple[str, tuple[bytes, ...]]:
    if values.chance() < 0.5:
        return "state", ()
    args: list[bytes] = []
    if values.chance() < 0.6:
        args += [b"COUNT", values.choice((b"1", b"2", b"5", b"10", b"1000"))]
    if values.chance() < 0.5:
        args += [b"MATCH", values.pattern()]
    if values.chance() < 0.3:
        args += [b"TYPE", values.choice((b"string", b"STRING", b"list"))]
    return "scan", tuple(args)
