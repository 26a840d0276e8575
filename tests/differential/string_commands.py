"""Producers of string commands. Each gives one or more requests."""

from __future__ import annotations

from values import Values

SET_CONDITIONS = (b"NX", b"XX", b"GET", b"KEEPTTL")


def set_(v: Values) -> list[list[bytes]]:
    args = [b"SET", v.key(), v.value()]
    if v.chance() < 0.4:
        return [args]
    options: list[list[bytes]] = []
    for word in SET_CONDITIONS:
        if v.chance() < 0.25:
            options.append([v.spelling(word)])
    while v.chance() < 0.4:
        options.append(_expiry(v))
    v.random.shuffle(options)
    return [args + [word for option in options for word in option]]


def _expiry(v: Values) -> list[bytes]:
    word, good, past = v.choice(
        (
            (b"EX", v.life_s, None),
            (b"PX", v.life_ms, None),
            (b"EXAT", v.deadline_s, v.past_s),
            (b"PXAT", v.deadline_ms, v.past_ms),
        )
    )
    chance = v.chance()
    if chance < 0.1:
        return [v.spelling(word), v.bad_time()]
    if chance < 0.13:
        return [v.spelling(word)]
    if chance < 0.25 and past is not None:
        return [v.spelling(word), past()]
    return [v.spelling(word), good()]


def getex(v: Values) -> list[list[bytes]]:
    args = [b"GETEX", v.key()]
    while v.chance() < 0.6:
        args += _expiry(v) if v.chance() < 0.75 else [v.spelling(b"PERSIST")]
    return [args]


def setex(v: Values) -> list[list[bytes]]:
    time = v.bad_time() if v.chance() < 0.15 else None
    if v.chance() < 0.5:
        return [[b"SETEX", v.key(), time if time is not None else v.life_s(), v.value()]]
    return [[b"PSETEX", v.key(), time if time is not None else v.life_ms(), v.value()]]


def mset(v: Values) -> list[list[bytes]]:
    args = [v.choice((b"MSET", b"MSET", b"MSETNX"))]
    for key in v.keys():
        args += [key, v.value()]
    return [args]


def getrange(v: Values) -> list[list[bytes]]:
    return [[v.choice((b"GETRANGE", b"SUBSTR")), v.key(), v.index(), v.index()]]


def incr_by(v: Values) -> list[list[bytes]]:
    return [[v.choice((b"INCRBY", b"DECRBY")), v.key(), v.number()]]


def incr_by_float(v: Values) -> list[list[bytes]]:
    return [[b"INCRBYFLOAT", v.key(), v.float()]]


def append(v: Values) -> list[list[bytes]]:
    return [[b"APPEND", v.key(), v.piece()]]


def setrange(v: Values) -> list[list[bytes]]:
    return [[b"SETRANGE", v.key(), v.offset(), v.piece() if v.chance() < 0.9 else b""]]


def lcs(v: Values) -> list[list[bytes]]:
    first, second = v.key(), v.key()
    requests = []
    if v.chance() < 0.6:
        requests.append([b"MSET", first, _word(v), second, _word(v)])
    args = [b"LCS", first, second]
    for option in (b"LEN", b"IDX", b"WITHMATCHLEN"):
        if v.chance() < 0.35:
            args.append(v.spelling(option))
    if v.chance() < 0.3:
        args += [
            b"MINMATCHLEN",
            v.choice((b"0", b"1", b"2", b"4", b"-1", b"x", b"9223372036854775807")),
        ]
    return [*requests, args]


def _word(v: Values) -> bytes:
    return bytes(v.random.choices(b"abcd", k=v.random.randint(0, 30)))


TABLE = [
    (12.0, set_),
    (10.0, lambda v: [[b"GET", v.key()]]),
    (2.0, lambda v: [[b"GETSET", v.key(), v.value()]]),
    (2.0, lambda v: [[b"GETDEL", v.key()]]),
    (4.0, getex),
    (2.0, lambda v: [[b"SETNX", v.key(), v.value()]]),
    (3.0, setex),
    (3.0, mset),
    (3.0, lambda v: [[b"MGET", *v.keys()]]),
    (4.0, append),
    (2.0, lambda v: [[b"STRLEN", v.key()]]),
    (3.0, setrange),
    (3.0, getrange),
    (4.0, lambda v: [[v.choice((b"INCR", b"DECR")), v.key()]]),
    (4.0, incr_by),
    (4.0, incr_by_float),
    (1.5, lcs),
]
