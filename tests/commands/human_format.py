"""Replies as the lines that redis-cli shows on a terminal, and its quoting of arguments.

Where redis-cli shows two reply types alike, so does this module, with one exception: a verbatim
string, which redis-cli prints raw over several lines, is written `(verbatim txt) "..."`.
"""

from __future__ import annotations

from typing import Any

import wire

_ESCAPES = {
    0x07: "\\a",
    0x08: "\\b",
    0x09: "\\t",
    0x0A: "\\n",
    0x0D: "\\r",
    0x22: '\\"',
    0x5C: "\\\\",
}
_UNESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "a": b"\a"}
_HEX = "0123456789abcdefABCDEF"


class BadQuoting(Exception):
    """A line whose quotes do not pair up."""


def quote(text: bytes) -> str:
    return '"' + "".join(_quote_byte(byte) for byte in text) + '"'


def _quote_byte(byte: int) -> str:
    if byte in _ESCAPES:
        return _ESCAPES[byte]
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"


def split_arguments(line: str) -> list[bytes]:
    """Splits as redis-cli and redis.conf do: blanks, "..." with escapes, '...' with \\' only."""
    args: list[bytes] = []
    i = 0
    while True:
        while i < len(line) and line[i].isspace():
            i += 1
        if i == len(line):
            return args
        arg, i = _read_argument(line, i)
        args.append(arg)


def _read_argument(line: str, i: int) -> tuple[bytes, int]:
    arg = b""
    while i < len(line) and not line[i].isspace():
        if line[i] in "\"'":
            part, i = _read_quoted(line, i)
            if i < len(line) and not line[i].isspace():
                raise BadQuoting(f"closing quote must end the argument: {line!r}")
            return arg + part, i
        arg += line[i].encode()
        i += 1
    return arg, i


def _read_quoted(line: str, i: int) -> tuple[bytes, int]:
    mark = line[i]
    i += 1
    text = b""
    while i < len(line) and line[i] != mark:
        if line[i] == "\\" and i + 1 < len(line) and (mark == '"' or line[i + 1] == "'"):
            part, i = _read_escape(line, i) if mark == '"' else (b"'", i + 2)
            text += part
        else:
            text += line[i].encode()
            i += 1
    if i == len(line):
        raise BadQuoting(f"no closing quote: {line!r}")
    return text, i + 1


def _read_escape(line: str, i: int) -> tuple[bytes, int]:
    code = line[i + 1]
    if code == "x" and len(line) > i + 3 and line[i + 2] in _HEX and line[i + 3] in _HEX:
        return bytes([int(line[i + 2 : i + 4], 16)]), i + 4
    return _UNESCAPES.get(code, code.encode()), i + 2


def format_reply(reply: Any) -> list[str]:
    """The lines of a reply, without trailing blanks."""
    return [line.rstrip() for line in _format(reply, "").split("\n")]


def format_elements(reply: Any) -> list[str]:
    """Each element of an aggregate reply as text of its own."""
    if isinstance(reply, wire.Map):
        return [_format_pair(key, value, "") for key, value in reply]
    return [_format(item, "") for item in reply]


_EMPTY = {
    list: "(empty array)",
    wire.Set: "(empty set)",
    wire.Map: "(empty hash)",
    wire.Push: "(empty push)",
}
_MARKS = {list: ")", wire.Set: "~", wire.Map: "#", wire.Push: ">"}


def _format(reply: Any, prefix: str) -> str:
    if isinstance(reply, list):
        return _format_aggregate(reply, prefix)
    if reply is None or reply is wire.NULL_ARRAY:
        return "(nil)"
    if isinstance(reply, bool):
        return "(true)" if reply else "(false)"
    if isinstance(reply, int):
        return f"(integer) {reply}"
    if isinstance(reply, bytes):
        return quote(reply)
    if isinstance(reply, wire.Verbatim):
        return f"(verbatim {reply.format.decode('latin-1')}) {quote(reply.text)}"
    text = reply.text.decode("utf-8", "backslashreplace")
    if isinstance(reply, wire.Error):
        return f"(error) {text}"
    if isinstance(reply, wire.Double):
        return f"(double) {text}"
    if isinstance(reply, wire.BigNumber):
        return f"(bignum) {text}"
    return text


def _format_aggregate(items: list, prefix: str) -> str:
    if not items:
        return _EMPTY[type(items)]
    width = len(str(len(items)))
    inner = prefix + " " * (width + 2)
    lines = []
    for number, item in enumerate(items, 1):
        text = _format_pair(*item, inner) if isinstance(items, wire.Map) else _format(item, inner)
        indent = "" if number == 1 else prefix
        lines.append(f"{indent}{number:>{width}}{_MARKS[type(items)]} {text}")
    return "\n".join(lines)


def _format_pair(key: Any, value: Any, prefix: str) -> str:
    text = _format(value, prefix)
    gap = "\n" + prefix if "\n" in text else ""
    return f"{_format(key, prefix)} => {gap}{text}"
