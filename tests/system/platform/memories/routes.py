"""The endpoints. What is read often goes through the cache, and says so in X-Cache (readers.py)."""

from __future__ import annotations

from typing import Awaitable, Callable
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field

from .cache import CacheDown
from .postgres import PostgresRepository
from .readers import Reader, ReadThrough
from .sessions import Session, Sessions

PAGE_MAX = 100
JSON = "application/json"


class Credentials(BaseModel):
    user: str
    password: str


class Content(BaseModel):
    title: str = Field(max_length=200)
    text: str = Field(max_length=10_000)


class Profile(BaseModel):
    about: str | None = Field(..., max_length=1000)


def session_of(request: Request) -> Session:
    """The session that the rate limit has found."""
    session: Session | None = request.state.session
    if session is None:
        raise HTTPException(401, "log in first", {"WWW-Authenticate": "Bearer"})
    return session


async def page_of(found: Awaitable[tuple[list[bytes], str]]) -> Response:
    memories, state = await found
    body = b'{"memories":[' + b",".join(memories) + b"]}"
    return Response(body, headers={"X-Cache": state}, media_type=JSON)


def memory_routes(reader: Reader) -> APIRouter:
    router = APIRouter()

    @router.get("/memories", name="memories")
    async def browse(
        offset: int = Query(0, ge=0),
        limit: int = Query(20, ge=1, le=PAGE_MAX),
        _: Session = Depends(session_of),
    ) -> Response:
        return await page_of(reader.page(offset, limit))

    @router.get("/memories/{memory_id}", name="memory")
    async def read(memory_id: UUID, _: Session = Depends(session_of)) -> Response:
        value, state = await reader.memory(memory_id)
        if value is None:
            raise HTTPException(404, "no such memory")
        return Response(value, headers={"X-Cache": state}, media_type=JSON)

    return router


def memory_write_routes(repository: PostgresRepository) -> APIRouter:
    """A memory is written by whom it belongs to, or by an admin. The cache hears of it by itself, a moment
    later."""
    router = APIRouter()

    @router.put("/memories/{memory_id}", name="put_memory")
    async def put(
        memory_id: UUID, content: Content, session: Session = Depends(session_of)
    ) -> Response:
        body = content.json()
        is_new = await repository.put_memory(memory_id, body, session.user, session.admin)
        if is_new is None:
            raise HTTPException(403, "the memory is somebody else's")
        return Response(status_code=201 if is_new else 204)

    @router.delete("/memories/{memory_id}", name="delete_memory", status_code=204)
    async def delete(memory_id: UUID, session: Session = Depends(session_of)) -> Response:
        if not await repository.delete_memory(memory_id, session.user, session.admin):
            raise HTTPException(404, "no such memory of yours")
        return Response(status_code=204)

    return router


def user_routes(reader: ReadThrough, repository: PostgresRepository) -> APIRouter:
    router = APIRouter()

    @router.get("/users/{user_id}", name="profile")
    async def profile(
        user_id: UUID, response: Response, _: Session = Depends(session_of)
    ) -> dict[str, str | None]:
        fields, response.headers["X-Cache"] = await reader.profile(user_id)
        if fields is None:
            raise HTTPException(404, "no such user")
        return {"name": fields["name"], "about": fields.get("about")}

    @router.patch("/users/{user_id}", name="put_profile", status_code=204)
    async def change(
        user_id: UUID, change: Profile, session: Session = Depends(session_of)
    ) -> Response:
        if not await repository.put_about(user_id, change.about, session.user, session.admin):
            raise HTTPException(403, "the profile is not yours")
        return Response(status_code=204)

    @router.get("/users/{user_id}/memories", name="timeline")
    async def timeline(
        user_id: UUID,
        offset: int = Query(0, ge=0),
        limit: int = Query(20, ge=1, le=PAGE_MAX),
        _: Session = Depends(session_of),
    ) -> Response:
        return await page_of(reader.timeline(user_id, offset, limit))

    return router


def score_routes(reader: Reader) -> APIRouter:
    router = APIRouter()

    @router.get("/scores/{context}/{token}", name="score")
    async def score(context: str, token: str, session: Session = Depends(session_of)) -> Response:
        value, state = await reader.score(session.user, context, token)
        if value is None:
            raise HTTPException(404, "no such score")
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


def health_routes(probes: dict[str, Callable[[], Awaitable[bool]]]) -> APIRouter:
    """`probes`: whether each thing that the service stands on answers."""
    router = APIRouter()

    @router.get("/health", name="health")
    async def health() -> dict[str, str]:
        """Without one of them the service does less and is still a service: the status code is 200."""
        answers = {name: await probe() for name, probe in probes.items()}
        states = {name: "up" if answer else "down" for name, answer in answers.items()}
        return {"status": "ok" if all(answers.values()) else "degraded", **states}

    return router
