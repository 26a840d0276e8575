"""The rate limit: one RATE.TAKE a request, before anything else is done for it.

The limit belongs to the key's class in the cache; this middleware only names who asks for what.
While the cache is down requests pass unlimited.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import keys
from .cache import Cache, CacheDown, Permit
from .repository import RepositoryDown
from .sessions import Session, Sessions

# Whoever watches the service must see it even when it asks often.
UNLIMITED_ENDPOINTS = {"health"}


class RateLimit:
    """Finds the session too, since it decides whose bucket it is, and leaves it in the request's
    state as `session`."""

    def __init__(self, app: ASGIApp, cache: Cache, sessions: Sessions):
        self._app = app
        self._cache = cache
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        endpoint = endpoint_of(scope)
        if endpoint in UNLIMITED_ENDPOINTS:
            return await self._app(scope, receive, send)
        try:
            session = await self._sessions.check(token_of(scope))
        except RepositoryDown:
            refusal = JSONResponse({"detail": "try again"}, 503, {"Retry-After": "1"})
            return await refusal(scope, receive, send)
        scope.setdefault("state", {})["session"] = session
        try:
            permit = await self._cache.take(key_of(scope, session, endpoint))
        except CacheDown:
            return await self._app(scope, receive, send)
        headers = headers_of(permit)
        if permit.limited:
            refusal = JSONResponse({"detail": "too many requests"}, 429, headers)
            return await refusal(scope, receive, send)
        await self._app(scope, receive, with_headers(send, headers))


def endpoint_of(scope: Scope) -> str:
    """The name of the route, so that all of /memories/<id> share a bucket."""
    for route in scope["app"].routes:
        if route.matches(scope)[0] == Match.FULL:
            return route.name
    return "unknown"


def token_of(scope: Scope) -> str:
    kind, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else ""


def key_of(scope: Scope, session: Session | None, endpoint: str) -> str:
    if session is None:
        client = scope.get("client")
        return keys.rate_of_stranger(client[0] if client else "unknown", endpoint)
    return keys.rate(session.user, endpoint, session.admin)


def headers_of(permit: Permit) -> dict[str, str]:
    """Seconds count from now. Who has no limit gets no header."""
    if permit.limit < 0:
        return {}
    headers = {
        "X-RateLimit-Limit": str(permit.limit),
        "X-RateLimit-Remaining": str(permit.remaining),
        "X-RateLimit-Reset": str(permit.reset_after_s),
    }
    if permit.limited:
        headers["Retry-After"] = str(permit.retry_after_s)
    return headers


def with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with_headers
