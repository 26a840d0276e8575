"""A pgbouncer in front of a private PostgreSQL, in transaction mode: each transaction may run in another
session. It listens on a free port of 127.0.0.1 and is ended by its process id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import postgres

PROGRAMS = ("/usr/sbin/pgbouncer", "/usr/bin/pgbouncer")
START_TIMEOUT_S = 10.0

SETTINGS = """
[databases]
app = host={database.directory} port={database.port} dbname=app user=app

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 200
server_round_robin = 1
"""


def program() -> str | None:
    return next((path for path in PROGRAMS if os.access(path, os.X_OK)), None)


class Pgbouncer:
    def __init__(self, database: postgres.Postgres, sessions: int = 4):
        """`sessions`: as many with the database, used in turn."""
        self.directory = tempfile.mkdtemp(prefix="alai-pgbouncer-")
        os.chmod(self.directory, 0o755)
        self.port = postgres.free_port()
        path = Path(self.directory, "pgbouncer.ini")
        path.write_text(SETTINGS.format(database=database, port=self.port, sessions=sessions))
        with open(Path(self.directory, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [program(), str(path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                preexec_fn=postgres.end_with_parent,
                **postgres.as_owner(),
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.close()
                    raise postgres.StartFailed("pgbouncer did not start") from None
                time.sleep(0.02)

    @property
    def url(self) -> str:
        return f"postgresql://app@127.0.0.1:{self.port}/app"

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10.0)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
