"""Producers of key-space commands. Each gives one or more requests."""

from __future__ import annotations

from values import Values


def expire(v: Values) -> list[list[bytes]]:
    name, good = v.choice(
        (
            (b"EXPIRE", v.life_s),
            (b"PEXPIRE", v.life_ms),
            (b"EXPIREAT", v.deadline_s),
            (b"PEXPIREAT", v.deadline_ms),
        )
    )
    chance = v.chance()
    time = (
        good() if chance < 0.8 else v.bad_time() if chance < 0.9 else v.choice((b"-5", v.past_s()))
    )
    if name in (b"EXPIRE", b"PEXPIRE") and chance >= 0.9:
        time = v.choice((b"-5", b"-1700000000000", b"0"))
    args = [name, v.key(), time]
    while v.chance() < 0.3:
        args.append(
            v.spelling(v.choice((b"NX", b"XX", b"GT", b"LT"))) if v.chance() < 0.95 else b"ZZ"
        )
    return [args]


def time_left(v: Values) -> list[list[bytes]]:
    return [[v.choice((b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME")), v.key()]]


def many(v: Values) -> list[list[bytes]]:
    return [[v.choice((b"DEL", b"UNLINK", b"EXISTS", b"EXISTS", b"TOUCH")), *v.keys()]]


def copy(v: Values) -> list[list[bytes]]:
    args = [b"COPY", v.key(), v.key()]
    options = []
    if v.chance() < 0.5:
        options.append([v.spelling(b"DB"), v.database()])
    if v.chance() < 0.5:
        options.append([v.spelling(b"REPLACE")])
    v.random.shuffle(options)
    return [args + [word for option in options for word in option]]


def rename(v: Values) -> list[list[bytes]]:
    return [[v.choice((b"RENAME", b"RENAMENX")), v.key(), v.key()]]


def object_(v: Values) -> list[list[bytes]]:
    word = v.choice(
        (b"ENCODING", b"ENCODING", b"ENCODING", b"REFCOUNT", b"IDLETIME", b"FREQ", b"NOSUCH")
    )
    return [[b"OBJECT", v.spelling(word), v.key()]]


def flush(v: Values) -> list[list[bytes]]:
    args = [v.choice((b"FLUSHDB", b"FLUSHDB", b"FLUSHALL"))]
    if v.chance() < 0.5:
        args.append(v.spelling(v.choice((b"SYNC", b"ASYNC", b"ASYNC", b"NOW"))))
    return [args]


def scan(v: Values) -> list[list[bytes]]:
    """One call that returns everything, or an error."""
    args = [
        b"SCAN",
        b"0"
        if v.chance() < 0.8
        else v.choice((b"x", b"", b"1x", b" 0", b"99999999999999999999999")),
    ]
    if v.chance() < 0.5:
        args += [v.spelling(b"MATCH"), v.pattern()]
    if v.chance() < 0.3:
        args += [v.spelling(b"TYPE"), v.choice((b"string", b"String", b"hash", b"nosuch"))]
    # The last COUNT counts, so everything is returned unless it is wrong.
    args += [
        v.spelling(b"COUNT"),
        b"100000" if v.chance() < 0.9 else v.choice((b"0", b"-1", b"x", b"")),
    ]
    return [args]


def restore(v: Values) -> list[list[bytes]]:
    payload = v.choice(v.payloads)
    chance = v.chance()
    if chance < 0.1 and payload:
        position = v.random.randrange(len(payload))
        payload = (
            payload[:position]
            + bytes([payload[position] ^ (1 << v.random.randrange(8))])
            + payload[position + 1 :]
        )
    elif chance < 0.15:
        payload = payload[: v.random.randint(0, len(payload))]
    life, absolute = v.choice(
        (
            (b"0", False),
            (v.life_ms(), False),
            (v.deadline_ms(), True),
            (v.past_ms(), True),
            (b"-1", False),
            (b"x", False),
        )
    )
    args = [b"RESTORE", v.key(), life, payload]
    options = [[b"ABSTTL"]] if absolute else []
    if v.chance() < 0.6:
        options.append([b"REPLACE"])
    if v.chance() < 0.15:
        options.append([b"IDLETIME", v.choice((b"0", b"100", b"-1", b"x"))])
    if v.chance() < 0.15:
        options.append([b"FREQ", v.choice((b"0", b"255", b"256", b"-1", b"x"))])
    if v.chance() < 0.03:
        options.append([b"NOSUCH"])
    v.random.shuffle(options)
    return [
        args
        + [
            v.spelling(word) if word.isalpha() and word != b"x" else word
            for option in options
            for word in option
        ]
    ]


TABLE = [
    (6.0, expire),
    (6.0, time_left),
    (2.0, lambda v: [[b"PERSIST", v.key()]]),
    (5.0, many),
    (1.0, lambda v: [[b"TYPE", v.key()]]),
    (3.0, rename),
    (4.0, copy),
    (2.0, lambda v: [[b"MOVE", v.key(), v.database()]]),
    (4.0, object_),
    (0.3, flush),
    (0.4, lambda v: [[b"SWAPDB", v.database(), v.database()]]),
    (0.5, lambda v: [[b"DBSIZE"]]),
    (0.5, lambda v: [[b"RANDOMKEY"]]),
    (1.0, lambda v: [[b"KEYS", v.pattern()]]),
    (1.5, scan),
    (1.5, lambda v: [[b"DUMP", v.key()]]),
    (2.0, restore),
]
