"""What is true: memories, scores, users and sessions. The cache holds copies that may vanish.

Repository is what the application asks for. InMemoryRepository answers from dictionaries; postgres.py
has the one that is a database, for whose sake the methods are coroutines. Memories and scores come as
the JSON that is sent to clients.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass, replace
from typing import Iterable, Protocol, Sequence
from uuid import UUID


class RepositoryDown(Exception):
    """What is true cannot be found out at the moment."""


class Unstorable(ValueError):
    """A text that no repository takes, or a number."""


@dataclass(frozen=True)
class Memory:
    id: UUID
    title: str
    text: str


@dataclass(frozen=True)
class User:
    name: str
    admin: bool
    salt: bytes
    password_hash: bytes


@dataclass(frozen=True)
class StoredSession:
    """`seen_at` is when the session was last known to be in use, in seconds since 1970: at login,
    and whenever it was checked without the cache."""

    user: str
    admin: bool
    secret_hash: str
    began_at: float
    seen_at: float


class Repository(Protocol):
    """Any method may raise RepositoryDown or Unstorable."""

    async def memory(self, memory_id: UUID) -> bytes | None: ...

    async def memories(self, ids: Sequence[UUID]) -> dict[UUID, bytes]: ...

    async def memory_ids(self, offset: int, limit: int) -> list[UUID]: ...

    async def score(self, user: str, context: str, token: str) -> bytes | None: ...

    async def user(self, name: str) -> User | None: ...

    async def session(self, user: str) -> StoredSession | None: ...

    async def put_session(self, session: StoredSession) -> None: ...

    async def note_session_seen(self, user: str) -> None: ...

    async def delete_session(self, user: str) -> None: ...


class InMemoryRepository:
    """For one process and one event loop."""

    def __init__(self, memories: Iterable[Memory], users: Iterable[User]):
        self._memories = {memory.id: memory for memory in memories}
        self._users = {user.name: user for user in users}
        self._sessions: dict[str, StoredSession] = {}

    async def memory(self, memory_id: UUID) -> bytes | None:
        return (await self.memories([memory_id])).get(memory_id)

    async def memories(self, ids: Sequence[UUID]) -> dict[UUID, bytes]:
        return {i: _encode(self._memories[i]) for i in ids if i in self._memories}

    async def memory_ids(self, offset: int, limit: int) -> list[UUID]:
        return sorted(self._memories)[offset : offset + limit]

    async def score(self, user: str, context: str, token: str) -> bytes | None:
        """How relevant a token is to a user in a context, from 0 to 1. A model will know better;
        this one is always of the same opinion."""
        digest = hashlib.sha256(f"{user}:{context}:{token}".encode()).digest()
        value = int.from_bytes(digest[:4], "big") / 0xFFFFFFFF
        return json.dumps({"score": value}).encode()

    async def user(self, name: str) -> User | None:
        return self._users.get(name)

    async def session(self, user: str) -> StoredSession | None:
        return self._sessions.get(user)

    async def put_session(self, session: StoredSession) -> None:
        self._sessions[session.user] = session

    async def note_session_seen(self, user: str) -> None:
        if user in self._sessions:
            self._sessions[user] = replace(self._sessions[user], seen_at=time.time())

    async def delete_session(self, user: str) -> None:
        self._sessions.pop(user, None)


def _encode(memory: Memory) -> bytes:
    return json.dumps({**asdict(memory), "id": str(memory.id)}).encode()
