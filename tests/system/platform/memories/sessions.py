"""Login, check and logout.

A token is `<user>.<secret>`. The cache has the hash of the secret under `session:<user>`, whose
class gives it half an hour and slides: reading it is all that keeps it alive. The repository has it
too, for the time in which there is no cache.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass

from . import keys
from .cache import Cache, CacheDown
from .repository import Repository, StoredSession, User
from .settings import Settings

# Cost of scrypt: about 16 MB and 30 ms a login.
SCRYPT_N = 1 << 14
SCRYPT_R = 8


@dataclass(frozen=True)
class Session:
    user: str
    admin: bool


def hash_password(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=1)


# A login of nobody takes as long as one with a wrong password.
_NOBODY = User("", False, b"nobody", b"")


class Sessions:
    def __init__(self, cache: Cache, repository: Repository, settings: Settings):
        self._cache = cache
        self._repository = repository
        self._settings = settings

    async def login(self, name: str, password: str) -> str | None:
        """The token of a new session, which takes the place of the user's earlier one."""
        user = await self._repository.user(name) or _NOBODY
        given = await asyncio.to_thread(hash_password, password, user.salt)
        if not hmac.compare_digest(given, user.password_hash):
            return None
        secret = secrets.token_urlsafe(32)
        now = time.time()
        session = StoredSession(user.name, user.admin, _hash(secret), now, now)
        await self._repository.put_session(session)
        await self._put(session)
        return f"{user.name}.{secret}"

    async def check(self, token: str) -> Session | None:
        name, _, secret = token.partition(".")
        try:
            key = keys.session(name)
        except keys.BadName:
            return None
        try:
            cached = await self._cache.get(key)
        except CacheDown:
            return await self._check_without_cache(name, secret)
        if cached is None:
            return await self._restore(name, secret)
        content = json.loads(cached)
        return _if_right(secret, content["secret_hash"], Session(name, content["admin"]))

    async def logout(self, session: Session) -> None:
        """Raises CacheDown, and has ended nothing, when the cache cannot be told: it might come
        back with the session in it. The repository goes first, or a check that comes between would
        restore the session from there."""
        stored = await self._repository.session(session.user)
        await self._repository.delete_session(session.user)
        try:
            await self._cache.forget_user(session.user)
        except CacheDown:
            if stored is not None:
                await self._repository.put_session(stored)
            raise

    async def _put(self, session: StoredSession) -> None:
        content = {"secret_hash": session.secret_hash, "admin": session.admin}
        try:
            await self._cache.set(keys.session(session.user), json.dumps(content).encode())
        except CacheDown:
            pass  # checks go to the repository until the cache is back, and then restore it

    async def _check_without_cache(self, name: str, secret: str) -> Session | None:
        stored = await self._repository.session(name)
        if stored is None or time.time() - stored.began_at > self._settings.session_age_max_s:
            return None
        session = _if_right(secret, stored.secret_hash, Session(name, stored.admin))
        if session is not None:
            await self._repository.note_session_seen(name)
        return session

    async def _restore(self, name: str, secret: str) -> Session | None:
        """A session that the cache does not have has been idle for too long, unless the cache was
        restarted since it was seen."""
        stored = await self._repository.session(name)
        if stored is None or time.time() - stored.seen_at > self._settings.session_idle_max_s:
            return None
        session = _if_right(secret, stored.secret_hash, Session(name, stored.admin))
        if session is not None:
            await self._put(stored)
        return session


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _if_right(secret: str, secret_hash: str, session: Session) -> Session | None:
    return session if hmac.compare_digest(_hash(secret), secret_hash) else None
