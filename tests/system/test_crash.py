"""What a crash leaves behind: a report, in the log, of what was being done."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import resource
import signal
import time
import unittest
from pathlib import Path

import live_server
import wire
from process_case import ProcessCase, own
from server_case import is_stock


class CrashReport(ProcessCase):
    def crashed(self, how: signal.Signals, *options: str) -> str:
        port = live_server.free_port()
        no_core = lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        process = self.spawn("--port", str(port), "--save", "", *options, preexec_fn=no_core)
        self.await_port(port).call("PING")
        os.kill(process.pid, how)
        status = process.wait(20)
        if not is_stock():  # whose report may crash, too
            self.assertEqual(status, -how)
        return self.out()

    def test_signals(self):
        for how in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT):
            with self.subTest(how.name):
                report = self.crashed(how)
                self.assertIn("BUG REPORT START: Cut & paste starting from here ===", report)
                self.assertIn(f"crashed by signal: {int(how)}", report)
                self.assertIn("------ STACK TRACE ------", report)
                self.assertIn("------ REGISTERS ------", report)
                if not is_stock():
                    self.assertIn("BUG REPORT END. Make sure to include from START", report)
                (self.folder / "out").unlink()

    @own
    def test_what_the_worker_was_doing(self):
        """The report of a worker names its function and its command, but nothing that users sent."""
        log = self.folder / "x.log"
        ways = {
            "SEGFAULT": (signal.SIGSEGV, "8Segfault", None),
            "PANIC": (signal.SIGABRT, "5Panic", "DEBUG PANIC"),
            "ASSERT": (signal.SIGABRT, "6Assert", "'1 == 2' is not true"),
            "OOM": (signal.SIGABRT, "11OutOfMemory", "out of memory"),
        }
        for way, (how, function, reason) in ways.items():
            for redact in ("yes", "no"):
                with self.subTest(way, redact=redact):
                    log.unlink(missing_ok=True)
                    report = self.report_of(way, how, log, redact)
                    trace = report.split("STACK TRACE")[1].split("------ REGISTERS")[0]
                    self.assertRegex(trace, rf"(?m)^_Z\S*{function}\S*\+0x[0-9a-f]{{4}} \[0x")
                    self.assertRegex(trace, r"(?m)^_Z\S*(6Worker3Run|6Server3Run)")
                    if reason is not None:
                        self.assertRegex(report, rf"Assertion failed: \S+\.cc:\d+ .*{reason}")
                        self.assertIn("=== ASSERTION FAILED ===", self.out())
                    command = report.split("------ CURRENT COMMAND ------")[1]
                    self.assertRegex(command, r"client: id=\d+ db=3\nargv\[0\]: debug\n")
                    shown = f"argv[1]: {way}" if redact == "no" else f"argv[1]: {len(way)} bytes"
                    self.assertIn(shown, command)

    def report_of(self, way: str, how: signal.Signals, log: Path, redact: str) -> str:
        port = live_server.free_port()
        process = self.spawn(
            *("--port", str(port), "--save", "", "--io-threads", "2", "--logfile", str(log)),
            *("--enable-debug-command", "yes", "--hide-user-data-from-log", redact),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
        )
        connection = self.await_port(port)
        connection.call("SELECT", 3)
        connection.send(wire.encode([b"debug", way.encode()]))
        self.assertEqual(process.wait(20), -how)
        return log.read_text()

    @own
    def test_a_command_that_goes_on_over_many_turns(self):
        """The signal may meet the worker between two turns, so a few servers have to die."""
        for _ in range(10):
            report = self.report_during_keys()
            command = report.split("------ CURRENT COMMAND ------")[1]
            if re.search(r"client: id=\d+ db=0\nargv\[0\]: KEYS\nargv\[1\]: 8 bytes\n", command):
                return
        self.fail(report)

    def report_during_keys(self) -> str:
        log = self.folder / "keys.log"
        log.unlink(missing_ok=True)
        port = live_server.free_port()
        process = self.spawn(
            *("--port", str(port), "--save", "", "--io-threads", "1", "--logfile", str(log)),
            *("--enable-debug-command", "yes"),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
        )
        connection = self.await_port(port)
        connection.call("DEBUG", "POPULATE", 200_000)
        connection.send(wire.encode([b"KEYS", b"*nothing"]) * 100)
        time.sleep(0.05)
        self.assertEqual(send_to_thread(process.pid, "alai-0", signal.SIGSEGV), 0)
        self.assertEqual(process.wait(20), -signal.SIGSEGV)
        return log.read_text()

    @own
    def test_settings_hold_at_once(self):
        for name, value, expected in (
            ("hide-user-data-from-log", "no", "argv[1]: ASSERT"),
            ("crash-log-enabled", "no", None),
        ):
            log = self.folder / f"{name}.log"
            port = live_server.free_port()
            process = self.spawn(
                *("--port", str(port), "--save", "", "--logfile", str(log)),
                *("--enable-debug-command", "yes"),
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
            )
            connection = self.await_port(port)
            self.assertEqual(connection.call("CONFIG", "SET", name, value), wire.Status(b"OK"))
            connection.send(wire.encode([b"DEBUG", b"ASSERT"]))
            self.assertEqual(process.wait(20), -signal.SIGABRT)
            if expected is None:
                self.assertNotIn("BUG REPORT", log.read_text())
            else:
                self.assertIn(expected, log.read_text())

    def test_it_goes_to_the_log_file(self):
        log = self.folder / "x.log"
        self.assertNotIn("BUG REPORT", self.crashed(signal.SIGSEGV, "--logfile", str(log)))
        self.assertIn("BUG REPORT END", log.read_text())

    def test_it_can_be_turned_off(self):
        report = self.crashed(signal.SIGSEGV, "--crash-log-enabled", "no")
        self.assertNotIn("BUG REPORT", report)


def send_to_thread(pid: int, name: str, signal_number: int) -> int:
    """Sends a signal to the thread of this name; gives what the kernel says."""
    tgkill = {"x86_64": 234, "aarch64": 131}[platform.machine()]
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return ctypes.CDLL(None).syscall(tgkill, pid, int(task.name), int(signal_number))
    raise AssertionError(f"no thread {name}")


if __name__ == "__main__":
    unittest.main()
