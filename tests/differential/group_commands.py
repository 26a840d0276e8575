"""Producers of commands on consumer groups: sessions of many requests on two streams of their own, which are
gone at the end.

Every group has its consumers from the start, as who reads or claims makes them sooner since Redis 7.2. Nothing
depends on how long entries have been idle: what is asked for is either any time or one that never passes.
"""

from __future__ import annotations

from values import Exact, Values

KEYS = [b"groups:1", b"groups:2"]
STRING = b"groups:no"
GROUPS = [b"g", b"h"]
CONSUMERS = [b"a", b"b", b""]
SESSION_STEPS = 40
SPOILED = 0.04
IDS_MS_MAX = 50
NEVER_MS = b"1000000000000"

Requests = list[list[bytes]]


def session(v: Values) -> Requests:
    requests: Requests = [[b"SET", STRING, b"v"]]
    for key in KEYS:
        for group in GROUPS:
            requests += _made(key, group, v.choice((b"0", b"$", b"3")), b"MKSTREAM")
    producers = [producer for _, producer in STEPS]
    weights = [weight for weight, _ in STEPS]
    for number, producer in enumerate(v.random.choices(producers, weights, k=SESSION_STEPS)):
        requests += producer(v, 1 + number * IDS_MS_MAX // SESSION_STEPS)
    for key in KEYS:
        requests.append([b"XINFO", b"GROUPS", key])
        for group in GROUPS:
            requests.append([b"XPENDING", key, group])
            requests.append([b"XPENDING", key, group, b"-", b"+", b"1000"])
    return [Exact(request) for request in [*requests, [b"DEL", *KEYS, STRING]]]


def _made(key: bytes, group: bytes, *rest: bytes) -> Requests:
    """A group with all consumers."""
    consumers = [[b"XGROUP", b"CREATECONSUMER", key, group, name] for name in CONSUMERS]
    return [[b"XGROUP", b"CREATE", key, group, *rest], *consumers]


def _place(v: Values) -> list[bytes]:
    """A key and a group, seldom ones that are not there."""
    chance = v.chance()
    key = STRING if chance < 0.02 else b"groups:none" if chance < 0.04 else v.choice(KEYS)
    return [key, b"nobody" if v.chance() < 0.03 else v.choice(GROUPS)]


def _spoiled(v: Values, args: list[bytes], fixed: int) -> list[bytes]:
    """Perhaps junk in the place of what follows the first `fixed` words."""
    if v.chance() < SPOILED and len(args) > fixed:
        junk = v.junk(short_lives=True)
        args[v.random.randrange(fixed, len(args))] = b"junk" if b"\x00" in junk else junk
    return args


def _id(v: Values, now: int) -> bytes:
    ms = v.random.randint(0, now + 1)
    return b"%d" % ms if v.chance() < 0.8 else b"%d-%d" % (ms, v.random.randint(0, 1))


def _ids(v: Values, now: int) -> list[bytes]:
    return [_id(v, now) for _ in range(v.random.randint(1, 5))]


def _idle(v: Values) -> bytes:
    return v.choice((b"0", b"0", b"0", b"-3", NEVER_MS))


def _add(v: Values, now: int) -> Requests:
    return [[b"XADD", v.choice(KEYS), b"%d-*" % now, b"f", b"%d" % now]]


def _delete(v: Values, now: int) -> Requests:
    return [[b"XDEL", v.choice(KEYS), *_ids(v, now)]]


def _trim(v: Values, now: int) -> Requests:
    return [[b"XTRIM", v.choice(KEYS), b"MAXLEN", v.choice((b"0", b"2", b"5", b"10"))]]


def _read(v: Values, now: int) -> Requests:
    keys = [v.choice(KEYS) for _ in range(v.random.randint(1, 2))]
    if v.chance() < 0.03:
        keys.append(STRING)
    args = [b"XREADGROUP", v.spelling(b"GROUP"), v.choice(GROUPS), v.choice(CONSUMERS)]
    if v.chance() < 0.6:
        args += [v.spelling(b"COUNT"), v.choice((b"1", b"2", b"3", b"0", b"-1"))]
    if v.chance() < 0.2:
        args.append(v.spelling(b"NOACK"))
    args += [v.spelling(b"STREAMS"), *keys]
    return [[*args, *[v.choice((b">", b">", b"0", _id(v, now))) for _ in keys]]]


def _acknowledge(v: Values, now: int) -> Requests:
    return [_spoiled(v, [b"XACK", *_place(v), *_ids(v, now)], 3)]


def _claim(v: Values, now: int) -> Requests:
    args = [b"XCLAIM", *_place(v), v.choice(CONSUMERS), _idle(v), *_ids(v, now)]
    options = (
        [b"JUSTID"],
        [b"FORCE"],
        [b"FORCE"],
        [b"RETRYCOUNT", v.choice((b"0", b"5", b"-1"))],
        [b"IDLE", v.choice((b"0", b"1000", b"-5"))],
        [b"TIME", v.choice((b"1", b"99999999999999"))],
        [b"LASTID", _id(v, now)],
    )
    for option in v.random.sample(options, v.random.randint(0, 3)):
        args += [v.spelling(option[0]), *option[1:]]
    return [_spoiled(v, args, 4)]


def _claim_idle(v: Values, now: int) -> Requests:
    start = v.choice((b"0", b"-", b"(", b"")) or _id(v, now)
    args = [b"XAUTOCLAIM", *_place(v), v.choice(CONSUMERS), _idle(v)]
    args.append(b"(" + _id(v, now) if start == b"(" else start)
    if v.chance() < 0.6:
        args += [v.spelling(b"COUNT"), v.choice((b"1", b"2", b"3", b"100", b"0"))]
    if v.chance() < 0.3:
        args.append(v.spelling(b"JUSTID"))
    # Stock asks for memory for as many entries as COUNT says, and gives up without it.
    return [[_bounded(word) for word in _spoiled(v, args, 4)]]


def _bounded(word: bytes) -> bytes:
    return b"9" if word.isdigit() and len(word) > 6 and word != NEVER_MS else word


def _pending(v: Values, now: int) -> Requests:
    args = [b"XPENDING", *_place(v)]
    if v.chance() < 0.7:
        if v.chance() < 0.2:
            args += [v.spelling(b"IDLE"), _idle(v)]
        args += [v.choice((b"-", b"(" + _id(v, now), _id(v, now)))]
        args += [v.choice((b"+", b"(" + _id(v, now), _id(v, now)))]
        args.append(v.choice((b"1", b"3", b"100", b"0", b"-1")))
        if v.chance() < 0.4:
            args.append(v.choice((*CONSUMERS, b"nobody")))
    return [_spoiled(v, args, 3)]


def _position(v: Values, now: int) -> Requests:
    args = [b"XGROUP", b"SETID", *_place(v), v.choice((b"0", b"$", _id(v, now)))]
    if v.chance() < 0.4:
        args += [v.spelling(b"ENTRIESREAD"), v.choice((b"0", b"3", b"-1", b"-2"))]
    return [_spoiled(v, args, 4)]


def _anew(v: Values, now: int) -> Requests:
    """A group or a consumer that goes and comes back."""
    key, group = v.choice(KEYS), v.choice(GROUPS)
    if v.chance() < 0.5:
        name = v.choice(CONSUMERS)
        return [
            [b"XGROUP", b"DELCONSUMER", key, group, name],
            [b"XGROUP", b"CREATECONSUMER", key, group, name],
        ]
    options = [b"ENTRIESREAD", b"%d" % v.random.randint(0, now)] if v.chance() < 0.3 else []
    made = _made(key, group, v.choice((b"0", b"$", _id(v, now))), *options)
    return [[b"XGROUP", b"DESTROY", key, group], *made]


def _info(v: Values, now: int) -> Requests:
    return [[b"XINFO", b"GROUPS", v.choice((*KEYS, STRING, b"groups:none"))]]


STEPS = [
    (10.0, _add),
    (8.0, _read),
    (3.0, _acknowledge),
    (3.0, _claim),
    (2.0, _claim_idle),
    (3.0, _pending),
    (2.0, _delete),
    (0.5, _trim),
    (1.0, _position),
    (1.0, _anew),
    (1.0, _info),
]

TABLE = [(0.5, session)]
