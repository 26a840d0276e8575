"""What system tests share: a server for each test, and ends that are checked.

ALAI_SERVER names the binary to test (default: the newest build/*/alai-server). A stock redis-server
there shows whether a test's expectations are true of it, too.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "commands"))

import live_server
import wire
from live_server import LiveServer

CLEAN_ENDS = (0, -9)
POLL_S = 0.01


def binary() -> str:
    return os.environ.get("ALAI_SERVER") or live_server.default_server()


def is_stock() -> bool:
    return "redis" in os.path.basename(binary())


def build_directory() -> Path:
    """Where tests may leave what they have fetched."""
    return Path(os.environ.get("ALAI_BUILD_DIR", live_server.REPOSITORY / "build" / "debug"))


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(POLL_S)
    return condition()


class ServerCase(unittest.TestCase):
    """A test case whose servers must end well: neither by a crash nor by a sanitizer."""

    def start(self, *options: str, **settings: object) -> LiveServer:
        server = LiveServer(binary(), ["--enable-debug-command", "yes", *options], **settings)
        self.addCleanup(self._end, server)
        return server

    def _end(self, server: LiveServer) -> None:
        try:
            status = server.end()
            self.assertIn(status, CLEAN_ENDS, msg=server.log_tail())
        finally:
            server.stop()

    def connect(self, server: LiveServer, timeout_s: float = 10.0) -> wire.Connection:
        connection = server.connect(timeout_s)
        self.addCleanup(connection.close)
        return connection

    def info(self, server: LiveServer, section: str = "everything") -> dict[str, str]:
        with server.connect() as connection:
            text = connection.call("INFO", section).decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def run_program(
        self, *command: str, seconds: float = 60.0, text_in: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a program that must succeed."""
        done = subprocess.run(command, input=text_in, capture_output=True, timeout=seconds)
        shown = (done.stdout + done.stderr).decode("utf-8", "replace")[-4000:]
        self.assertEqual(done.returncode, 0, msg=f"{' '.join(command)}\n{shown}")
        return done


def allow_open_files(wanted: int) -> int:
    """Raises this process's limit towards `wanted`; gives what there is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = min(max(wanted, soft), hard) if hard != resource.RLIM_INFINITY else max(wanted, soft)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


class HealthyClient:
    """A client that keeps asking while something bad happens to the server, and notes how long it
    had to wait. Inside its `with` block it runs a thread of its own."""

    def __init__(self, server: LiveServer, pause_s: float = 0.002):
        self._connection = server.connect(30.0)
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.replies = 0
        self.slowest_s = 0.0
        self.problem: str | None = None

    def __enter__(self) -> HealthyClient:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60.0)
        self._connection.close()

    def _run(self) -> None:
        number = 0
        try:
            while not self._stop.is_set():
                number += 1
                value = b"%d" % number
                began = time.monotonic()
                self._connection.call("SET", "healthy", value)
                read = self._connection.call("GET", "healthy")
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)
                if read != value:
                    self.problem = f"GET said {read!r} instead of {value!r}"
                    return
                self.replies += 1
                time.sleep(self._pause_s)
        except Exception as problem:  # whatever it is, the test reports it
            self.problem = f"{type(problem).__name__}: {problem}"

    def check(self, case: unittest.TestCase, slowest_s: float = 1.0) -> None:
        """After the block: nothing failed, something was answered, nothing took too long."""
        case.assertIsNone(self.problem)
        case.assertGreater(self.replies, 0)
        case.assertLess(self.slowest_s, slowest_s)
