"""What an installation may choose. Every value has a default and is read from the environment
once."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    cache_host: str = "127.0.0.1"
    cache_port: int = 6379
    # No request waits for the cache longer than this, and no more connections are opened to it.
    cache_timeout_s: float = 0.5
    cache_connections_max: int = 32
    # After a failure the cache is left alone for so long, so that requests do not queue for
    # timeouts.
    cache_rest_s: float = 0.5
    # Where PostgreSQL is, as libpq takes it. Without one the demonstration is in memory.
    database_url: str = ""
    database_connections_max: int = 8
    database_timeout_s: int = 2
    # A session that the cache has lost is restored when it was seen within its idle time (the ttl
    # of the class `session`). While the cache is down nobody knows who is idle, and its age counts.
    session_idle_max_s: float = 1800.0
    session_age_max_s: float = 12 * 3600.0

    @staticmethod
    def from_environment() -> Settings:
        known = Settings.__dataclass_fields__
        chosen = {name: os.environ[name.upper()] for name in known if name.upper() in os.environ}
        return Settings(**{name: type(known[name].default)(text) for name, text in chosen.items()})
