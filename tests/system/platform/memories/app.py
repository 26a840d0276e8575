"""Puts the application together; what these functions give is what an ASGI server runs."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from . import keys, routes
from .cache import Cache, CacheBusy
from .postgres import PostgresRepository
from .rate_limit import RateLimit
from .readers import CacheAside, Reader, ReadThrough
from .repository import Repository, RepositoryDown, Unstorable
from .sessions import Sessions
from .settings import Settings


def create_app(repository: Repository, settings: Settings) -> FastAPI:
    """The application keeps the cache itself."""
    cache = Cache(settings)
    app = _assemble(cache, repository, CacheAside(cache, repository), settings)
    app.include_router(routes.health_routes({"cache": cache.answers}))
    return app


def create_app_on_database(repository: PostgresRepository, settings: Settings) -> FastAPI:
    """The cache keeps itself true to the database, so that there may be writers."""
    cache = Cache(settings)
    reader = ReadThrough(cache, repository)
    app = _assemble(cache, repository, reader, settings)
    app.include_router(routes.memory_write_routes(repository))
    app.include_router(routes.user_routes(reader, repository))
    probes = {"cache": cache.answers, "database": repository.answers}
    app.include_router(routes.health_routes(probes))
    app.add_event_handler("shutdown", repository.close)
    return app


def _assemble(
    cache: Cache, repository: Repository, reader: Reader, settings: Settings
) -> FastAPI:
    """What both have."""
    sessions = Sessions(cache, repository, settings)
    app = FastAPI(title="Memories")
    app.add_middleware(RateLimit, cache=cache, sessions=sessions)
    app.include_router(routes.memory_routes(reader))
    app.include_router(routes.score_routes(reader))
    app.include_router(routes.session_routes(sessions))
    app.add_exception_handler(keys.BadName, _refuse)
    app.add_exception_handler(Unstorable, _refuse)
    app.add_exception_handler(CacheBusy, _tell_to_wait)
    app.add_exception_handler(RepositoryDown, _tell_to_wait)
    app.add_event_handler("shutdown", cache.close)
    return app


async def _refuse(_: Request, problem: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(problem)}, 422)


async def _tell_to_wait(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"detail": "try again"}, 503, {"Retry-After": "1"})
