"""Producers of list commands: sessions of many requests on a few keys of their own, which are gone at
the end, so that whoever looks at all keys meets no lists.

Redis 7.0 negates the lowest RANK of LPOS to itself; that is not asked.
"""

from __future__ import annotations

from values import INT64_MAX, INT64_MIN, INTEGERS, Exact, Values

KEYS = [b"list:1", b"list:2", b"list:3"]
STRING = b"list:no"
SESSION_REQUESTS = 30
ENDS = (b"LEFT", b"RIGHT")
SPOILED = 0.05
SHORTENED = 0.01


def session(v: Values) -> list[list[bytes]]:
    producers = [producer for _, producer in COMMANDS]
    weights = [weight for weight, _ in COMMANDS]
    requests: list[list[bytes]] = [Exact([b"SET", STRING, b"v"])]
    # Elements of one session are alike in length, so that some lists stay short and others become long.
    size = v.choice((2, 8, 8, 60, 300, 3000))
    for producer in v.random.choices(producers, weights, k=SESSION_REQUESTS):
        request, keys = producer(v, size)
        requests.append(Exact(_perhaps_wrong(v, request, keys)))
    requests += [Exact([b"LRANGE", key, b"0", b"-1"]) for key in KEYS]
    return [*requests, Exact([b"DEL", *KEYS, STRING])]


def _perhaps_wrong(v: Values, args: list[bytes], keys: int) -> list[bytes]:
    """Something wrong in place of what is no key; `keys` end before that index."""
    args = list(args)
    chance = v.chance()
    if chance < SPOILED and len(args) > keys:
        args[v.random.randrange(keys, len(args))] = v.junk(short_lives=True)
    elif chance < SPOILED + SHORTENED:
        args.pop()
    if args[0] == b"LPOS":
        args = [b"%d" % -INT64_MAX if arg == b"%d" % INT64_MIN else arg for arg in args]
    return [v.spelling(args[0]), *args[1:]]


def _key(v: Values) -> bytes:
    return STRING if v.chance() < 0.03 else v.choice(KEYS)


def _element(v: Values, size: int) -> bytes:
    chance = v.chance()
    if chance < 0.4:
        return v.choice((b"a", b"b", b"1", b"-1", b"01", b""))
    if chance < 0.6:
        return v.choice(INTEGERS)
    return v.choice((b"x", b"y", b"\xff")) * v.random.randint(1, size)


def _index(v: Values) -> bytes:
    return b"%d" % v.random.randint(-12, 12) if v.chance() < 0.9 else v.number()


def _push(v: Values, size: int) -> tuple[list[bytes], int]:
    name = v.choice((b"LPUSH", b"RPUSH", b"RPUSH", b"LPUSHX", b"RPUSHX"))
    count = v.choice((1, 1, 1, 2, 5, 20))
    return [name, _key(v), *[_element(v, size) for _ in range(count)]], 2


def _pop(v: Values, size: int) -> tuple[list[bytes], int]:
    args = [v.choice((b"LPOP", b"RPOP")), _key(v)]
    if v.chance() < 0.4:
        args.append(v.choice((b"0", b"1", b"2", b"3", b"5", b"9223372036854775807", b"-1")))
    return args, 2


def _read(v: Values, size: int) -> tuple[list[bytes], int]:
    name = v.choice((b"LLEN", b"LINDEX", b"LRANGE"))
    args = [name, _key(v)]
    args += [_index(v) for _ in range((b"LLEN", b"LINDEX", b"LRANGE").index(name))]
    return args, 2


def _change(v: Values, size: int) -> tuple[list[bytes], int]:
    key = _key(v)
    chance = v.chance()
    if chance < 0.35:
        return [b"LSET", key, _index(v), _element(v, size)], 2
    if chance < 0.7:
        where = v.spelling(v.choice((b"BEFORE", b"AFTER")))
        return [b"LINSERT", key, where, _element(v, size), _element(v, size)], 2
    return [b"LREM", key, b"%d" % v.random.randint(-3, 3), _element(v, size)], 2


def _trim(v: Values, size: int) -> tuple[list[bytes], int]:
    if v.chance() < 0.3:
        return [b"LTRIM", _key(v), _index(v), _index(v)], 2
    return [b"LTRIM", _key(v), v.choice((b"0", b"1")), v.choice((b"-1", b"-2", b"20"))], 2


def _position(v: Values, size: int) -> tuple[list[bytes], int]:
    options = [[b"RANK", _index(v)], [b"COUNT", _index(v)], [b"MAXLEN", _index(v)]]
    chosen = v.random.sample(options, v.random.randint(0, 3))
    return [b"LPOS", _key(v), _element(v, size), *[word for one in chosen for word in one]], 2


def _move(v: Values, size: int) -> tuple[list[bytes], int]:
    if v.chance() < 0.2:
        return [b"RPOPLPUSH", _key(v), _key(v)], 3
    return [b"LMOVE", _key(v), _key(v), v.choice(ENDS), v.spelling(v.choice(ENDS))], 3


def _pop_first(v: Values, size: int) -> tuple[list[bytes], int]:
    keys = [_key(v) for _ in range(v.random.randint(1, 3))]
    args = [b"LMPOP", b"%d" % len(keys), *keys, v.spelling(v.choice(ENDS))]
    if v.chance() < 0.5:
        args += [v.spelling(b"COUNT"), v.choice((b"1", b"2", b"5", b"0", b"9223372036854775807"))]
    return args, len(keys) + 2


def _any(v: Values, size: int) -> tuple[list[bytes], int]:
    """What is done to keys of any type."""
    key, other = v.choice(KEYS), v.choice(KEYS)
    request = v.choice(
        (
            [b"RENAME", key, other],
            [b"COPY", key, other, b"REPLACE"],
            [b"EXPIRE", key, b"1000000"],
            [b"TTL", key],
            [b"TYPE", key],
            [b"EXISTS", *KEYS],
            [b"GET", key],
            [b"APPEND", key, b"v"],
            [b"DEL", key],
        )
    )
    return request, len(request)


COMMANDS = [
    (8.0, _push),
    (4.0, _pop),
    (4.0, _read),
    (5.0, _change),
    (1.0, _trim),
    (2.0, _position),
    (4.0, _move),
    (1.5, _pop_first),
    (1.0, _any),
]

TABLE = [(0.6, session)]
