"""Producers of stream commands: sessions of many requests on a few keys of their own, which are gone at
the end, so that whoever looks at all keys meets no streams.

Ids are made up, as the clock would give other ones to each server, and none is so high that nothing can
follow within its millisecond: of that stock 7.0 says something else than its successors. XSETID only goes
up, as stock 7.0 lets an id be lower than that of an entry which was deleted.
"""

from __future__ import annotations

from values import Exact, Values

KEYS = [b"stream:1", b"stream:2", b"stream:3"]
STRING = b"stream:no"
SESSION_REQUESTS = 40
SPOILED = 0.05
SHORTENED = 0.01
# What entries of a session are so many of in a node, and what it is in the end.
NODE_ENTRIES = (b"1", b"2", b"3", b"5", b"20", b"100")
NODE_ENTRIES_DEFAULT = b"100"
IDS_MS_MAX = 60
IDS_SEQ_MAX = 3


def session(v: Values) -> list[list[bytes]]:
    producers = [producer for _, producer in COMMANDS]
    weights = [weight for weight, _ in COMMANDS]
    requests: list[list[bytes]] = [
        Exact([b"CONFIG", b"SET", b"stream-node-max-entries", v.choice(NODE_ENTRIES)]),
        Exact([b"SET", STRING, b"v"]),
    ]
    for number, producer in enumerate(v.random.choices(producers, weights, k=SESSION_REQUESTS)):
        request, keys = producer(v, 1 + number * IDS_MS_MAX // SESSION_REQUESTS)
        requests.append(Exact(_perhaps_wrong(v, request, keys)))
    for key in KEYS:
        requests.append(Exact([b"XRANGE", key, b"-", b"+"]))
        requests.append(Exact([b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"]))
    requests.append(Exact([b"CONFIG", b"SET", b"stream-node-max-entries", NODE_ENTRIES_DEFAULT]))
    return [*requests, Exact([b"DEL", *KEYS, STRING])]


def _perhaps_wrong(v: Values, args: list[bytes], keys: int) -> list[bytes]:
    """Something wrong in place of what is no key; `keys` end before that index."""
    args = list(args)
    chance = v.chance()
    if chance < SPOILED and len(args) > keys:
        args[v.random.randrange(keys, len(args))] = _junk(v)
    elif chance < SPOILED + SHORTENED:
        args.pop()
    return [v.spelling(args[0]), *args[1:]]


def _junk(v: Values) -> bytes:
    """Stock servers take an id to end where a zero byte is."""
    junk = v.junk(short_lives=True)
    return b"junk" if b"\x00" in junk else junk


def _key(v: Values) -> bytes:
    return STRING if v.chance() < 0.03 else v.choice(KEYS)


def _id(v: Values, now: int) -> bytes:
    """An id that may have been added."""
    ms = v.random.randint(0, now + 2)
    chance = v.chance()
    if chance < 0.2:
        return b"%d" % ms
    return b"%d-%d" % (ms, v.random.randint(0, IDS_SEQ_MAX))


def _bound(v: Values, now: int) -> bytes:
    chance = v.chance()
    if chance < 0.3:
        return v.choice((b"-", b"+"))
    if chance < 0.5:
        return b"(" + _id(v, now)
    if chance < 0.55:
        last = b"18446744073709551615"
        return v.choice((last, b"(0-0", b"(" + last + b"-" + last, b"*"))
    return _id(v, now)


def _count(v: Values) -> list[bytes]:
    if v.chance() < 0.5:
        return []
    count = v.choice((b"1", b"2", b"3", b"10", b"0", b"-1", b"9223372036854775807"))
    return [v.spelling(b"COUNT"), count]


def _trim_rule(v: Values, now: int) -> list[bytes]:
    if v.chance() < 0.5:
        args = [v.spelling(b"MAXLEN")]
        threshold = v.choice((b"0", b"1", b"2", b"5", b"10", b"20", b"9223372036854775807", b"-1"))
    else:
        args = [v.spelling(b"MINID")]
        threshold = _id(v, now)
    operator = v.choice(([], [b"="], [b"~"], [b"~"]))
    args += [*operator, threshold]
    if v.chance() < (0.4 if operator == [b"~"] else 0.05):
        args += [v.spelling(b"LIMIT"), v.choice((b"0", b"1", b"2", b"5", b"100", b"-1"))]
    return args


def _add(v: Values, now: int) -> tuple[list[bytes], int]:
    args = [b"XADD", _key(v)]
    if v.chance() < 0.1:
        args.append(v.spelling(b"NOMKSTREAM"))
    if v.chance() < 0.15:
        args += _trim_rule(v, now)
    chance = v.chance()
    if chance < 0.5:
        args.append(b"%d-*" % now)
    elif chance < 0.9:
        args.append(b"%d-%d" % (now + v.random.randint(0, 1), v.random.randint(0, IDS_SEQ_MAX)))
    else:
        args.append(_id(v, now))
    pairs = v.choice((1, 1, 1, 2, 2, 3))
    fields = [v.choice((b"f", b"g", b"", b"12", b"long field name")) for _ in range(pairs)]
    if v.chance() < 0.6:
        fields = [b"f", b"g", b"12"][:pairs]
    for field in fields:
        number = b"%d" % v.random.randint(-300, 70000)
        args += [field, v.choice((b"v", b"", b"-7", b"\xff\r\n", number))]
    return args, 2


def _read(v: Values, now: int) -> tuple[list[bytes], int]:
    args = [b"XREAD", *_count(v)]
    block = v.chance() < 0.05
    if block:
        args += [v.spelling(b"BLOCK"), b"1"]
    keys = [_key(v) for _ in range(v.random.randint(1, 3))]
    args += [v.spelling(b"STREAMS"), *keys]
    args += [v.choice((b"0", b"$", _id(v, now), _id(v, now))) for _ in keys]
    # Anything instead of a time-out would let the connection wait.
    return args, len(args) if block else len(args) - len(keys)


def _range(v: Values, now: int) -> tuple[list[bytes], int]:
    name = v.choice((b"XRANGE", b"XREVRANGE"))
    return [name, _key(v), _bound(v, now), _bound(v, now), *_count(v)], 2


def _length(v: Values, now: int) -> tuple[list[bytes], int]:
    return [b"XLEN", _key(v)], 2


def _delete(v: Values, now: int) -> tuple[list[bytes], int]:
    return [b"XDEL", _key(v), *[_id(v, now) for _ in range(v.random.randint(1, 4))]], 2


def _trim(v: Values, now: int) -> tuple[list[bytes], int]:
    return [b"XTRIM", _key(v), *_trim_rule(v, now)], 2


def _set_id(v: Values, now: int) -> tuple[list[bytes], int]:
    args = [b"XSETID", _key(v), b"%d-%d" % (now + 1, IDS_SEQ_MAX)]
    if v.chance() < 0.5:
        args += [v.spelling(b"ENTRIESADDED"), v.choice((b"0", b"3", b"50", b"-1"))]
    if v.chance() < 0.5:
        args += [v.spelling(b"MAXDELETEDID"), _id(v, now)]
    return args, len(args)


def _info(v: Values, now: int) -> tuple[list[bytes], int]:
    args = [b"XINFO", b"STREAM", _key(v)]
    if v.chance() < 0.5:
        args += [v.spelling(b"FULL"), *_count(v)]
    return args, 3


def _any(v: Values, now: int) -> tuple[list[bytes], int]:
    """What is done to keys of any type."""
    key, other = v.choice(KEYS), v.choice(KEYS)
    request = v.choice(
        (
            [b"RENAME", key, other],
            [b"COPY", key, other, b"REPLACE"],
            [b"EXPIRE", key, b"1000000"],
            [b"TTL", key],
            [b"TYPE", key],
            [b"OBJECT", b"ENCODING", key],
            [b"EXISTS", *KEYS],
            [b"GET", key],
            [b"DEL", key],
        )
    )
    return request, len(request)


COMMANDS = [
    (12.0, _add),
    (4.0, _read),
    (4.0, _range),
    (1.0, _length),
    (3.0, _delete),
    (1.5, _trim),
    (1.0, _set_id),
    (1.0, _info),
    (1.0, _any),
]

TABLE = [(0.5, session)]
