"""The endpoints. What is read often goes through the cache, and says so in X-Cache: `hit`, `miss`,
or `bypass` while there is no cache."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Awaitable, Callable

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel

from . import keys
from .cache import Cache, CacheDown
from .repository import Memory, Repository
from .sessions import Session, Sessions

PAGE_MAX = 100
JSON = "application/json"


class Credentials(BaseModel):
    user: str
    password: str


def session_of(request: Request) -> Session:
    """The session that the rate limit has found."""
    session: Session | None = request.state.session
    if session is None:
        raise HTTPException(401, "log in first", {"WWW-Authenticate": "Bearer"})
    return session


def encode(memory: Memory) -> bytes:
    return json.dumps(asdict(memory)).encode()


async def through_cache(
    cache: Cache, key: str, load: Callable[[], Awaitable[bytes | None]]
) -> tuple[bytes | None, str]:
    """Cache-aside: what the cache has, or else what `load` finds, which is then cached. Nothing
    that does not exist is cached."""
    state = "miss"
    try:
        value = await cache.get(key)
        if value is not None:
            return value, "hit"
    except CacheDown:
        state = "bypass"
    value = await load()
    if value is not None and state == "miss":
        try:
            await cache.set(key, value)
        except CacheDown:
            pass  # the next reader tries again
    return value, state


def memory_routes(cache: Cache, repository: Repository) -> APIRouter:
    router = APIRouter()

    @router.get("/memories", name="memories")
    async def browse(
        offset: int = Query(0, ge=0),
        limit: int = Query(20, ge=1, le=PAGE_MAX),
        _: Session = Depends(session_of),
    ) -> Response:
        ids = await repository.memory_ids(offset, limit)
        try:
            cached = await cache.get_many([keys.memory(i) for i in ids])
            state = "miss" if None in cached else "hit"
        except CacheDown:
            cached, state = [None] * len(ids), "bypass"
        found = {i: value for i, value in zip(ids, cached) if value is not None}
        missing = await repository.memories([i for i in ids if i not in found])
        loaded = {memory.id: encode(memory) for memory in missing}
        if state == "miss":
            try:
                await cache.set_many({keys.memory(i): value for i, value in loaded.items()})
            except CacheDown:
                pass  # the next reader tries again
        found.update(loaded)
        body = b",".join(found[i] for i in ids if i in found)
        page = b'{"memories":[' + body + b"]}"
        return Response(page, headers={"X-Cache": state}, media_type=JSON)

    @router.get("/memories/{memory_id}", name="memory")
    async def read(memory_id: int, _: Session = Depends(session_of)) -> Response:
        async def load() -> bytes | None:
            memory = await repository.memory(memory_id)
            return None if memory is None else encode(memory)

        value, state = await through_cache(cache, keys.memory(memory_id), load)
        if value is None:
            raise HTTPException(404, "no such memory")
        return Response(value, headers={"X-Cache": state}, media_type=JSON)

    return router


def score_routes(cache: Cache, repository: Repository) -> APIRouter:
    router = APIRouter()

    @router.get("/scores/{context}/{token}", name="score")
    async def score(context: str, token: str, session: Session = Depends(session_of)) -> Response:
        async def load() -> bytes:
            value = await repository.score(session.user, context, token)
            return json.dumps({"score": value}).encode()

        value, state = await through_cache(cache, keys.score(session.user, context, token), load)
        return Response(value, headers={"X-Cache": state}, media_type=JSON)

    return router


def session_routes(sessions: Sessions) -> APIRouter:
    router = APIRouter()

    @router.post("/login", name="login")
    async def login(credentials: Credentials) -> dict[str, str]:
        token = await sessions.login(credentials.user, credentials.password)
        if token is None:
            raise HTTPException(401, "wrong user or password")
        return {"token": token}

    @router.post("/logout", name="logout", status_code=204)
    async def logout(session: Session = Depends(session_of)) -> Response:
        try:
            await sessions.logout(session)
        except CacheDown:
            raise HTTPException(503, "still logged in, try again", {"Retry-After": "1"}) from None
        return Response(status_code=204)

    @router.get("/session", name="session")
    async def session(current: Session = Depends(session_of)) -> dict[str, object]:
        return {"user": current.user, "admin": current.admin}

    return router


def health_routes(cache: Cache) -> APIRouter:
    router = APIRouter()

    @router.get("/health", name="health")
    async def health() -> dict[str, str]:
        """Without its cache the service is slower and still a service: the status code is 200."""
        if await cache.answers():
            return {"status": "ok", "cache": "up"}
        return {"status": "degraded", "cache": "down"}

    return router
