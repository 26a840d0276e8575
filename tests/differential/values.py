"""What random commands are made of: keys, values, numbers, deadlines, patterns.

Pools are small on purpose, so that commands meet the keys and values of earlier ones, and hold what
servers tend to get wrong: limits, binary bytes, sizes at which an encoding changes.

Deadlines never race the two servers' clocks. Relative lives lie between RELATIVE_MIN_S and
RELATIVE_MAX_S, at random and so far apart that GT and LT decide alike in both; absolute deadlines
are within ABSOLUTE_SPAN_S of ABSOLUTE_BASE_S, when no relative one ends, or passed long ago.
"""

from __future__ import annotations

from random import Random

KEYS = [b"k%d" % i for i in range(10)] + [
    b"",
    b"{tag}a",
    b"key with spaces",
    b"\x00\xff\r\n",
    b"score:42:" + b"l" * 250,
    b"K1",
]
DATABASES = [b"0", b"1", b"2", b"9", b"15"]

RELATIVE_MIN_S = 100_000
RELATIVE_MAX_S = 100_000_000
ABSOLUTE_BASE_S = 9_000_000_000
ABSOLUTE_SPAN_S = 10
PAST_S = [b"1", b"1000", b"1600000000"]

# An offset between these would make both servers allocate and compare hundreds of megabytes.
OFFSET_MAX = 70_000
STRING_LIMIT = 512 * 1024 * 1024

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)

INTEGERS = b"""
    0 1 -1 2 10 -10 99 9999 10000 127 128 -128 -129 32767 32768 -32769 65536 100000
    2147483648 -2147483648 -2147483649 4294967295 4294967296 9007199254740993 4611686018427387904
    9223372036854775807 -9223372036854775808 9223372036854775806 -9223372036854775807
""".split()
NOT_INTEGERS = [
    b"",
    b" ",
    b"a",
    b"-",
    b"+1",
    b"-0",
    b"00",
    b"01",
    b" 1",
    b"1 ",
    b"1.0",
    b"1e3",
    b"0x10",
    b"--1",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551616",
    b"1" * 40,
    b"1\x00",
    b"\xff",
]
FLOATS = b"""
    0.1 -0.1 1.5 3.0 1e3 1E-3 -1.5e10 123456789.123456789 1e17 1e18 1e-17 0.30000000000000004 1e300
    -1e300 5e-324 1e4900 0x1p3 .5 5. 99999999999999999999 17.000000000000000001
""".split()
NOT_FLOATS = [
    b"nan",
    b"-nan",
    b"inf",
    b"-inf",
    b"infinity",
    b"1e5000",
    b"-1e5000",
    b"1.5a",
    b" 1.5",
    b"1.5 ",
    b"abc",
    b"",
    b"1,5",
    b"1e",
    b"0x",
    b"1\x002",
]
PATTERNS = [
    b"*",
    b"k*",
    b"k?",
    b"k[0-4]",
    b"k[^0-4]",
    b"k[4-0]",
    b"*1*",
    b"[",
    b"k[",
    b"k[1",
    b"\\",
    b"k\\1",
    b"\\k1",
    b"",
    b"?",
    b"??",
    b"***",
    b"*k*1*",
    b"{*}*",
    b"score:42:*",
    b"[kK]1",
    b"k[a-\\]]",
    b"nosuch",
    b"k1",
    b"*\xff*",
]
SIZES_AT_BORDERS = [1, 19, 20, 21, 43, 44, 45, 63, 64, 255, 256, 4095, 4096, 4097, 16383, 16384, 20000]


class Exact(list[bytes]):
    """A request that is sent as it was made up, right or wrong."""


