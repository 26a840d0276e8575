"""The repository that is a database: PostgreSQL with the tables of schema.sql.

psycopg2 blocks, so statements run on a few threads, each with a connection of its own. A query that finds
its connection dead, as all are after a restart of the database, is asked once more on a new one. A change
is not, since nobody knows whether it was made.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from typing import Any, Sequence
from uuid import UUID

import psycopg2

from .repository import RepositoryDown, StoredSession, Unstorable, User
from .settings import Settings

log = logging.getLogger("memories.postgres")

# As a client gets it; origin.conf says the same.
_MEMORY = "(body || jsonb_build_object('id', id, 'user', user_id))::text"
_SESSION = "user_name, admin, secret_hash, began_at, seen_at"


class Database:
    """Runs one statement at a time, each a transaction."""

    def __init__(self, settings: Settings):
        self._url = settings.database_url
        self._timeout_s = settings.database_timeout_s
        self._threads = ThreadPoolExecutor(settings.database_connections_max)
        self._of_thread = threading.local()

    async def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return await self._on_thread(sql, parameters, 2)

    async def change(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Gives what the statement returns."""
        return await self._on_thread(sql, parameters, 1)

    async def close(self) -> None:
        self._threads.shutdown(wait=False)

    async def _on_thread(self, sql: str, parameters: Sequence[object], tries: int):
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._run, sql, parameters, tries)

    def _run(self, sql: str, parameters: Sequence[object], tries: int) -> list[tuple[Any, ...]]:
        try:
            with self._connection().cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else []
        except (psycopg2.DataError, ValueError) as error:
            raise Unstorable("this cannot be stored") from error
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            was_open = self._drop_connection()
            if was_open and tries > 1:
                return self._run(sql, parameters, tries - 1)
            log.error("the database does not answer: %s", str(error).strip())
            raise RepositoryDown(str(error)) from error

    def _connection(self) -> Any:
        if getattr(self._of_thread, "connection", None) is None:
            connection = psycopg2.connect(
                self._url,
                connect_timeout=self._timeout_s,
                options=f"-c statement_timeout={self._timeout_s}s",
            )
            connection.autocommit = True
            self._of_thread.connection = connection
        return self._of_thread.connection

    def _drop_connection(self) -> bool:
        """Whether there was one."""
        connection = getattr(self._of_thread, "connection", None)
        self._of_thread.connection = None
        if connection is not None:
            connection.close()
        return connection is not None


class PostgresRepository:
    def __init__(self, settings: Settings):
        self._database = Database(settings)

    async def memory(self, memory_id: UUID) -> bytes | None:
        return (await self.memories([memory_id])).get(memory_id)

    async def memories(self, ids: Sequence[UUID]) -> dict[UUID, bytes]:
        sql = f"SELECT id, {_MEMORY} FROM memories WHERE id = ANY(%s::uuid[])"
        rows = await self._database.query(sql, [str(i) for i in ids])
        return {UUID(i): text.encode() for i, text in rows}

    async def memory_ids(self, offset: int, limit: int) -> list[UUID]:
        sql = "SELECT id FROM memories ORDER BY id OFFSET %s LIMIT %s"
        return [UUID(i) for (i,) in await self._database.query(sql, offset, limit)]

    async def timeline(self, user_id: UUID, offset: int, limit: int) -> list[UUID]:
        sql = "SELECT id FROM memories WHERE user_id = %s ORDER BY id DESC OFFSET %s LIMIT %s"
        rows = await self._database.query(sql, str(user_id), offset, limit)
        return [UUID(i) for (i,) in rows]

    async def put_memory(self, memory_id: UUID, body: str, user: str, admin: bool) -> bool | None:
        """Whether it is new; nothing when it belongs to somebody else. `body` is JSON."""
        sql = (
            "INSERT INTO memories SELECT %s, id, %s::jsonb FROM users WHERE name = %s"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body"
            " WHERE memories.user_id = excluded.user_id OR %s RETURNING xmax = 0"
        )
        rows = await self._database.change(sql, str(memory_id), body, user, admin)
        return rows[0][0] if rows else None

    async def delete_memory(self, memory_id: UUID, user: str, admin: bool) -> bool:
        """Whether the user had one."""
        sql = (
            "DELETE FROM memories WHERE id = %s"
            " AND (%s OR user_id = (SELECT id FROM users WHERE name = %s)) RETURNING id"
        )
        return bool(await self._database.change(sql, str(memory_id), admin, user))

    async def profile(self, user_id: UUID) -> dict[str, str] | None:
        """What is not null of it."""
        rows = await self._database.query(
            "SELECT name, about FROM users WHERE id = %s", str(user_id)
        )
        if not rows:
            return None
        return {name: value for name, value in zip(("name", "about"), rows[0]) if value is not None}

    async def put_about(self, user_id: UUID, about: str | None, user: str, admin: bool) -> bool:
        """Whether the user is the one, or may do it for others."""
        sql = "UPDATE users SET about = %s WHERE id = %s AND (name = %s OR %s) RETURNING id"
        return bool(await self._database.change(sql, about, str(user_id), user, admin))

    async def score(self, user: str, context: str, token: str) -> bytes | None:
        sql = (
            "SELECT jsonb_build_object('score', value)::text FROM scores"
            " WHERE user_name = %s AND context = %s AND token = %s"
        )
        rows = await self._database.query(sql, user, context, token)
        return rows[0][0].encode() if rows else None

    async def user(self, name: str) -> User | None:
        sql = "SELECT name, admin, salt, password_hash FROM users WHERE name = %s"
        for found, admin, salt, password_hash in await self._database.query(sql, name):
            return User(found, admin, bytes(salt), bytes(password_hash))
        return None

    async def session(self, user: str) -> StoredSession | None:
        sql = f"SELECT {_SESSION} FROM sessions WHERE user_name = %s"
        for row in await self._database.query(sql, user):
            return StoredSession(*row)
        return None

    async def put_session(self, session: StoredSession) -> None:
        sql = (
            f"INSERT INTO sessions ({_SESSION}) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (user_name) DO UPDATE SET admin = excluded.admin,"
            " secret_hash = excluded.secret_hash, began_at = excluded.began_at,"
            " seen_at = excluded.seen_at"
        )
        await self._database.change(sql, *astuple(session))

    async def note_session_seen(self, user: str) -> None:
        sql = "UPDATE sessions SET seen_at = %s WHERE user_name = %s"
        await self._database.change(sql, time.time(), user)

    async def delete_session(self, user: str) -> None:
        await self._database.change("DELETE FROM sessions WHERE user_name = %s", user)

    async def answers(self) -> bool:
        try:
            await self._database.query("SELECT 1")
            return True
        except RepositoryDown:
            return False

    async def close(self) -> None:
        await self._database.close()
