"""Producers of SORT and SORT_RO: sessions on a list, a set and a sorted set of their own, which are gone at
the end, and so are the keys that the patterns lead to.

What Redis leaves open is left out: the order of a set that is not sorted, and that of elements whose texts
elsewhere are the same, but for a whole list, which keeps its order. So is what is out of a double's
range, as Redis then takes what comes next for out of range, too.
"""

from __future__ import annotations

from values import Exact, Values

LIST, SET, ZSET, NONE = b"sort:list", b"sort:set", b"sort:zset", b"sort:none"
DESTINATION = b"sort:out"
# Of a score that a stock server reads, after which it has forgotten a number that was out of range.
FRESH = b"sort:fresh"
SESSION_REQUESTS = 25
SPOILED = 0.05

NUMBERS = (b"", b" 3", b"\t-2", b"007", b"+4", b"1.0", b"01", b"1", b"1e3", b"0x1F", b"-inf", b"inf", b"-0")
WORDS = (b"a", b"b", b"ab", b"B", b"#", b"*", b"zz", b"\xff\xfe", b"x" * 70)
# Every element has another text or number behind these.
DISTINCT = (b"sort:t_*", b"sort:h_*->t")
PATTERNS = (b"sort:w_*", b"sort:h_*->f", b"sort:none_*", b"sort:h_*->", b"sort:h_*->none", b"sort:h_*")
GETS = PATTERNS + DISTINCT + (b"#", b"#", b"sort:t_", b"##", b"", b"\x00*")


def session(v: Values) -> list[list[bytes]]:
    words = v.chance() < 0.3
    requests = [[b"ZADD", FRESH, b"1", b"m"]]
    elements: dict[bytes, None] = {}
    for key in (LIST, SET, ZSET):
        count = v.choice((0, 1, 3, 10, 40))
        drawn = [_element(v, words) for _ in range(count)]
        elements.update(dict.fromkeys(drawn))
        if drawn:
            requests.append(_fill(v, key, drawn))
    requests += _values(v, list(elements))
    requests += [_sort(v) for _ in range(SESSION_REQUESTS)]
    # Whose elements the patterns would not all lead from.
    requests += [[b"SORT", v.choice((LIST, SET)), b"ALPHA", b"STORE", LIST], [b"LRANGE", LIST, b"0", b"-1"]]
    gone = [b"sort:%s_%s" % (kind, element) for element in elements for kind in (b"w", b"t", b"h")]
    requests.append([b"DEL", FRESH, LIST, SET, ZSET, DESTINATION, *gone])
    return [Exact(request) for request in requests]


def _element(v: Values, words: bool) -> bytes:
    chance = v.chance()
    if words and chance < 0.5:
        return v.choice(WORDS)
    if chance < 0.6:
        return b"%d" % v.random.randint(-20, 60)
    if chance < 0.8:
        return b"%.2f" % v.random.uniform(-5, 20)
    return v.choice(NUMBERS) if chance < 0.9 else b"%d" % v.random.randint(-(10**12), 10**12)


def _fill(v: Values, key: bytes, elements: list[bytes]) -> list[bytes]:
    if key == LIST:
        return [b"RPUSH", key, *elements]
    if key == SET:
        return [b"SADD", key, *elements]
    return [b"ZADD", key, *(word for e in elements for word in (b"%d" % v.random.randint(0, 50), e))]


def _values(v: Values, elements: list[bytes]) -> list[list[bytes]]:
    requests = []
    words = v.chance() < 0.2
    for number, element in enumerate(elements):
        distinct = b"%d" % ((number + 1) * 7919 % 100003)
        requests.append([b"SET", b"sort:t_" + element, distinct])
        requests.append([b"HSET", b"sort:h_" + element, b"t", distinct])
        if v.chance() < 0.8:
            requests.append([b"SET", b"sort:w_" + element, _element(v, words)])
        if v.chance() < 0.8:
            requests.append([b"HSET", b"sort:h_" + element, b"f", _element(v, words)])
    return requests


def _sort(v: Values) -> list[bytes]:
    key = v.choice((LIST, SET, ZSET)) if v.chance() < 0.97 else NONE
    read_only = v.chance() < 0.3
    stores = not read_only and v.chance() < 0.3
    alpha = v.chance() < 0.4
    limited = v.chance() < 0.4
    options = [[b"LIMIT", b"%d" % v.random.randint(-3, 30), b"%d" % v.random.randint(-2, 30)]] if limited else []
    by = _by(v, key, alpha, limited, stores)
    if by is not None:
        options.append([b"BY", by])
    options += [[b"GET", v.choice(GETS)] for _ in range(v.choice((0, 0, 0, 1, 2)))]
    if v.chance() < 0.5:
        options.append([v.spelling(v.choice((b"ASC", b"DESC", b"DESC")))])
    if alpha:
        options.append([v.spelling(b"ALPHA")])
    if stores:
        options.append([b"STORE", DESTINATION])
    v.random.shuffle(options)
    words = [word for option in options for word in option]
    if words and not stores and v.chance() < SPOILED:
        words[v.random.randrange(len(words))] = v.choice((b"", b"x", b"1.5"))
        # It may have become one of a set that is not sorted.
        key = key if key != SET else LIST
        words = [word for word in words if word not in PATTERNS]
    return [v.spelling(b"SORT_RO" if read_only else b"SORT"), key, *words]


def _by(v: Values, key: bytes, alpha: bool, limited: bool, stores: bool) -> bytes | None:
    chance = v.chance()
    if chance < 0.45:
        return None
    if chance < 0.6:
        return v.choice((b"nosort", b"", b"#")) if key != SET or stores else None
    if chance < 0.8 or (alpha and (limited or key != LIST)):
        return v.choice(DISTINCT)
    return v.choice(PATTERNS)


TABLE = [(0.1, session)]
