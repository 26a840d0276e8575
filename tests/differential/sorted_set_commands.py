"""Producers of sorted set commands. Each gives one or more requests.

Sorted sets have keys of their own, as hashes and sets do. Where members are asked for in the order of their
bytes, they all have one score: otherwise what lies within bounds is not defined, and in large sets random.
Redis 7.0 differs from its successors, and so from us, in what it says to a third argument of ZRANK and
ZREVRANK, so those are always right.
"""

from __future__ import annotations

from collection_commands import SET_KEYS
from values import FLOATS, Exact, Values

MIXED_KEYS = [b"z%d" % i for i in range(5)]
ONE_SCORE_KEY = b"zlex"
KEYS = [*MIXED_KEYS, ONE_SCORE_KEY]
WRONG_KEYS = [b"s0", b"wrong"]

# Few, so that many members share a score; and what numbers look like at their ends.
COMMON_SCORES = [b"0", b"-0", b"1", b"-1", b"2", b"3", b"1.5", b"-2.25"]
RARE_SCORES = FLOATS + b"""
    inf -inf +inf infinity -Infinity nan 1e400 0x10 +5 -0.0 00 1e17 100000000000000000000 9007199254740993
    2147483648 -9223372036854775808 1. .5e1 1e x
""".split()
MEMBERS = [b"m%d" % i for i in range(25)] + [b"%d" % i for i in range(-3, 12)]
RARE_MEMBERS = [b"", b"M1", b"007", b"\x00\xff\r\n", b"a" * 64, b"b" * 65, b"9223372036854775808"]
COUNTS = (b"1", b"1", b"2", b"5", b"1000000")
RANDOM_COUNTS = (b"0", b"x", b"", b"1.5", b"9223372036854775808", b"-9223372036854775808")


def _key(v: Values) -> bytes:
    return v.choice(MIXED_KEYS) if v.chance() < 0.97 else v.choice(WRONG_KEYS)


def _source(v: Values) -> bytes:
    return _key(v) if v.chance() < 0.85 else v.choice(SET_KEYS)


def _member(v: Values) -> bytes:
    return v.choice(MEMBERS) if v.chance() < 0.93 else v.choice(RARE_MEMBERS)


def _members(v: Values) -> list[bytes]:
    return [_member(v) for _ in range(v.choice((1, 1, 2, 3, 8)))]


def _score(v: Values) -> bytes:
    chance = v.chance()
    if chance < 0.6:
        return v.choice(COMMON_SCORES)
    if chance < 0.8:
        return b"%d" % v.random.randint(-50, 50)
    return repr(v.random.uniform(-9, 9)).encode() if chance < 0.9 else v.choice(RARE_SCORES)


def _score_bound(v: Values) -> bytes:
    if v.chance() < 0.3:
        return v.choice((b"-inf", b"+inf", b"inf", b"(-inf", b"(inf"))
    return (b"(" if v.chance() < 0.3 else b"") + _score(v)


def _lex_bound(v: Values) -> bytes:
    chance = v.chance()
    if chance < 0.25:
        return v.choice((b"-", b"+"))
    return v.choice((b"[", b"(")) + _member(v) if chance < 0.97 else v.choice((b"", b"m1", b"--"))


def _score_bounds(v: Values) -> list[bytes]:
    return [_score_bound(v), _score_bound(v)]


def _lex_bounds(v: Values) -> list[bytes]:
    return [_lex_bound(v), _lex_bound(v)]


def _index_bounds(v: Values) -> list[bytes]:
    return [v.choice((b"0", b"-3", v.index())), v.choice((b"-1", b"3", v.index()))]


def _limit(v: Values) -> list[bytes]:
    offset = v.choice((b"0", b"1", b"2", b"10", b"-1"))
    return [v.spelling(b"LIMIT"), offset, v.choice((b"0", b"1", b"3", b"100", b"-1"))]


def _with_scores(v: Values, chance: float = 0.5) -> list[bytes]:
    return [v.spelling(b"WITHSCORES")] if v.chance() < chance else []


