"""The system log: with syslog-enabled every line of the server's log goes there, too.

The C library writes to /dev/log. The server runs in a mount namespace of its own, in which /dev is a
folder with the few devices that it needs and a socket of the test's.
"""

from __future__ import annotations

import re
import socket
import subprocess
import unittest
from pathlib import Path

from process_case import ProcessCase

# $0: the folder to mount things in. $1: the socket. Then the command.
PRIVATE_DEV = """
set -e
mount -t tmpfs none "$0"
for device in null zero random urandom; do
  : > "$0/$device"
  mount --bind "/dev/$device" "$0/$device"
done
: > "$0/log"
mount --bind "$1" "$0/log"
mount --rbind "$0" /dev
shift
exec "$@"
"""
# A stock server's first lines are without its process.
LINE = re.compile(
    rb"<(\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d ([^\[:]+)(?:\[(\d+)\])?: (.*)", re.S
)
# From <syslog.h>.
FACILITY_USER, FACILITY_LOCAL0, FACILITY_LOCAL3 = 1 << 3, 16 << 3, 19 << 3
WARNING, NOTICE = 4, 5


class SystemLog(ProcessCase):
    def setUp(self):
        super().setUp()
        path = self.folder / "log"
        self.log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.log.close)
        self.log.bind(str(path))
        self.log.settimeout(10)
        dev = self.folder / "dev"
        dev.mkdir()
        self.wrapper = ["unshare", "--mount", "sh", "-c", PRIVATE_DEV, str(dev), str(path)]
        try:
            tried = subprocess.run([*self.wrapper, "true"], capture_output=True, timeout=20)
        except FileNotFoundError:
            raise unittest.SkipTest("there is no unshare here")
        if tried.returncode != 0:
            raise unittest.SkipTest(f"no mount namespace can be had: {tried.stderr.decode()}")

    def await_line(self, end: bytes) -> tuple[int, bytes, int, bytes]:
        """Priority, name, process and text of the next line that ends so."""
        while True:
            received = self.log.recv(65536)
            match = LINE.fullmatch(received)
            self.assertIsNotNone(match, received)
            if match[4].endswith(end):
                return int(match[1]), match[2], int(match[3] or 0), match[4]

    def test_lines_have_name_facility_and_level(self):
        server = self.start(
            *("--syslog-enabled", "yes", "--syslog-ident", "some name"),
            *("--syslog-facility", "local3"),
            wrapper=self.wrapper,
        )
        name = b"some name"
        self.assertEqual(
            self.await_line(b"Ready to accept connections")[:3],
            (FACILITY_LOCAL3 | NOTICE, name, server.pid),
        )
        self.assertIn("* Ready to accept connections", server.log())
        text = b"100% %s %n \xff"
        self.connect(server).call("DEBUG", "LOG", text)
        self.assertEqual(
            self.await_line(text)[:3], (FACILITY_LOCAL3 | WARNING, name, server.pid)
        )

    def test_the_facility_is_local0(self):
        self.start("--syslog-enabled", "yes", wrapper=self.wrapper)
        ready = self.await_line(b"Ready to accept connections")
        self.assertEqual(ready[0], FACILITY_LOCAL0 | NOTICE)

    def test_loglevel_holds_for_both(self):
        server = self.start(
            *("--syslog-enabled", "yes", "--syslog-facility", "user", "--loglevel", "warning"),
            wrapper=self.wrapper,
        )
        client = self.connect(server)
        client.call("DEBUG", "LOG", "the last one")
        for _ in range(100):
            priority, _, _, text = self.await_line(b"")
            self.assertEqual(priority, FACILITY_USER | WARNING, text)
            if text.endswith(b"the last one"):
                return
        self.fail("the last one has not come")

    def test_nothing_is_sent_unless_asked_for(self):
        self.connect(self.start(wrapper=self.wrapper)).call("DEBUG", "LOG", "x")
        self.log.setblocking(False)
        with self.assertRaises(BlockingIOError):
            self.log.recv(65536)
