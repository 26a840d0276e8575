"""DUMP payloads of strings: taking them apart, checking and re-stamping them.

    +------+---------------------------+---------------+-------------------+
    | type | length, then bytes        | RDB version   | CRC-64 of all     |
    | 1    | (or an integer, or LZF)   | 2, little end | before, 8, little |
    +------+---------------------------+---------------+-------------------+

The CRC has the polynomial 0xad93d23594c935a9, reflected in and out, and starts at 0.
"""

from __future__ import annotations

import struct
from typing import Any

_POLYNOMIAL = 0x95AC9329AC4BC9B5  # 0xad93d23594c935a9 with its bits in reverse
_FOOTER_BYTES = 10


class BadPayload(Exception):
    """Not the payload of a string."""


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return table


_CRC_TABLE = _crc_table()


def crc64(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc


def version(payload: bytes) -> int:
    return struct.unpack_from("<H", payload, len(payload) - _FOOTER_BYTES)[0]


def checksum_is_right(payload: bytes) -> bool:
    stamped = struct.unpack_from("<Q", payload, len(payload) - 8)[0]
    return stamped == crc64(payload[:-8])


def stamp(payload: bytes, rdb_version: int) -> bytes:
    """The same content under another version."""
    body = payload[:-_FOOTER_BYTES] + struct.pack("<H", rdb_version)
    return body + struct.pack("<Q", crc64(body))


def content(payload: bytes) -> bytes:
    """The string that a payload holds."""
    if len(payload) < _FOOTER_BYTES + 2 or payload[0] != 0:
        raise BadPayload(f"not a string: {payload[:16]!r}")
    body = payload[1:-_FOOTER_BYTES]
    first = body[0]
    if first >> 6 == 3:
        text, end = _encoded(body, first & 63)
    else:
        length, start = _length(body, 0)
        text, end = body[start : start + length], start + length
        if len(text) != length:
            raise BadPayload("truncated string")
    if end != len(body):
        raise BadPayload("bytes after the string")
    return text


def _encoded(body: bytes, encoding: int) -> tuple[bytes, int]:
    formats = {0: "<b", 1: "<h", 2: "<i"}
    if encoding in formats:
        size = struct.calcsize(formats[encoding])
        return b"%d" % struct.unpack_from(formats[encoding], body, 1), 1 + size
    if encoding != 3:
        raise BadPayload(f"encoding {encoding}")
    packed, position = _length(body, 1)
    length, position = _length(body, position)
    return _lzf_decompress(body[position : position + packed], length), position + packed


def _length(body: bytes, at: int) -> tuple[int, int]:
    first = body[at]
    if first >> 6 == 0:
        return first & 63, at + 1
    if first >> 6 == 1:
        return (first & 63) << 8 | body[at + 1], at + 2
    if first == 0x80:
        return struct.unpack_from(">I", body, at + 1)[0], at + 5
    if first == 0x81:
        return struct.unpack_from(">Q", body, at + 1)[0], at + 9
    raise BadPayload(f"length byte {first:#x}")


def _lzf_decompress(data: bytes, length: int) -> bytes:
    """LZF: a control byte below 32 starts a run of literals, another one a copy."""
    out = bytearray()
    i = 0
    while i < len(data):
        control = data[i]
        i += 1
        if control < 32:
            out += data[i : i + control + 1]
            i += control + 1
            continue
        size = control >> 5
        if size == 7:
            size += data[i]
            i += 1
        start = len(out) - ((control & 31) << 8 | data[i]) - 1
        i += 1
        if start < 0:
            raise BadPayload("a copy from before the start")
        for offset in range(size + 2):
            out.append(out[start + offset])
    if len(out) != length:
        raise BadPayload(f"{len(out)} bytes instead of {length}")
    return bytes(out)


def same_content(ours: Any, stock: Any) -> bool:
    """Whether two payloads hold the same string in the same kind of encoding."""
    if type(ours) is not bytes or type(stock) is not bytes:
        return False
    try:
        return _kind(ours) == _kind(stock) and content(ours) == content(stock)
    except (BadPayload, IndexError, struct.error):
        return False


def _kind(payload: bytes) -> str:
    first = payload[1]
    if first >> 6 != 3:
        return "plain"
    return "lzf" if first & 63 == 3 else f"integer of {1 << (first & 63)} bytes"
