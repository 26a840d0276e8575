"""Producers of hash and set commands. Each gives one or more requests.

Collections have keys of their own, so that what commands of other types do to them is the exception;
strings among them are there to be of the wrong type.
"""

from __future__ import annotations

from values import Values

HASH_KEYS = [b"h%d" % i for i in range(5)]
SET_KEYS = [b"s%d" % i for i in range(6)]
WRONG_KEYS = [b"h0", b"s0", b"wrong"]
KEYS = frozenset(HASH_KEYS + SET_KEYS + WRONG_KEYS)

# Small, so that sets have something in common; sometimes integers alone, so that encodings differ.
SMALL_INTEGERS = [b"%d" % i for i in range(-5, 30)]
WORDS = [b"", b"a", b"b", b"007", b"-0", b" 1", b"9223372036854775808", b"\x00\xff\r\n", b"x" * 64, b"y" * 65]

RANDOM_COUNTS = (b"0", b"x", b"", b"1.5", b"9223372036854775808", b"-9223372036854775808")


def _key(v: Values, keys: list[bytes]) -> bytes:
    return v.choice(keys) if v.chance() < 0.97 else v.choice(WRONG_KEYS)


def _hash(v: Values) -> bytes:
    return _key(v, HASH_KEYS)


def _set(v: Values) -> bytes:
    return _key(v, SET_KEYS)


def _member(v: Values) -> bytes:
    chance = v.chance()
    if chance < 0.7:
        return v.choice(SMALL_INTEGERS)
    if chance < 0.9:
        return v.choice(WORDS)
    return v.number() if chance < 0.97 else v.value()[:100]


def _members(v: Values) -> list[bytes]:
    return [_member(v) for _ in range(v.choice((1, 1, 1, 2, 3, 8)))]


def hash_set(v: Values) -> list[list[bytes]]:
    args = [v.choice((b"HSET", b"HSET", b"HMSET")), _hash(v)]
    for member in _members(v):
        args += [member, v.number() if v.chance() < 0.6 else v.value()[:100]]
    return [args]


def hash_read_one(v: Values) -> list[list[bytes]]:
    return [[v.choice((b"HGET", b"HEXISTS", b"HSTRLEN")), _hash(v), _member(v)]]


def hash_read_all(v: Values) -> list[list[bytes]]:
    return [[v.choice((b"HGETALL", b"HKEYS", b"HVALS", b"HLEN")), _hash(v)]]


def hash_random(v: Values) -> list[list[bytes]]:
    """All of it, one of what is not there, or an error."""
    args = [b"HRANDFIELD", _hash(v), b"1000000" if v.chance() < 0.8 else v.choice(RANDOM_COUNTS)]
    if v.chance() < 0.4:
        args.append(v.spelling(b"WITHVALUES"))
    return [args]


def _scan(v: Values, name: bytes, key: bytes) -> list[list[bytes]]:
    args = [name, key, b"0" if v.chance() < 0.9 else v.choice((b"x", b"1x", b""))]
    if v.chance() < 0.5:
        args += [v.spelling(b"MATCH"), v.choice((b"*", b"1*", b"?", b"x*", b"[", b""))]
    # The last COUNT counts, so everything is returned unless it is wrong.
    args += [b"COUNT", b"100000" if v.chance() < 0.9 else v.choice((b"0", b"-1", b"x", b""))]
    return [args]


def set_change(v: Values) -> list[list[bytes]]:
    return [[v.choice((b"SADD", b"SADD", b"SREM")), _set(v), *_members(v)]]


def set_grow(v: Values) -> list[list[bytes]]:
    """Enough integers to make a table of them."""
    first = v.random.randint(0, 300)
    count = v.choice((100, 300, 600))
    return [[b"SADD", _set(v), *(b"%d" % i for i in range(first, first + count))]]


def set_read(v: Values) -> list[list[bytes]]:
    name = v.choice((b"SMEMBERS", b"SCARD", b"SISMEMBER", b"SMISMEMBER"))
    if name in (b"SMEMBERS", b"SCARD"):
        return [[name, _set(v)]]
    return [[name, _set(v), *(_members(v) if name == b"SMISMEMBER" else [_member(v)])]]


def set_take(v: Values) -> list[list[bytes]]:
    """All of it, or an error: what is drawn from more is each server's own."""
    name = v.choice((b"SPOP", b"SRANDMEMBER", b"SRANDMEMBER"))
    count = b"1000000" if v.chance() < 0.7 else v.choice(RANDOM_COUNTS)
    return [[name, _set(v), count]]


def set_combine(v: Values) -> list[list[bytes]]:
    keys = [_set(v) for _ in range(v.choice((1, 2, 2, 2, 3, 4, 8)))]
    return [[v.choice((b"SINTER", b"SUNION", b"SDIFF")), *keys]]


def set_store(v: Values) -> list[list[bytes]]:
    keys = [_set(v) for _ in range(v.choice((1, 2, 2, 3, 4)))]
    return [[v.choice((b"SINTERSTORE", b"SUNIONSTORE", b"SDIFFSTORE")), _set(v), *keys]]


def set_count(v: Values) -> list[list[bytes]]:
    keys = [_set(v) for _ in range(v.choice((1, 2, 2, 3)))]
    count = b"%d" % len(keys) if v.chance() < 0.93 else v.choice((b"0", b"-1", b"x", b"9"))
    args = [b"SINTERCARD", count, *keys]
    if v.chance() < 0.4:
        args += [v.spelling(b"LIMIT"), v.choice((b"0", b"1", b"3", b"100", b"-1", b"x", b""))]
    return [args]


def any_key(v: Values) -> list[list[bytes]]:
    """What other producers do to strings; but collections do not come under the keys of those."""
    keys = v.choice((HASH_KEYS, SET_KEYS))
    key, other = v.choice(keys), v.choice(keys)
    return [
        v.choice(
            (
                [b"DEL", key],
                [b"UNLINK", key, other],
                [b"TYPE", key],
                [b"OBJECT", b"ENCODING", key],
                [b"EXPIRE", key, v.life_s()],
                [b"PERSIST", key],
                [b"TTL", key],
                [b"RENAME", key, other],
                [b"COPY", key, other, b"REPLACE"],
                [b"GET", key],
                [b"APPEND", key, b"x"],
                [b"SET", b"wrong", b"v"],
            )
        )
    ]


TABLE = [
    (6.0, hash_set),
    (1.0, lambda v: [[b"HSETNX", _hash(v), _member(v), v.number()]]),
    (2.0, hash_read_one),
    (1.0, lambda v: [[b"HMGET", _hash(v), *_members(v)]]),
    (3.0, hash_read_all),
    (2.0, lambda v: [[b"HDEL", _hash(v), *_members(v)]]),
    (2.0, lambda v: [[b"HINCRBY", _hash(v), _member(v), v.number()]]),
    (1.0, lambda v: [[b"HINCRBYFLOAT", _hash(v), _member(v), v.float()]]),
    (1.0, hash_random),
    (1.0, lambda v: _scan(v, b"HSCAN", _hash(v))),
    (8.0, set_change),
    (0.5, set_grow),
    (4.0, set_read),
    (1.5, lambda v: [[b"SMOVE", _set(v), _set(v), _member(v)]]),
    (1.0, set_take),
    (4.0, set_combine),
    (3.0, set_store),
    (2.0, set_count),
    (1.0, lambda v: _scan(v, b"SSCAN", _set(v))),
    (4.0, any_key),
]
