#!/usr/bin/env python3
"""A private PostgreSQL: a cluster of its own in a temporary directory, a unix socket there, and a free
port of 127.0.0.1.

    postgres.py run PROGRAM [ARGUMENT...]    # runs a program with ALAI_POSTGRES_URL set; its exit status

A Postgres belongs to one thread. Its processes are ended by their ids, and they end with the thread that
started them, whatever becomes of it. Run by root, the cluster belongs to the user postgres, as
PostgreSQL wants it.
"""

from __future__ import annotations

import atexit
import ctypes
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0
SKIPPED = 77
SUPERUSER = "postgres"
PASSWORD = "correct horse"
PR_SET_PDEATHSIG = 1

# Nothing of the cluster outlives the test, so nothing has to reach the disk.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
}


class StartFailed(Exception):
    """The cluster could not be made, or the server did not answer."""


def programs() -> Path | None:
    """Where the newest PostgreSQL of this machine has its programs; nothing below version 15."""
    found = []
    for path in glob.glob("/usr/lib/postgresql/*/bin/postgres"):
        version = Path(path).parts[-3]
        if version.isdigit() and int(version) >= 15:
            found.append((int(version), Path(path).parent))
    return max(found)[1] if found else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def as_owner() -> dict:
    """Arguments of Popen: as the user postgres when this is root, as oneself otherwise."""
    if os.geteuid() != 0:
        return {}
    return {"user": SUPERUSER, "group": SUPERUSER, "extra_groups": []}


def end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


class Postgres:
    """A cluster whose superuser is `postgres`, trusted on the unix socket; over TCP the roles `app` and
    `postgres` need their password, PASSWORD."""

    def __init__(self, copy_of: Postgres | None = None, **settings: str):
        """With `copy_of`, which has been shut down: a standby of the same data, until promote()."""
        found = programs()
        if found is None:
            raise StartFailed("no PostgreSQL from 15 on (apt-get install postgresql)")
        self._programs = found
        self.settings = {**SETTINGS, **settings}
        self.directory = tempfile.mkdtemp(prefix="alai-pg-")
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)
        try:
            self._make_cluster(copy_of)
            self.start()
            if copy_of is not None:
                return
            self.psql(f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'", database="postgres")
            self.psql("CREATE DATABASE app OWNER app", database="postgres")
        except BaseException:
            self.close()
            raise

    # What libpq wants to hear.
    @property
    def url(self) -> str:
        """Over the unix socket, as the role app."""
        return f"postgresql://app@/app?host={self.directory}&port={self.port}"

    def tcp_url(self, port: int | None = None, password: str | None = PASSWORD) -> str:
        """Over TCP, by another port when something stands in between."""
        secret = "" if password is None else ":" + password.replace(" ", "%20")
        return f"postgresql://app{secret}@127.0.0.1:{port or self.port}/app"

    def psql(self, sql: str, database: str = "app", role: str = SUPERUSER) -> str:
        """Runs statements and gives what they print: rows as lines, columns parted by '|'."""
        command = [str(self._programs / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        command += ["-h", self.directory, "-p", str(self.port), "-U", role, "-d", database]
        done = subprocess.run(command, input=sql.encode(), capture_output=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr.decode(errors='replace')}\n{sql}")
        return done.stdout.decode().rstrip("\n")

    def start(self) -> None:
        """Starts the server, on the port that it had before if there was one."""
        for _ in range(5):
            port = self.port or free_port()
            self._spawn(port)
            if self._await_answer(port):
                self.port = port
                return
            if "Address already in use" not in self.log():
                break
        raise StartFailed(f"PostgreSQL did not start:\n{self.log()[-4000:]}")

    def stop(self) -> None:
        """A shutdown as an administrator does it: clients are disconnected."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """All its processes at once, as when the machine fails."""
        if self.process is None:
            return
        for pid in [*self.children(), self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(STOP_TIMEOUT_S)
        self.process = None
        # The next server waits for nobody who still holds the old one's shared memory.
        time.sleep(0.1)

    def promote(self) -> None:
        """From now on this standby takes writes."""
        self.psql("SELECT pg_promote()", database="postgres")

    def children(self) -> list[int]:
        assert self.process is not None
        pid = self.process.pid
        try:
            text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        except FileNotFoundError:
            return []
        return [int(word) for word in text.split()]

    def cpu_s(self) -> float:
        """Processor time of the server and of its backends, those that ended included, in seconds."""
        assert self.process is not None
        ticks = 0
        for pid in [self.process.pid, *self.children()]:
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except FileNotFoundError:
                continue
            ticks += int(fields[11]) + int(fields[12])
            if pid == self.process.pid:
                ticks += int(fields[13]) + int(fields[14])
        return ticks / os.sysconf("SC_CLK_TCK")

    def log(self) -> str:
        path = Path(self.directory, "log")
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self) -> None:
        """Ends it without regard for its data, and removes the directory."""
        if self.process is not None:
            self._end(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)
        atexit.unregister(self.close)

    def _make_cluster(self, copy_of: Postgres | None) -> None:
        if os.geteuid() == 0:
            owner = pwd.getpwnam(SUPERUSER)
            os.chown(self.directory, owner.pw_uid, owner.pw_gid)
        # Clients of every user reach the socket in it.
        os.chmod(self.directory, 0o755)
        if copy_of is not None:
            data = f"{self.directory}/data"
            for command in (["cp", "-a", f"{copy_of.directory}/data", data],
                            ["touch", f"{data}/standby.signal"]):
                subprocess.run(command, check=True, cwd="/", timeout=120, **as_owner())
            return
        command = [str(self._programs / "initdb"), "--no-sync", "-A", "trust", "-U", SUPERUSER]
        command += ["-E", "UTF8", "--locale=C.UTF-8", "-D", f"{self.directory}/data"]
        done = subprocess.run(command, capture_output=True, cwd="/", timeout=120, **as_owner())
        if done.returncode != 0:
            raise StartFailed(f"initdb: {done.stderr.decode(errors='replace')}")
        access = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        Path(self.directory, "data", "pg_hba.conf").write_text(access)

    def _spawn(self, port: int) -> None:
        command = [str(self._programs / "postgres"), "-D", f"{self.directory}/data"]
        command += ["-p", str(port), "-k", self.directory, "-h", "127.0.0.1"]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                preexec_fn=end_with_parent,
                **as_owner(),
            )

    def _await_answer(self, port: int) -> bool:
        command = [str(self._programs / "pg_isready"), "-q", "-h", self.directory, "-p", str(port)]
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if subprocess.run(command, capture_output=True).returncode == 0:
                return True
            time.sleep(0.02)
        self._end(signal.SIGQUIT)
        return False

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


def main() -> int:
    if len(sys.argv) < 3 or sys.argv[1] != "run":
        print(__doc__, file=sys.stderr)
        return 2
    if programs() is None:
        print("skipped: no PostgreSQL from 15 on is installed")
        return SKIPPED
    database = Postgres()
    try:
        environment = {
            **os.environ,
            "ALAI_POSTGRES_URL": database.url,
            "ALAI_POSTGRES_TCP_URL": database.tcp_url(),
        }
        return subprocess.run(sys.argv[2:], env=environment).returncode
    finally:
        database.close()


if __name__ == "__main__":
    sys.exit(main())
