"""Producers of connection commands. Each gives one or more requests."""

from __future__ import annotations

from values import Values


def select(v: Values) -> list[list[bytes]]:
    return [[b"SELECT", v.database()]]


def hello(v: Values) -> list[list[bytes]]:
    args = [b"HELLO"]
    if v.chance() < 0.95:
        args.append(v.choice((b"2", b"2", b"3", b"3", b"3", b"1", b"4", b"x", b"-1", b"")))
    if v.chance() < 0.2:
        args += [v.spelling(b"SETNAME"), v.choice((b"name", b"na me", b"", b"n\n"))]
    if v.chance() < 0.2:
        args += [v.spelling(b"AUTH"), v.choice((b"default", b"nosuch")), v.choice((b"", b"pw"))]
    if v.chance() < 0.05:
        args.append(v.choice((b"SETNAME", b"AUTH", b"NOSUCH")))
    return [args]


def reply_mode(v: Values) -> list[list[bytes]]:
    """Silence, with commands in it whose effects show later."""
    inside = [[b"SET", v.key(), v.value()], [b"GET", v.key()], [b"NOSUCH"], [b"INCR", v.key()]]
    if v.chance() < 0.5:
        return [[b"CLIENT", v.spelling(b"REPLY"), b"SKIP"], v.choice(inside), [b"PING"]]
    return [
        [b"CLIENT", b"REPLY", b"OFF"],
        *v.random.sample(inside, v.random.randint(0, len(inside))),
        v.choice(([b"CLIENT", b"REPLY", b"ON"], [b"CLIENT", b"reply", b"on"], [b"RESET"])),
    ]


def client_name(v: Values) -> list[list[bytes]]:
    name = v.choice((b"alpha", b"b-2", b"", b"two words", b"new\nline", b"\xff", b"x" * 300))
    return [[b"CLIENT", v.spelling(b"SETNAME"), name], [b"CLIENT", b"GETNAME"]]


# One call a line; the words of a line are the arguments.
CLIENT_CALLS = [
    line.split()
    for line in b"""

    ID
    ID x
    INFO
    INFO x
    GETNAME
    GETNAME x
    GETREDIR
    TRACKINGINFO
    UNPAUSE
    NOSUCH
    SETNAME
    REPLY
    REPLY MAYBE
    PAUSE
    PAUSE x
    PAUSE -1
    PAUSE 10 SOME
    PAUSE 10 ALL x
    UNBLOCK
    UNBLOCK x
    UNBLOCK 999999999
    UNBLOCK 999999999 ERROR
    UNBLOCK 999999999 TIMEOUT
    UNBLOCK 1 x
    KILL
    KILL 127.0.0.1:1
    KILL ID
    KILL ID 999999999
    KILL ID x
    KILL ID 0
    KILL ID -1
    KILL ID 999999999 ADDR
    KILL ADDR 1.2.3.4:5
    KILL LADDR 1.2.3.4:5
    KILL TYPE x
    KILL TYPE pubsub
    KILL USER nosuch
    KILL USER default ID 999999999
    KILL SKIPME x ID 999999999
    KILL SKIPME yes TYPE replica
    KILL NOSUCH x
    LIST TYPE
    LIST TYPE x
    LIST TYPE pubsub
    LIST ID
    LIST ID x
    LIST ID 999999999
    LIST NOSUCH
    NO-EVICT
    NO-EVICT ON
    NO-EVICT off
    NO-EVICT x
""".splitlines()[1:]
]


def client(v: Values) -> list[list[bytes]]:
    call = v.choice(CLIENT_CALLS)
    return [[b"CLIENT", v.spelling(call[0]), *call[1:]] if call else [b"CLIENT"]]


def auth(v: Values) -> list[list[bytes]]:
    return [
        v.choice(
            (
                [b"AUTH", b"pw"],
                [b"AUTH", b"default", b"pw"],
                [b"AUTH", b"nosuch", b"pw"],
                [b"AUTH", b"", b""],
                [b"AUTH", b"a", b"b", b"c"],
            )
        )
    ]


TABLE = [
    (0.7, lambda v: [[b"PING", v.value()] if v.chance() < 0.5 else [b"PING"]]),
    (0.7, lambda v: [[b"ECHO", v.value()]]),
    (1.5, select),
    (1.0, hello),
    (0.3, reply_mode),
    (0.5, client_name),
    (1.5, client),
    (0.2, auth),
    (0.2, lambda v: [[b"RESET"]]),
]
