"""The base of the tests of the platform: our server with the key classes of platform/alai.conf, the
application in front of it, and callers that speak HTTP to it. DatabaseCase adds a PostgreSQL with the
platform's tables, from which our server answers by the rules of platform/origin.conf.

Every process listens on a free loopback port and is ended by its process id.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import live_server
import wire
from live_server import LiveServer
from postgres_case import PostgresCase
from server_case import ServerCase, is_stock, wait_until

FOLDER = Path(__file__).resolve().parent / "platform"
SYSTEM_PYTHON = "/usr/bin/python3"
PASSWORD = "demonstration"
START_TIMEOUT_S = 60.0
# Longer than any pause of a busy machine.
PATIENCE_MS = 20_000


def memory_id(day: int) -> str:
    """Of the demonstration's memories."""
    return f"00000000-0000-4000-8000-{day:012x}"


def memory_ids(first: int, last: int) -> list[str]:
    return [memory_id(day) for day in range(first, last + 1)]


def memory(day: int) -> str:
    """Where a memory is read."""
    return f"/memories/{memory_id(day)}"


def user_id(number: int) -> str:
    """Of the users of platform/demonstration.sql."""
    return f"00000000-0000-4000-9000-{number:012x}"


def profile(number: int) -> str:
    return f"/users/{user_id(number)}"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    def number(self, header: str) -> int:
        return int(self.headers[header])

    @property
    def cache(self) -> str | None:
        return self.headers["X-Cache"]


class App:
    """One process of the application. `settings` are those of memories/settings.py."""

    def __init__(self, cache: LiveServer, **settings: object):
        self.port = live_server.free_port()
        self._log_path = os.path.join(cache.directory, f"app-{self.port}.log")
        chosen = {"cache_port": cache.port, **settings}
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        environment.update({name.upper(): str(value) for name, value in chosen.items()})
        command = [SYSTEM_PYTHON, "-m", "uvicorn", "--factory", "memories.demo:create"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--no-access-log"]
        with open(self._log_path, "ab") as log:
            self._process = subprocess.Popen(
                command, cwd=FOLDER, env=environment, stdout=log, stderr=log
            )

    def ready(self) -> bool:
        try:
            with contextlib.closing(Caller(self)) as caller:
                return caller.get("/health").status == 200
        except OSError:
            return False

    def log(self) -> str:
        return Path(self._log_path).read_text(errors="replace")[-4000:]

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class Caller:
    """Somebody with one HTTP connection, an address, and a token after login(). For one thread."""

    def __init__(self, app: App, token: str | None = None, address: str | None = None):
        self._connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=30.0)
        self.token = token
        self.address = address

    def close(self) -> None:
        self._connection.close()

    def get(self, path: str) -> Answer:
        return self._call("GET", path)

    def post(self, path: str, content: object = None) -> Answer:
        return self._call("POST", path, content)

    def put(self, path: str, content: object) -> Answer:
        return self._call("PUT", path, content)

    def patch(self, path: str, content: object) -> Answer:
        return self._call("PATCH", path, content)

    def delete(self, path: str) -> Answer:
        return self._call("DELETE", path)

    def login(self, user: str, password: str = PASSWORD) -> Answer:
        answer = self.post("/login", {"user": user, "password": password})
        if answer.status == 200:
            self.token = answer.json["token"]
        return answer

    def _call(self, method: str, path: str, content: object = None) -> Answer:
        headers = {}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.address is not None:
            headers["X-Forwarded-For"] = self.address
        body = None
        if content is not None:
            body = json.dumps(content)
            headers["Content-Type"] = "application/json"
        self._connection.request(method, path, body, headers)
        reply = self._connection.getresponse()
        return Answer(reply.status, reply.headers, reply.read())


