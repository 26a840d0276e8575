"""The cache as the application sees it.

Whatever goes wrong with it (refused, hung, gone in the middle of a reply, an error in the place of
one) arrives as CacheDown, within the time-out, and the caller goes on without a cache. After a
failed connection the cache is left alone for a moment; then one request tries it, and the others
still do without.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any, Awaitable, Callable, Sequence, TypeVar

from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError, ResponseError

from . import keys
from .settings import Settings

T = TypeVar("T")

log = logging.getLogger("memories.cache")


class CacheDown(Exception):
    """The cache did not do what it was asked to, or was not asked."""


class CacheBusy(Exception):
    """So much is being loaded into the cache that the database must not be asked for more."""


@dataclass(frozen=True)
class Permit:
    """The answer of RATE.TAKE. Seconds are rounded up; a limit of -1 means that there is none."""

    limited: bool
    limit: int
    remaining: int
    retry_after_s: int
    reset_after_s: int


class Cache:
    def __init__(self, settings: Settings):
        self._pool = ConnectionPool(
            host=settings.cache_host,
            port=settings.cache_port,
            max_connections=settings.cache_connections_max,
            socket_timeout=settings.cache_timeout_s,
            socket_connect_timeout=settings.cache_timeout_s,
            socket_keepalive=True,
        )
        self._redis = Redis(connection_pool=self._pool)
        # Who finds all connections in use waits for one; the pool itself would fail.
        self._free_connections = asyncio.Semaphore(settings.cache_connections_max)
        self._rest_s = settings.cache_rest_s
        self._failed = False
        self._rests_until = 0.0
        self._running: set[asyncio.Task[Any]] = set()

    async def get(self, key: str) -> bytes | None:
        return await self._ask(lambda: self._redis.get(key))

    async def get_many(self, wanted: Sequence[str]) -> list[bytes | None]:
        return await self._ask(lambda: self._redis.mget(wanted)) if wanted else []

    async def get_range(self, key: str, offset: int, limit: int) -> list[str]:
        """Of a list of names."""
        last = offset + limit - 1
        names = await self._ask(lambda: self._redis.lrange(key, offset, last))
        return [name.decode() for name in names]

    async def get_fields(self, key: str) -> dict[str, str]:
        fields = await self._ask(lambda: self._redis.hgetall(key))
        return {name.decode(): value.decode() for name, value in fields.items()}

    async def set(self, key: str, value: bytes) -> None:
        """The key's class gives it its lifetime."""
        await self._ask(lambda: self._redis.set(key, value))

    async def set_many(self, values: dict[str, bytes]) -> None:
        if not values:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for key, value in values.items():
            pipeline.set(key, value)
        await self._ask(pipeline.execute)

    async def take(self, key: str) -> Permit:
        """One permit from the token bucket of a key; the limit is that of the key's class."""
        reply = await self._ask(lambda: self._redis.execute_command("RATE.TAKE", key))
        return Permit(bool(reply[0]), *reply[1:])

    async def forget_user(self, user: str) -> None:
        """Deletes the session at once and the scores in the background of the server."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.delete(keys.session(user))
        pipeline.execute_command("KEYCLASS", "PURGE", keys.SCORE_CLASS, keys.scores_of(user))
        await self._ask(pipeline.execute)

    async def answers(self) -> bool:
        """Asks even while the cache is left alone, so that its return is seen."""
        try:
            await self._ask(self._redis.ping, probe=True)
            return True
        except CacheDown:
            return False

    async def close(self) -> None:
        await self._redis.close()
        await self._pool.disconnect()

    async def _ask(self, command: Callable[[], Awaitable[T]], probe: bool = False) -> T:
        """A command that has been sent is awaited to its end, even when the request that wanted it
        is cancelled: otherwise its reply would wait on a pooled connection for somebody else."""
        task = asyncio.ensure_future(self._guarded(command, probe))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _guarded(self, command: Callable[[], Awaitable[T]], probe: bool) -> T:
        async with self._free_connections:
            if self._failed and not probe:
                if time.monotonic() < self._rests_until:
                    raise CacheDown("the cache is left alone after a failure")
                self._rests_until = time.monotonic() + self._rest_s
            try:
                reply = await command()
            except ResponseError as error:
                log.error("the cache refused: %s", error)
                if str(error).startswith("ORIGINBUSY"):
                    raise CacheBusy(str(error)) from error
                raise CacheDown(str(error)) from error
            except (RedisError, OSError) as error:
                self._note_failure(error)
                raise CacheDown(str(error)) from error
            if self._failed:
                log.warning("the cache is back")
            self._failed = False
            return reply

    def _note_failure(self, error: Exception) -> None:
        if not self._failed:
            log.error("the cache is down: %s", error)
        self._failed = True
        self._rests_until = time.monotonic() + self._rest_s
