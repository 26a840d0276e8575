"""The application with made-up users and memories: uvicorn --factory memories.demo:create.

With DATABASE_URL it is that of a database that has schema.sql and demonstration.sql; otherwise the users
are user-0 to user-49 and root, who is an admin. All have the same password.
"""

from __future__ import annotations

import logging
import secrets
from uuid import UUID

from fastapi import FastAPI

from .app import create_app, create_app_on_database
from .postgres import PostgresRepository
from .repository import InMemoryRepository, Memory, User
from .sessions import hash_password
from .settings import Settings

USERS = 50
MEMORIES = 1000
PASSWORD = "demonstration"


def create() -> FastAPI:
    logging.basicConfig(level=logging.INFO)
    settings = Settings.from_environment()
    if settings.database_url:
        return create_app_on_database(PostgresRepository(settings), settings)
    salt = secrets.token_bytes(16)
    hashed = hash_password(PASSWORD, salt)
    users = [User(f"user-{i}", False, salt, hashed) for i in range(USERS)]
    users.append(User("root", True, salt, hashed))
    memories = [
        Memory(memory_id(day), f"Memory {day}", f"What happened on day {day}.")
        for day in range(1, MEMORIES + 1)
    ]
    return create_app(InMemoryRepository(memories, users), settings)


def memory_id(day: int) -> UUID:
    return UUID(f"00000000-0000-4000-8000-{day:012x}")
