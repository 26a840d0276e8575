"""The names of everything in the cache. Their prefixes are those of the key classes in alai.conf and of the
rules in origin.conf.

A part is checked before it becomes part of a name: a colon in a user's name would put the keys of
one user under the prefix of another, and a user called "admin" would have the rate limits of an
admin.
"""

from __future__ import annotations

import re
from uuid import UUID

_PART = re.compile(r"[A-Za-z0-9_-]{1,64}")

_RESERVED = {"admin", "address"}

# The class of the scores, for KEYCLASS PURGE.
SCORE_CLASS = "score"


class BadName(ValueError):
    """A part that cannot be in a key."""


def part(text: str) -> str:
    if not _PART.fullmatch(text):
        raise BadName("names have 1 to 64 letters, digits, '-' and '_'")
    return text


def user_part(name: str) -> str:
    if name in _RESERVED:
        raise BadName(f"nobody can be called {name}")
    return part(name)


def memory(memory_id: UUID) -> str:
    return f"memory:{memory_id}"


def timeline(user_id: UUID) -> str:
    """The ids of a user's memories."""
    return f"timeline:{user_id}"


def profile(user_id: UUID) -> str:
    return f"user:{user_id}"


def session(user: str) -> str:
    return f"session:{user_part(user)}"


def scores_of(user: str) -> str:
    """The prefix of all scores of a user."""
    return f"score:{user_part(user)}:"


def score(user: str, context: str, token: str) -> str:
    return f"{scores_of(user)}{part(context)}:{part(token)}"


def rate(user: str, endpoint: str, admin: bool) -> str:
    return f"rate:{'admin:' if admin else ''}{user_part(user)}:{endpoint}"


def rate_of_stranger(address: str, endpoint: str) -> str:
    """Who has not logged in is counted by address."""
    return f"rate:address:{address}:{endpoint}"
