"""What tests of the server as a process share: a folder, starts that fail, processes to look at."""

from __future__ import annotations

import subprocess
import tempfile
import unittest
from pathlib import Path

import wire
from server_case import ServerCase, binary, is_stock, wait_until


def own(test):
    """A test of what a stock server does not have."""
    return unittest.skipIf(is_stock(), "of our own server only")(test)


class ProcessCase(ServerCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="alai-config-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_bytes(text.encode())
        return str(path)

    def run_server(self, *args: str, text_in: str = "", **settings: object):
        """Runs the server to its end; for starts that fail."""
        return subprocess.run(
            [binary(), *args],
            input=text_in.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=20,
            cwd=self.folder,
            **settings,
        )

    def spawn(self, *args: str, **settings: object) -> subprocess.Popen[bytes]:
        """Starts the server as it is, with standard output in the file `out`."""
        with open(self.folder / "out", "ab") as out:
            process = subprocess.Popen(
                [binary(), *args],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                **settings,
            )

        def end() -> None:
            if process.poll() is None:
                process.kill()
            process.wait()

        self.addCleanup(end)
        return process

    def out(self) -> str:
        return (self.folder / "out").read_text(errors="replace")

    def await_port(self, port: int) -> wire.Connection:
        connection: list[wire.Connection] = []

        def connected() -> bool:
            try:
                connection.append(wire.Connection(("127.0.0.1", port)))
            except OSError:
                return False
            return True

        self.assertTrue(wait_until(connected), msg=self.out())
        self.addCleanup(connection[0].close)
        return connection[0]
