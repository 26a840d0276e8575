"""The differences between two servers that are no defect: one table, a reason for each row.

Everything that the table does not name must be the same to the byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

import payload
import values
from wire import Map, Verbatim

# Servers count in whole milliseconds; access clocks in whole seconds, from a clock that is up to a tenth of
# a second behind.
ROUNDING_MS = 2
IDLE_ROUNDING_S = 2

# Up to here a set of integers is an intset, and one of anything a listpack, as both servers are set.
INTSET_MEMBERS_MAX = 512
LISTPACK_MEMBERS_MAX = 128

CLIENT_FIELDS = (
    "name",
    "db",
    "sub",
    "psub",
    "ssub",
    "multi",
    "flags",
    "cmd",
    "user",
    "redir",
    "resp",
)
HELLO_FIELDS = (b"proto", b"mode", b"role", b"modules")


@dataclass(frozen=True)
class Circumstances:
    """What is known besides the two replies.

    `apart_ms`: by how much what is left of a life may differ, because the servers executed the commands that
    gave it and that ask for it at different times.
    `members`: of the set that is looked at, where that is known.
    """

    apart_ms: int = 0
    members: int | None = None


UNKNOWN = Circumstances()


@dataclass(frozen=True)
class Row:
    """`commands` are names in upper case, with the subcommand where there is one."""

    commands: frozenset[str]
    agree: Callable[[Any, Any, Circumstances], bool]
    reason: str


def _lives_agree(per_second: int) -> Callable[[Any, Any, Circumstances], bool]:
    def agree(ours: Any, stock: Any, known: Circumstances) -> bool:
        if type(ours) is not int or type(stock) is not int or ours < 0 or stock < 0:
            return ours == stock
        # Seconds are rounded, so that two of them differ by less than one more than the milliseconds do.
        apart_ms = known.apart_ms + ROUNDING_MS
        return (abs(ours - stock) - (per_second == 1)) * (1000 // per_second) <= apart_ms

    return agree


def _deadlines_agree(per_second: int) -> Callable[[Any, Any, Circumstances], bool]:
    lives_agree = _lives_agree(per_second)
    first = values.ABSOLUTE_BASE_S * per_second
    last = first + values.ABSOLUTE_SPAN_S * per_second

    def agree(ours: Any, stock: Any, known: Circumstances) -> bool:
        if type(stock) is int and first <= stock <= last:
            return ours == stock
        return lives_agree(ours, stock, known)

    return agree


def _both_positive(ours: Any, stock: Any, _: Circumstances) -> bool:
    return type(ours) is int and type(stock) is int and ours > 0 and stock > 0


def _both_keys(ours: Any, stock: Any, _: Circumstances) -> bool:
    return type(ours) is bytes and type(stock) is bytes


def _same_members(ours: Any, stock: Any, _: Circumstances) -> bool:
    return type(ours) is type(stock) and isinstance(ours, list) and sorted(ours) == sorted(stock)


def _same_pairs(ours: Any, stock: Any, _: Circumstances) -> bool:
    if type(ours) is not type(stock) or not isinstance(ours, list):
        return False
    pairs = [list(r) if isinstance(r, Map) else list(zip(r[::2], r[1::2])) for r in (ours, stock)]
    return len(ours) == len(stock) and sorted(pairs[0]) == sorted(pairs[1])


def _same_encoding(ours: Any, stock: Any, known: Circumstances) -> bool:
    if stock != b"hashtable" or known.members is None:
        return False
    largest = {b"intset": INTSET_MEMBERS_MAX, b"listpack": LISTPACK_MEMBERS_MAX}
    return known.members <= largest.get(ours, 0)


def _same_scan(ours: Any, stock: Any, _: Circumstances) -> bool:
    if not (isinstance(ours, list) and isinstance(stock, list) and len(ours) == len(stock) == 2):
        return False
    if stock[0] != b"0" or ours[0] != b"0":
        return False
    return ours[0] == stock[0] == b"0" and set(ours[1]) == set(stock[1])


def _same_scored_scan(ours: Any, stock: Any, known: Circumstances) -> bool:
    return _same_scan(ours, stock, known) and _same_pairs(ours[1], stock[1], known)


def _same_stream_info(ours: Any, stock: Any, _: Circumstances) -> bool:
    if type(ours) is not type(stock) or not isinstance(ours, list):
        return False
    pairs = [list(r) if isinstance(r, Map) else list(zip(r[::2], r[1::2])) for r in (ours, stock)]
    free = (b"radix-tree-keys", b"radix-tree-nodes")
    known = [[pair for pair in side if pair[0] not in free] for side in pairs]
    blocks = [dict(side[:3])[free[0]] for side in pairs]
    return known[0] == known[1] and len(ours) == len(stock) and blocks[0] <= blocks[1]


def _same_pending(ours: Any, stock: Any, known: Circumstances) -> bool:
    """XPENDING's entries: id, consumer, idle time in milliseconds, deliveries."""
    if not (isinstance(ours, list) and isinstance(stock, list) and len(ours) == len(stock)):
        return False
    for mine, theirs in zip(ours, stock):
        if not (isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs) == 4):
            return False
        if mine[:2] != theirs[:2] or mine[3] != theirs[3]:
            return False
        if abs(mine[2] - theirs[2]) > known.apart_ms + ROUNDING_MS:
            return False
    return True


