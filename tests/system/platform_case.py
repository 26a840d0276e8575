"""The base of the tests of the platform: our server with the key classes of platform/alai.conf, the
application in front of it, and callers that speak HTTP to it.

Every process listens on a free loopback port and is ended by its process id.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import live_server
import wire
from live_server import LiveServer
from server_case import ServerCase, is_stock, wait_until

FOLDER = Path(__file__).resolve().parent / "platform"
SYSTEM_PYTHON = "/usr/bin/python3"
PASSWORD = "demonstration"
START_TIMEOUT_S = 60.0


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
        self.server = self.start("--include", str(FOLDER / "alai.conf"))
        self.cache = self.connect(self.server)
        self.app = self.start_app()
        self._addresses = 0

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


def timed(call) -> tuple[Answer, float]:
    began = time.monotonic()
    answer = call()
    return answer, time.monotonic() - began
