"""The application with made-up users and memories: uvicorn --factory memories.demo:create.

The users are user-0 to user-49 and root, who is an admin. All have the same password.
"""

from __future__ import annotations

import logging
import secrets

from fastapi import FastAPI

from .app import create_app
from .repository import InMemoryRepository, Memory, User
from .sessions import hash_password
from .settings import Settings

USERS = 50
MEMORIES = 1000
PASSWORD = "demonstration"


def create() -> FastAPI:
    logging.basicConfig(level=logging.INFO)
    salt = secrets.token_bytes(16)
    hashed = hash_password(PASSWORD, salt)
    users = [User(f"user-{i}", False, salt, hashed) for i in range(USERS)]
    users.append(User("root", True, salt, hashed))
    days = range(1, MEMORIES + 1)
    memories = [Memory(day, f"Memory {day}", f"What happened on day {day}.") for day in days]
    return create_app(InMemoryRepository(memories, users), Settings.from_environment())
