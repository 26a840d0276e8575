"""Clients that wait: what one connection waits for, and what the other does meanwhile.

A wait is for ever, and ends by what the other connection does or because the driver unblocks it, so that it
depends on no time. The keys are its own, and gone at its end.
"""

from __future__ import annotations

from dataclasses import dataclass

from values import Values

KEYS = [b"wait:1", b"wait:2", b"wait:3"]
SOURCE = b"wait:from"
TARGET = b"wait:to"
ALL_KEYS = [*KEYS, SOURCE, TARGET]
FOR_EVER = (b"0", b"0", b"0.0")

Request = list[bytes]


@dataclass(frozen=True)
class Handover:
    """`connection` waits; the other one plays `before` it, `meanwhile` and `after` its end."""

    connection: int
    before: tuple[tuple[bytes, ...], ...]
    waiter: tuple[bytes, ...]
    meanwhile: tuple[tuple[bytes, ...], ...]
    after: tuple[tuple[bytes, ...], ...]


def handover(v: Values, connection: int) -> Handover:
    kind = v.choice((_List, _List, _SortedSet, _Stream))
    before = [[b"SELECT", b"0"], *kind.prepare(v)]
    if v.chance() < 0.3:
        before.append(kind.give(v, v.choice([*KEYS, SOURCE])))
    waiter = kind.wait(v)
    # A group's key that goes or changes its type ends the wait with the words of Redis 7.2.
    only_gives = waiter[0] == b"XREADGROUP"
    meanwhile = [_step(v, kind, only_gives) for _ in range(v.random.randint(0, 4))]
    after = [kind.read(key) for key in ALL_KEYS] + [[b"DEL", *ALL_KEYS]]
    return Handover(
        connection,
        tuple(map(tuple, before)),
        tuple(waiter),
        tuple(map(tuple, meanwhile)),
        tuple(map(tuple, after)),
    )


def _keys(v: Values) -> list[bytes]:
    return [v.choice(KEYS) for _ in range(v.random.randint(1, 3))]


def _step(v: Values, kind: type[_Kind], only_gives: bool) -> Request:
    """Something that makes a key ready, or does not, or takes it away."""
    if only_gives or v.chance() < 0.55:
        return kind.give(v, v.choice([*KEYS, SOURCE]))
    return v.choice(
        (
            [b"RENAME", SOURCE, v.choice(KEYS)],
            [b"COPY", SOURCE, v.choice(KEYS)],
            [b"COPY", SOURCE, v.choice(KEYS), b"REPLACE"],
            [b"SET", v.choice(KEYS), b"v"],
            [b"DEL", v.choice(ALL_KEYS)],
            [b"SORT", SOURCE, b"ALPHA", b"STORE", v.choice(KEYS)],
            v.choice((_List, _SortedSet, _Stream)).give(v, v.choice(KEYS)),
        )
    )


class _Kind:
    """What is waited for."""

    @staticmethod
    def prepare(v: Values) -> list[Request]:
        return []

    @staticmethod
    def wait(v: Values) -> Request:
        raise NotImplementedError

    @staticmethod
    def give(v: Values, key: bytes) -> Request:
        raise NotImplementedError

    @staticmethod
    def read(key: bytes) -> Request:
        raise NotImplementedError


class _List(_Kind):
    @staticmethod
    def wait(v: Values) -> Request:
        keys = _keys(v)
        ends = (b"LEFT", b"RIGHT")
        count = v.choice(([], [b"COUNT", b"1"], [b"COUNT", b"3"]))
        return v.choice(
            (
                [b"BLPOP", *keys, v.choice(FOR_EVER)],
                [b"BRPOP", *keys, v.choice(FOR_EVER)],
                [b"BLMOVE", keys[0], v.choice((TARGET, keys[-1])), v.choice(ends), v.choice(ends), b"0"],
                [b"BRPOPLPUSH", keys[0], v.choice((TARGET, keys[-1])), b"0"],
                [b"BLMPOP", b"0", b"%d" % len(keys), *keys, v.choice(ends), *count],
            )
        )

    @staticmethod
    def give(v: Values, key: bytes) -> Request:
        name = v.choice((b"LPUSH", b"RPUSH"))
        return [name, key, *[b"%d" % v.random.randint(0, 9) for _ in range(v.random.randint(1, 4))]]

    @staticmethod
    def read(key: bytes) -> Request:
        return [b"LRANGE", key, b"0", b"-1"]


class _SortedSet(_Kind):
    @staticmethod
    def wait(v: Values) -> Request:
        keys = _keys(v)
        count = v.choice(([], [b"COUNT", b"1"], [b"COUNT", b"3"]))
        return v.choice(
            (
                [b"BZPOPMIN", *keys, v.choice(FOR_EVER)],
                [b"BZPOPMAX", *keys, v.choice(FOR_EVER)],
                [b"BZMPOP", b"0", b"%d" % len(keys), *keys, v.choice((b"MIN", b"MAX")), *count],
            )
        )

    @staticmethod
    def give(v: Values, key: bytes) -> Request:
        pairs = [(b"%d" % v.random.randint(-3, 3), b"%d" % i) for i in range(v.random.randint(1, 4))]
        return [b"ZADD", key, *[word for pair in pairs for word in pair]]

    @staticmethod
    def read(key: bytes) -> Request:
        return [b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]


class _Stream(_Kind):
    """Entries have ids of their own, since those that a server makes are its clock's."""

    @staticmethod
    def prepare(v: Values) -> list[Request]:
        return [[b"XGROUP", b"CREATE", key, b"g", b"$", b"MKSTREAM"] for key in KEYS]

    @staticmethod
    def wait(v: Values) -> Request:
        keys = list(dict.fromkeys(_keys(v)))
        count = v.choice(([], [b"COUNT", b"1"]))
        last = v.choice((b"$", b"0", b"5"))
        return v.choice(
            (
                [b"XREAD", *count, b"BLOCK", b"0", b"STREAMS", *keys, *[last] * len(keys)],
                [b"XREADGROUP", b"GROUP", b"g", b"c", *count, b"BLOCK", b"0", b"STREAMS"]
                + [*keys, *[b">"] * len(keys)],
            )
        )

    @staticmethod
    def give(v: Values, key: bytes) -> Request:
        return [b"XADD", key, b"%d-*" % v.random.randint(1, 9), b"f", b"v"]

    @staticmethod
    def read(key: bytes) -> Request:
        return [b"XRANGE", key, b"-", b"+"]