class PlatformCase(ServerCase):
    def setUp(self):
        if is_stock():
            self.skipTest("a stock server has no key classes")
        super().setUp()
        self.server = self.start_cache()
        self.cache = self.connect(self.server)
        self.app = self.start_app()
        self._addresses = 0

    def start_cache(self) -> LiveServer:
        return self.start("--include", str(FOLDER / "alai.conf"))

    def start_app(self, **settings: object) -> App:
        app = App(self.server, **settings)
        self.addCleanup(app.end)
        self.assertTrue(wait_until(app.ready, START_TIMEOUT_S), msg=app.log())
        return app

    def caller(self, app: App | None = None, token: str | None = None) -> Caller:
        """Each has an address of its own, as if a proxy had said so."""
        self._addresses += 1
        caller = Caller(app or self.app, token, f"10.0.0.{self._addresses}")
        self.addCleanup(caller.close)
        return caller

    def logged_in(self, user: str, app: App | None = None) -> Caller:
        caller = self.caller(app)
        answer = caller.login(user)
        self.assertEqual(answer.status, 200, msg=answer.body)
        return caller

    def figures(self, key_class: str) -> dict[str, str]:
        """What KEYCLASS STATS says of a class."""
        reply = self.cache.call("KEYCLASS", "STATS", key_class)
        self.assertIsInstance(reply, list, msg=reply)
        words = [str(word) if isinstance(word, int) else word.decode() for word in reply]
        return dict(zip(words[::2], words[1::2]))

    def keys(self, pattern: str) -> list[str]:
        return sorted(key.decode() for key in self.cache.call("KEYS", pattern))

    def kill_cache(self) -> None:
        self.cache.close()
        self.server.process.kill()
        self.server.process.wait()

    def restart_cache(self) -> None:
        self.server.start(port=self.server.port)
        self.cache = self.connect(self.server)


class DatabaseCase(PlatformCase, PostgresCase):
    """What changes in the tables is heard of by the cache."""

    # The database counts what it is asked.
    settings = {"shared_preload_libraries": "pg_stat_statements"}
    RULES = ("memory", "timeline", "profile", "score")
    # What the database is asked by a rule; nobody else asks like this.
    RULE_QUERY = "query LIKE 'SELECT alai_key.%' AND query LIKE '%{table}%'"

    def start_cache(self) -> LiveServer:
        for name in ("schema.sql", "demonstration.sql"):
            self.sql((FOLDER / name).read_text())
        self.database.psql("CREATE EXTENSION pg_stat_statements SCHEMA public")
        self.forget_queries()
        folder = tempfile.TemporaryDirectory(prefix="alai-platform-")
        self.addCleanup(folder.cleanup)
        rules = Path(folder.name, "origin.conf")
        rules.write_text(self.patient((FOLDER / "origin.conf").read_text()))
        words = ["--include", str(FOLDER / "alai.conf"), "--include", str(rules)]
        server = self.start(*words, "--origin-url", self.database.url)
        with server.connect(30.0) as client:
            for name in self.RULES:
                self.assertEqual(client.call("ORIGIN", "INSTALL", name).text, b"OK")
        self.await_listening(server)
        return server

    @staticmethod
    def patient(rules: str) -> str:
        """The rules for a machine that is busy: what is over after a while there is not over in a test."""
        rules = rules.replace("timeout-ms 400", f"timeout-ms {PATIENCE_MS}")
        return rules.replace("negative-ttl 30", "negative-ttl 3600")

    def start_app(self, **settings: object) -> App:
        patience_s = 2 * PATIENCE_MS / 1000
        chosen = {"database_url": self.database.url, "cache_timeout_s": patience_s, **settings}
        return super().start_app(**chosen)

    def await_listening(self, server: LiveServer) -> None:
        heard = lambda: self.info(server, "origin")["origin_listening"] == "1"
        self.assertTrue(wait_until(heard, 60.0), msg=server.log_tail())

    def figures_of_rule(self, rule: str) -> dict[str, float]:
        """What ORIGIN STATS says in numbers."""
        words = self.cache.call("ORIGIN", "STATS", rule)
        said = {name.decode(): value for name, value in zip(words[::2], words[1::2])}
        del said["breaker"]
        return {name: float(value) for name, value in said.items()}

    def forget_queries(self) -> None:
        """Those that the database has counted."""
        self.database.psql("SELECT FROM public.pg_stat_statements_reset()")

    def queries(self, table: str = "") -> int:
        """How many queries of rules the database has answered, of those of a table."""
        which = self.RULE_QUERY.format(table=table)
        sql = f"SELECT coalesce(sum(calls), 0) FROM public.pg_stat_statements WHERE {which}"
        return int(self.database.psql(sql))

    def await_answer(self, caller: Caller, path: str, holds) -> Answer:
        """Asks until the answer is one for which this holds; changes take a moment."""
        last: list[Answer] = []

        def arrived() -> bool:
            last[:] = [caller.get(path)]
            return holds(last[0])

        self.assertTrue(wait_until(arrived, 30.0), msg=f"{path}: {last[0].status} {last[0].body!r}")
        return last[0]


def timed(call) -> tuple[Answer, float]:
    began = time.monotonic()
    answer = call()
    return answer, time.monotonic() - began
