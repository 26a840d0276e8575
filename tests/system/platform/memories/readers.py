"""How what is read often is read, in two ways.

CacheAside    on any server: the application asks the cache, then the repository, and puts what it found
              into the cache. Who changes something has to remove it there, and not too early.
ReadThrough   on a cache that knows the tables (origin.conf): the application asks the cache. The
              repository is for the time in which there is none.

Each answer says where it came from: `hit`, `miss` or `bypass` for the first, `through` or `bypass` for the
second, which does not know whether the cache had to ask.
"""

from __future__ import annotations

from typing import Awaitable, Callable, Protocol, TypeVar
from uuid import UUID

from . import keys
from .cache import Cache, CacheDown
from .postgres import PostgresRepository
from .repository import Repository

T = TypeVar("T")


class Reader(Protocol):
    async def memory(self, memory_id: UUID) -> tuple[bytes | None, str]: ...

    async def page(self, offset: int, limit: int) -> tuple[list[bytes], str]: ...

    async def score(self, user: str, context: str, token: str) -> tuple[bytes | None, str]: ...


class CacheAside:
    def __init__(self, cache: Cache, repository: Repository):
        self._cache = cache
        self._repository = repository

    async def memory(self, memory_id: UUID) -> tuple[bytes | None, str]:
        key = keys.memory(memory_id)
        return await self._read(key, lambda: self._repository.memory(memory_id))

    async def page(self, offset: int, limit: int) -> tuple[list[bytes], str]:
        ids = await self._repository.memory_ids(offset, limit)
        try:
            cached = await self._cache.get_many([keys.memory(i) for i in ids])
            state = "miss" if None in cached else "hit"
        except CacheDown:
            cached, state = [None] * len(ids), "bypass"
        found = {i: value for i, value in zip(ids, cached) if value is not None}
        loaded = await self._repository.memories([i for i in ids if i not in found])
        if state == "miss":
            try:
                await self._cache.set_many({keys.memory(i): value for i, value in loaded.items()})
            except CacheDown:
                pass  # the next reader tries again
        found.update(loaded)
        return [found[i] for i in ids if i in found], state

    async def score(self, user: str, context: str, token: str) -> tuple[bytes | None, str]:
        key = keys.score(user, context, token)
        return await self._read(key, lambda: self._repository.score(user, context, token))

    async def _read(
        self, key: str, load: Callable[[], Awaitable[bytes | None]]
    ) -> tuple[bytes | None, str]:
        """What the cache has, or else what `load` finds, which is then cached. Nothing that does not
        exist is cached."""
        state = "miss"
        try:
            value = await self._cache.get(key)
            if value is not None:
                return value, "hit"
        except CacheDown:
            state = "bypass"
        value = await load()
        if value is not None and state == "miss":
            try:
                await self._cache.set(key, value)
            except CacheDown:
                pass  # the next reader tries again
        return value, state


class ReadThrough:
    def __init__(self, cache: Cache, repository: PostgresRepository):
        self._cache = cache
        self._repository = repository

    async def memory(self, memory_id: UUID) -> tuple[bytes | None, str]:
        return await _either(
            self._cache.get(keys.memory(memory_id)), lambda: self._repository.memory(memory_id)
        )

    async def page(self, offset: int, limit: int) -> tuple[list[bytes], str]:
        return await self._memories(await self._repository.memory_ids(offset, limit))

    async def timeline(self, user_id: UUID, offset: int, limit: int) -> tuple[list[bytes], str]:
        """Of the memories of a user, the newest first."""
        key = keys.timeline(user_id)

        async def ask() -> list[UUID]:
            return [UUID(i) for i in await self._cache.get_range(key, offset, limit)]

        ids, state = await _either(
            ask(), lambda: self._repository.timeline(user_id, offset, limit)
        )
        memories, state_of_memories = await self._memories(ids)
        return memories, state if state == "bypass" else state_of_memories

    async def profile(self, user_id: UUID) -> tuple[dict[str, str] | None, str]:
        fields, state = await _either(
            self._cache.get_fields(keys.profile(user_id)),
            lambda: self._repository.profile(user_id),
        )
        return fields or None, state

    async def score(self, user: str, context: str, token: str) -> tuple[bytes | None, str]:
        return await _either(
            self._cache.get(keys.score(user, context, token)),
            lambda: self._repository.score(user, context, token),
        )

    async def _memories(self, ids: list[UUID]) -> tuple[list[bytes], str]:
        """Those that are still there."""

        async def load() -> list[bytes | None]:
            found = await self._repository.memories(ids)
            return [found.get(i) for i in ids]

        values, state = await _either(self._cache.get_many([keys.memory(i) for i in ids]), load)
        return [value for value in values if value is not None], state


async def _either(ask: Awaitable[T], without: Callable[[], Awaitable[T]]) -> tuple[T, str]:
    try:
        return await ask, "through"
    except CacheDown:
        return await without(), "bypass"