class Values:
    """Draws from one random source, so that a seed decides everything."""

    def __init__(self, random: Random):
        self.random = random
        self.choice = random.choice
        self.chance = random.random
        self._junk = INTEGERS + NOT_INTEGERS + FLOATS + NOT_FLOATS + KEYS
        self._junk_but_short_lives = [word for word in self._junk if not _is_short_life(word)]

    def key(self) -> bytes:
        return self.choice(KEYS)

    def keys(self) -> list[bytes]:
        return [self.key() for _ in range(self.choice((1, 1, 2, 2, 3, 5)))]

    def database(self) -> bytes:
        return (
            self.choice(DATABASES)
            if self.chance() < 0.95
            else self.choice((b"16", b"-1", b"x", b"4294967296"))
        )

    def number(self) -> bytes:
        chance = self.chance()
        if chance < 0.5:
            return b"%d" % self.random.randint(-1000, 1000)
        return self.choice(INTEGERS) if chance < 0.92 else self.choice(NOT_INTEGERS)

    def float(self) -> bytes:
        chance = self.chance()
        if chance < 0.3:
            return repr(self.random.uniform(-1000, 1000)).encode()
        if chance < 0.4:
            return b"%d" % self.random.randint(-100, 100)
        return self.choice(FLOATS) if chance < 0.9 else self.choice(NOT_FLOATS)

    def value(self) -> bytes:
        chance = self.chance()
        if chance < 0.25:
            return b"v%d" % self.random.randint(0, 50)
        if chance < 0.45:
            return self.choice(INTEGERS)
        if chance < 0.55:
            return self.choice(NOT_INTEGERS)
        if chance < 0.65:
            return self.choice(FLOATS)
        if chance < 0.7:
            return self.choice(NOT_FLOATS)
        if chance < 0.85:
            return self.random.randbytes(self.random.randint(0, 60))
        size = self.choice(SIZES_AT_BORDERS) if chance < 0.97 else self.random.randint(0, 50_000)
        return (
            (b"ab" * (size // 2 + 1))[:size] if self.chance() < 0.5 else self.random.randbytes(size)
        )

    def piece(self) -> bytes:
        """A value short enough to be appended again and again."""
        return self.value()[:40]

    def offset(self) -> bytes:
        chance = self.chance()
        if chance < 0.8:
            return b"%d" % self.random.randint(0, 120)
        if chance < 0.88:
            return b"%d" % self.random.randint(0, OFFSET_MAX)
        return self.choice(
            (
                b"-1",
                b"x",
                b"",
                b"536870912",
                b"536870913",
                b"4294967296",
                b"9223372036854775807",
                b"-9223372036854775808",
            )
        )

    def bit(self) -> bytes:
        chance = self.chance()
        if chance < 0.7:
            return b"%d" % self.random.randint(0, 200)
        if chance < 0.95:
            return b"%d" % self.random.randint(0, OFFSET_MAX * 8)
        return self.choice(
            (b"-1", b"x", b"", b"#", b"1.0", b"4294967296", b"9223372036854775807", b"01")
        )

    def index(self) -> bytes:
        return b"%d" % self.random.randint(-70, 70) if self.chance() < 0.85 else self.number()

    def pattern(self) -> bytes:
        return self.choice(PATTERNS)

    def junk(self, short_lives: bool) -> bytes:
        """Anything; without `short_lives` no number that would make a key expire during the run."""
        return self.choice(self._junk if short_lives else self._junk_but_short_lives)

    def life_s(self) -> bytes:
        return b"%d" % self.random.randint(RELATIVE_MIN_S, RELATIVE_MAX_S)

    def life_ms(self) -> bytes:
        return b"%d" % (
            self.random.randint(RELATIVE_MIN_S, RELATIVE_MAX_S) * 1000 + self.random.randint(0, 999)
        )

    def deadline_s(self) -> bytes:
        return b"%d" % (ABSOLUTE_BASE_S + self.random.randint(0, 8))

    def deadline_ms(self) -> bytes:
        return b"%d" % (ABSOLUTE_BASE_S * 1000 + self.random.randint(0, 8) * 500)

    def bad_time(self) -> bytes:
        # The last two are too many seconds but not too many milliseconds; as those, no two may be so
        # close to each other that GT and LT depend on when a command arrives.
        apart = self.random.randint(0, 1_000_000_000)
        return self.choice(
            (
                b"0",
                b"-1",
                b"x",
                b"",
                b"1.5",
                b"9223372036854775807",
                b"-9223372036854775808",
                b"9223372036854775808",
                b"%d" % (9223372036854775 - apart),
                b"%d" % (92233720368547758 - apart),
            )
        )

    def past_s(self) -> bytes:
        return self.choice(PAST_S)

    def past_ms(self) -> bytes:
        return self.choice(PAST_S) + b"000"

    def spelling(self, word: bytes) -> bytes:
        """The word in lower, upper or mixed case."""
        chance = self.chance()
        if chance < 0.6:
            return word
        return word.lower() if chance < 0.9 else word.swapcase() if chance < 0.95 else word.title()


def _is_short_life(word: bytes) -> bool:
    digits = word.lstrip(b"+ ").rstrip()
    return digits.isdigit() and 0 < int(digits) <= RELATIVE_MIN_S * 1000
