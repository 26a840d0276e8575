"""Puts the application together: create_app(repository) gives what an ASGI server runs."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from . import keys, routes
from .cache import Cache
from .rate_limit import RateLimit
from .repository import Repository
from .sessions import Sessions
from .settings import Settings


def create_app(repository: Repository, settings: Settings) -> FastAPI:
    cache = Cache(settings)
    sessions = Sessions(cache, repository, settings)
    app = FastAPI(title="Memories")
    app.add_middleware(RateLimit, cache=cache, sessions=sessions)
    app.include_router(routes.memory_routes(cache, repository))
    app.include_router(routes.score_routes(cache, repository))
    app.include_router(routes.session_routes(sessions))
    app.include_router(routes.health_routes(cache))
    app.add_exception_handler(keys.BadName, refuse_name)
    app.add_event_handler("shutdown", cache.close)
    return app


async def refuse_name(_: Request, problem: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(problem)}, 422)