def add(v: Values) -> list[list[bytes]]:
    words = [b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR"]
    flags = v.random.sample(words, v.choice((0, 0, 1, 1, 2, 3)))
    pairs = 1 if b"INCR" in flags and v.chance() < 0.9 else v.choice((1, 1, 2, 3, 8))
    args = [b"ZADD", _key(v), *(v.spelling(flag) for flag in flags)]
    for _ in range(pairs):
        args += [_score(v), _member(v)]
    return [args]


def grow(v: Values) -> list[list[bytes]]:
    """Enough members to make a table of them."""
    args = [b"ZADD", _key(v)]
    for i in range(v.choice((100, 130, 300))):
        args += [b"%d" % (i % 7), b"g%d" % v.random.randint(0, 400)]
    return [args]


def read_one(v: Values) -> list[list[bytes]]:
    name = v.choice((b"ZSCORE", b"ZRANK", b"ZREVRANK", b"ZCARD"))
    return [[name, _key(v), *([] if name == b"ZCARD" else [_member(v)])]]


def old_range(v: Values) -> list[list[bytes]]:
    name, bounds = v.choice(
        (
            (b"ZRANGE", _index_bounds),
            (b"ZREVRANGE", _index_bounds),
            (b"ZRANGEBYSCORE", _score_bounds),
            (b"ZREVRANGEBYSCORE", _score_bounds),
        )
    )
    args = [name, _key(v), *bounds(v), *_with_scores(v)]
    return [args + (_limit(v) if v.chance() < (0.05 if bounds is _index_bounds else 0.4) else [])]


def _range_options(v: Values, how: bytes, scores: bool) -> list[bytes]:
    """Bounds and options of ZRANGE and ZRANGESTORE."""
    bounds = {b"": _index_bounds, b"BYSCORE": _score_bounds, b"BYLEX": _lex_bounds}[how]
    options = [[v.spelling(how)]] if how else []
    if v.chance() < 0.4:
        options.append([v.spelling(b"REV")])
    if v.chance() < (0.4 if how else 0.05):
        options.append(_limit(v))
    if scores:
        options.append(_with_scores(v, 0.05 if how == b"BYLEX" else 0.5))
    v.random.shuffle(options)
    return bounds(v) + [word for option in options for word in option]


def new_range(v: Values) -> list[list[bytes]]:
    how = v.choice((b"", b"BYSCORE"))
    if v.chance() < 0.3:
        return [[b"ZRANGESTORE", _key(v), _key(v), *_range_options(v, how, False)]]
    return [[b"ZRANGE", _key(v), *_range_options(v, how, True)]]


def _lex_request(v: Values) -> list[bytes]:
    name = v.choice(
        (
            b"ZRANGEBYLEX",
            b"ZREVRANGEBYLEX",
            b"ZRANGE",
            b"ZRANGESTORE",
            b"ZLEXCOUNT",
            b"ZREMRANGEBYLEX",
        )
    )
    if name == b"ZRANGE":
        return [name, ONE_SCORE_KEY, *_range_options(v, b"BYLEX", True)]
    if name == b"ZRANGESTORE":
        return [name, _key(v), ONE_SCORE_KEY, *_range_options(v, b"BYLEX", False)]
    limit = _limit(v) if name.endswith(b"RANGEBYLEX") and v.chance() < 0.4 else []
    return [name, ONE_SCORE_KEY, *_lex_bounds(v), *([] if name == b"ZREMRANGEBYLEX" else limit)]


def one_score(v: Values) -> list[list[bytes]]:
    """Ranges by the order of members."""
    score = v.choice((b"0", b"1.5", b"-inf"))
    members = [_member(v) for _ in range(v.choice((1, 3, 10, 30)))]
    if v.chance() < 0.2:
        members += [b"g%d" % v.random.randint(0, 999) for _ in range(150)]
    pairs = [word for member in members for word in (score, member)]
    start = [Exact([b"DEL", ONE_SCORE_KEY]), Exact([b"ZADD", ONE_SCORE_KEY, *pairs])]
    return start + [_lex_request(v) for _ in range(6)]


def remove(v: Values) -> list[list[bytes]]:
    name, rest = v.choice(
        (
            (b"ZREM", _members),
            (b"ZREM", _members),
            (b"ZREMRANGEBYRANK", _index_bounds),
            (b"ZREMRANGEBYSCORE", _score_bounds),
        )
    )
    return [[name, _key(v), *rest(v)]]


def pop(v: Values) -> list[list[bytes]]:
    chance = v.chance()
    if chance < 0.7:
        name = v.choice((b"ZPOPMIN", b"ZPOPMAX"))
        rest = [v.choice((*COUNTS, b"0", b"-1", b"x"))] if v.chance() < 0.5 else []
        return [[name, _key(v), *rest]]
    keys = [_key(v) for _ in range(v.choice((1, 2, 3)))]
    args = [b"%d" % len(keys), *keys, v.spelling(v.choice((b"MIN", b"MAX")))]
    if v.chance() < 0.5:
        args += [v.spelling(b"COUNT"), v.choice((*COUNTS, b"0", b"x"))]
    return [[b"ZMPOP", *args]]


def _sources(v: Values) -> list[bytes]:
    keys = [_source(v) for _ in range(v.choice((1, 2, 2, 3, 4)))]
    number = b"%d" % len(keys) if v.chance() < 0.97 else v.choice((b"0", b"-1", b"x", b"9"))
    return [number, *keys]


def _weights(v: Values, keys: int) -> list[bytes]:
    options = []
    if v.chance() < 0.4:
        words = [v.choice((b"1", b"2", b"-1", b"0", b"0.5", _score(v))) for _ in range(keys)]
        options.append([v.spelling(b"WEIGHTS"), *words])
    if v.chance() < 0.4:
        how = v.choice((b"SUM", b"MIN", b"MAX")) if v.chance() < 0.95 else b"AVG"
        options.append([v.spelling(b"AGGREGATE"), v.spelling(how)])
    v.random.shuffle(options)
    return [word for option in options for word in option]


def combine(v: Values) -> list[list[bytes]]:
    name = v.choice((b"ZUNION", b"ZINTER", b"ZDIFF"))
    sources = _sources(v)
    weights = [] if name == b"ZDIFF" and v.chance() < 0.9 else _weights(v, len(sources) - 1)
    if v.chance() < 0.5:
        return [[name, *sources, *weights, *_with_scores(v)]]
    return [[name + b"STORE", _key(v), *sources, *weights]]


def count_common(v: Values) -> list[list[bytes]]:
    limit = [v.spelling(b"LIMIT"), v.choice((b"0", b"1", b"3", b"100", b"-1", b"x"))]
    return [[b"ZINTERCARD", *_sources(v), *(limit if v.chance() < 0.4 else [])]]


def draw(v: Values) -> list[list[bytes]]:
    """All of it, or an error: what is drawn from more is each server's own."""
    number = b"1000000" if v.chance() < 0.8 else v.choice(RANDOM_COUNTS)
    return [[b"ZRANDMEMBER", _key(v), number, *_with_scores(v)]]


def scan(v: Values) -> list[list[bytes]]:
    args = [b"ZSCAN", _key(v), b"0" if v.chance() < 0.9 else v.choice((b"x", b"1x", b""))]
    if v.chance() < 0.5:
        args += [v.spelling(b"MATCH"), v.choice((b"*", b"m1*", b"?", b"g*", b"[", b""))]
    # The last COUNT counts, so everything is returned unless it is wrong.
    return [args + [b"COUNT", b"100000" if v.chance() < 0.9 else v.choice((b"0", b"-1", b"x"))]]


def any_key(v: Values) -> list[list[bytes]]:
    """What is done to keys of any type; but sorted sets do not come under the keys of others."""
    key, other = v.choice(MIXED_KEYS), v.choice(MIXED_KEYS)
    return [
        v.choice(
            (
                [b"DEL", key],
                [b"UNLINK", key, other],
                [b"TYPE", key],
                [b"OBJECT", b"ENCODING", key],
                [b"EXPIRE", key, v.life_s()],
                [b"PERSIST", key],
                [b"RENAME", key, other],
                [b"COPY", key, other, b"REPLACE"],
                [b"HSET", key, b"field", b"value"],
                [b"SET", b"wrong", b"v"],
            )
        )
    ]


TABLE = [
    (6.0, add),
    (0.4, grow),
    (1.5, lambda v: [[b"ZINCRBY", _key(v), _score(v), _member(v)]]),
    (2.0, read_one),
    (0.7, lambda v: [[b"ZMSCORE", _key(v), *_members(v)]]),
    (1.0, lambda v: [[b"ZCOUNT", _key(v), *_score_bounds(v)]]),
    (2.5, old_range),
    (2.5, new_range),
    (0.6, one_score),
    (2.0, remove),
    (2.0, pop),
    (4.0, combine),
    (0.7, count_common),
    (0.5, draw),
    (0.7, scan),
    (2.0, any_key),
]
