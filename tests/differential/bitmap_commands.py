"""Producers of commands on bits, integers within strings, and HyperLogLogs.

Redis 7.0 differs from its successors, and so from us, in some of what can be asked; none of that is asked
here, and tests/commands says what comes then:
  BITCOUNT and BITPOS look at the key before the rest of their arguments
  BITFIELD saturates what is below -2^62 at the largest value, and lets positions wrap around
  PFADD to a corrupt HyperLogLog keeps the elements before the one that cannot be added, and a run that is
  cut off is read on behind the end
"""

from __future__ import annotations

from values import Values

# Of which a sketch is read, so that some are dense soon and others stay sparse.
ELEMENTS = [b"e%d" % i for i in range(2000)]
SKETCHES = [b"hll%d" % i for i in range(4)]


def setbit(v: Values) -> list[list[bytes]]:
    value = v.choice((b"0", b"1")) if v.chance() < 0.95 else v.number()
    return [[b"SETBIT", v.key(), v.bit(), value]]


def getbit(v: Values) -> list[list[bytes]]:
    return [[b"GETBIT", v.key(), v.bit()]]


def _part(v: Values) -> list[bytes]:
    ends = [_end(v), _end(v)]
    return ends + [v.spelling(v.choice((b"BYTE", b"BIT")))] if v.chance() < 0.5 else ends


def _end(v: Values) -> bytes:
    if v.chance() < 0.1:
        return v.choice((b"9223372036854775807", b"-9223372036854775808"))
    return b"%d" % v.random.randint(-v.choice((5, 70, 5000)), v.choice((5, 70, 5000)))


def bitcount(v: Values) -> list[list[bytes]]:
    return [[b"BITCOUNT", v.key()] + (_part(v) if v.chance() < 0.7 else [])]


def bitpos(v: Values) -> list[list[bytes]]:
    part = _part(v)
    return [[b"BITPOS", v.key(), v.choice((b"0", b"1")), *part[: v.choice((0, 1, 2, 3))]]]


def bitop(v: Values) -> list[list[bytes]]:
    operation = v.choice((b"AND", b"OR", b"XOR", b"NOT", b"NOT", b"NAND"))
    sources = v.keys() if operation != b"NOT" or v.chance() < 0.2 else [v.key()]
    return [[b"BITOP", v.spelling(operation), v.key(), *sources]]


def _encoding(v: Values) -> bytes:
    if v.chance() < 0.04:
        return v.choice((b"u64", b"i65", b"i0", b"u-1", b"u08", b"u", b"", b"I8", b"x8", b"i8 "))
    if v.chance() < 0.4:
        return v.choice((b"u1", b"i1", b"u8", b"i8", b"u16", b"i32", b"u63", b"i64"))
    return b"i%d" % v.random.randint(1, 64) if v.chance() < 0.5 else b"u%d" % v.random.randint(1, 63)


def _field_offset(v: Values) -> bytes:
    return b"#%d" % v.random.randint(0, 70) if v.chance() < 0.4 else v.bit()


def _integer(v: Values) -> bytes:
    chance = v.chance()
    if chance < 0.5:
        return b"%d" % v.random.randint(-300, 300)
    if chance < 0.7:
        return v.choice((b"9223372036854775807", b"-4611686018427387904", b"0", b"1", b"-1"))
    if chance < 0.97:
        return b"%d" % v.random.randint(-(2**62), 2**63 - 1)
    return v.choice((b"", b"x", b"1.0", b"9223372036854775808"))


def _operation(v: Values, writes: bool) -> list[bytes]:
    chance = v.chance() if writes else 0.0
    if chance < 0.3:
        return [v.spelling(b"GET"), _encoding(v), _field_offset(v)]
    if chance < 0.5:
        word = v.choice((b"WRAP", b"SAT", b"FAIL")) if v.chance() < 0.97 else b"NONE"
        return [v.spelling(b"OVERFLOW"), v.spelling(word)]
    word = v.choice((b"SET", b"INCRBY"))
    return [v.spelling(word), _encoding(v), _field_offset(v), _integer(v)]


def bitfield(v: Values) -> list[list[bytes]]:
    read_only = v.chance() < 0.25
    args = [b"BITFIELD_RO" if read_only else b"BITFIELD", v.key()]
    for _ in range(v.choice((0, 1, 1, 2, 3, 6))):
        args += _operation(v, writes=not read_only or v.chance() < 0.1)
    return [args]


def _sketch(v: Values) -> bytes:
    return v.choice(SKETCHES)


def _sketch_or_other(v: Values) -> bytes:
    return _sketch(v) if v.chance() < 0.95 else v.key()


def pfadd(v: Values) -> list[list[bytes]]:
    elements = v.random.choices(ELEMENTS, k=v.choice((0, 1, 1, 2, 5, 300)))
    if v.chance() < 0.3:
        elements += [v.value() for _ in range(v.choice((1, 2)))]
    return [[b"PFADD", _sketch(v), *elements]]


def pfcount(v: Values) -> list[list[bytes]]:
    return [[b"PFCOUNT", *(_sketch_or_other(v) for _ in range(v.choice((1, 1, 2, 3))))]]


def pfmerge(v: Values) -> list[list[bytes]]:
    sources = [_sketch_or_other(v) for _ in range(v.choice((0, 1, 1, 2)))]
    return [[b"PFMERGE", _sketch(v), *sources]]


def pfdebug(v: Values) -> list[list[bytes]]:
    word = v.choice((b"DECODE", b"DECODE", b"ENCODING", b"TODENSE", b"GETREG", b"NONE"))
    return [[b"PFDEBUG", v.spelling(word), _sketch_or_other(v)]]


def sketch_life(v: Values) -> list[list[bytes]]:
    """Ends a sketch, copies it, or looks at its bytes."""
    name = _sketch(v)
    return v.choice(
        (
            [[b"DEL", name]],
            [[b"DEL", name]],
            [[b"COPY", name, _sketch(v), b"REPLACE"]],
            [[b"GET", name]],
            [[b"EXPIRE", name, v.life_s()]],
            [[b"OBJECT", b"ENCODING", name]],
        )
    )


TABLE = [
    (4.0, setbit),
    (2.0, getbit),
    (2.0, bitcount),
    (2.0, bitpos),
    (2.0, bitop),
    (5.0, bitfield),
    (4.0, pfadd),
    (2.0, pfcount),
    (1.0, pfmerge),
    (0.3, pfdebug),
    (1.0, sketch_life),
]