def _idle_agrees(ours: Any, stock: Any, known: Circumstances) -> bool:
    if type(ours) is not int or type(stock) is not int:
        return False
    return 0 <= ours <= stock + IDLE_ROUNDING_S + known.apart_ms // 1000


def _same_hello(ours: Any, stock: Any, _: Circumstances) -> bool:
    if type(ours) is not type(stock) or not isinstance(ours, list):
        return False
    pairs = [list(r) if isinstance(r, Map) else list(zip(r[::2], r[1::2])) for r in (ours, stock)]
    if [key for key, _ in pairs[0]] != [key for key, _ in pairs[1]]:
        return False
    return all(dict(pairs[0])[key] == dict(pairs[1])[key] for key in HELLO_FIELDS)


def _same_client_info(ours: Any, stock: Any, _: Circumstances) -> bool:
    if type(ours) is not type(stock):
        return False
    lines = [r.text if isinstance(r, Verbatim) else r for r in (ours, stock)]
    if not all(isinstance(line, bytes) and line.endswith(b"\n") for line in lines):
        return False
    fields = [dict(word.partition("=")[::2] for word in line.decode().split()) for line in lines]
    for values_by_name in fields:
        values_by_name["flags"] = values_by_name["flags"].replace("e", "") or "N"
    return all(fields[0].get(name) == fields[1].get(name) for name in CLIENT_FIELDS)


def _same_content(ours: Any, stock: Any, _: Circumstances) -> bool:
    return payload.same_content(ours, stock)


def _row(names: str, agree: Callable[[Any, Any, Circumstances], bool], reason: str) -> Row:
    return Row(frozenset(names.split(", ")), agree, reason)


ROWS = (
    _row("TTL", _lives_agree(1), "the servers run the command at slightly different times"),
    _row("PTTL", _lives_agree(1000), "the servers run the command at slightly different times"),
    _row("EXPIRETIME", _deadlines_agree(1), "relative lives start at slightly different times"),
    _row("PEXPIRETIME", _deadlines_agree(1000), "relative lives start at slightly different times"),
    _row(
        "OBJECT IDLETIME",
        _idle_agrees,
        "the servers run the command at slightly different times, and a small integer that stock shares "
        "between keys keeps the time when one of them was used",
    ),
    _row(
        "OBJECT REFCOUNT",
        _both_positive,
        "which small integers are shared between keys is each server's own",
    ),
    _row(
        "HKEYS, HVALS, HRANDFIELD, SMEMBERS, SINTER, SUNION, SDIFF, SPOP, SRANDMEMBER, ZRANDMEMBER",
        _same_members,
        "the order of members is each server's own; those drawn are all there are",
    ),
    _row("HGETALL", _same_pairs, "the order of fields is each server's own"),
    _row("ZSCAN", _same_scored_scan, "the order of members is each server's own"),
    _row("HSCAN, SSCAN", _same_scan, "the order of members is each server's own"),
    _row(
        "ENCODING",
        _same_encoding,
        "small sets of anything but integers are packed since Redis 7.2, and members that SDIFFSTORE "
        "only meets on its way leave stock's result a table",
    ),
    _row(
        "XINFO STREAM",
        _same_stream_info,
        "how streams find their blocks is each server's own, and stock may keep some without entries",
    ),
    _row("XPENDING", _same_pending, "the servers run the command at slightly different times"),
    _row("KEYS", _same_members, "the order of keys is each server's own"),
    _row("SCAN", _same_scan, "the order of keys is each server's own; a key may come twice"),
    _row("RANDOMKEY", _both_keys, "the choice is random"),
    _row("CLIENT ID", _both_positive, "ids count each server's own connections"),
    _row("HELLO", _same_hello, "server, version and id are each server's own"),
    _row(
        "CLIENT INFO",
        _same_client_info,
        "addresses, ages, sizes and newer fields are each server's own; RESET ends NO-EVICT since 7.2",
    ),
    _row("DUMP", _same_content, "the version stamp and compression are each server's own"),
)

_BY_COMMAND = {name: row for row in ROWS for name in row.commands}


def agree(args: tuple[bytes, ...], ours: Any, stock: Any, known: Circumstances = UNKNOWN) -> bool:
    """Whether two replies that are not the same to the byte are as good as the same."""
    name = args[0].decode("latin-1").upper()
    row = _BY_COMMAND.get(name)
    if row is None and len(args) > 1:
        row = _BY_COMMAND.get(name + " " + args[1].decode("latin-1").upper())
    return row is not None and row.agree(ours, stock, known)
