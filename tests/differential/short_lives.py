"""Writes with lives so short that they end during the run, and never soon enough to race a batch.

A batch of such writes takes a few milliseconds, and lives last LIFE_MIN_MS at least. Nothing here
depends on whether another key has expired already.
"""

from __future__ import annotations

from values import Values

LIFE_MIN_MS = 300
LIFE_MAX_MS = 600
DRAINED_AFTER_S = 0.9


def write(v: Values) -> list[bytes]:
    key, value = v.key(), v.value()
    life = b"%d" % v.random.randint(LIFE_MIN_MS, LIFE_MAX_MS)
    return v.choice(
        (
            [b"SET", key, value, b"PX", life],
            [b"SET", key, value, b"PX", life, b"NX"],
            [b"SET", key, value, b"KEEPTTL"],
            [b"SET", key, value],
            [b"PSETEX", key, life, value],
            [b"PEXPIRE", key, life],
            [b"PEXPIRE", key, life, b"NX"],
            [b"PEXPIRE", key, life, b"XX"],
            [b"GETEX", key, b"PX", life],
            [b"PERSIST", key],
            [b"APPEND", key, v.piece()],
            [b"RENAME", key, v.key()],
            [b"COPY", key, v.key(), b"REPLACE"],
            [b"COPY", key, v.key(), b"DB", b"1", b"REPLACE"],
            [b"MOVE", key, b"1"],
            [b"SWAPDB", b"0", b"1"],
            [b"GETDEL", key],
        )
    )
