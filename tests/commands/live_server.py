"""A server process under test: started on a free loopback port in a directory of its own, and ended
by its process id.

A LiveServer belongs to one thread. Whatever happens to the test, the process and its directory are
gone when the interpreter exits.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from wire import BadReply, Closed, Connection, Error

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 20.0
PORT_TRIES = 5
LOG_TAIL_LINES = 40

REPOSITORY = Path(__file__).resolve().parents[2]


class StartFailed(Exception):
    """The server exited, or never answered."""


def default_server() -> str:
    """The newest alai-server among the build directories."""
    built = list(REPOSITORY.glob("build/*/alai-server"))
    if not built:
        raise StartFailed("no build/*/alai-server: build it, or pass --server PATH")
    return str(max(built, key=lambda path: path.stat().st_mtime))


def stock_server() -> str:
    """The stock redis-server that expectations are proven against."""
    found = shutil.which("redis-server")
    if found is None:
        raise StartFailed("redis-server is not installed (apt-get install redis-server)")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LiveServer:
    """`options` are directives as on a command line: ["--timeout", "5", ...]."""

    def __init__(
        self,
        binary: str,
        options: list[str] | None = None,
        *,
        wrapper: list[str] | None = None,
        host: str = "127.0.0.1",
        password: str | None = None,
        await_ready: bool = True,
        directory: str | None = None,
    ):
        self.binary = binary
        self.host = host
        self.password = password
        self.options = list(options or [])
        self._wrapper = list(wrapper or [])
        self._owns_directory = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="alai-test-")
        self.log_path = os.path.join(self.directory, "server.log")
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        atexit.register(self.stop)
        try:
            self.start(await_ready)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> LiveServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def address(self) -> tuple[str, int]:
        return (self.host, self.port)

    def start(self, await_ready: bool = True, port: int | None = None) -> None:
        """Starts the process; another program may take the chosen port first, so tries a few."""
        for attempt in range(PORT_TRIES):
            self.port = port or free_port()
            self._spawn()
            if not await_ready or self._await_ready():
                return
            if "in use" not in self.log() or attempt == PORT_TRIES - 1:
                raise StartFailed(f"{self.binary} did not start:\n{self.log_tail()}")

    def connect(self, timeout_s: float = 10.0) -> Connection:
        connection = Connection(self.address, timeout_s)
        if self.password is not None:
            connection.call("AUTH", self.password)
        return connection

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def log(self) -> str:
        try:
            return Path(self.log_path).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def log_tail(self) -> str:
        return "\n".join(self.log().splitlines()[-LOG_TAIL_LINES:])

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal, waits for the exit and gives its status (negative: the signal)."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def stop(self) -> None:
        """Ends the process without regard for it and removes its directory."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._owns_directory:
            shutil.rmtree(self.directory, ignore_errors=True)
        atexit.unregister(self.stop)

    def _spawn(self) -> None:
        command = [*self._wrapper, self.binary, "--port", str(self.port), "--dir", self.directory]
        command += ["--save", "", *self.options]
        if "--bind" not in self.options:
            command += ["--bind", self.host]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def _await_ready(self) -> bool:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self.alive():
            try:
                with Connection(self.address, 1.0) as connection:
                    reply = connection.call("PING")
                    if not isinstance(reply, Error) or not reply.text.startswith(b"LOADING"):
                        return self.alive()
            except (OSError, Closed, BadReply):
                pass
            time.sleep(0.005)
        return False
