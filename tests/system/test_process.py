"""The server as a process: how it starts, logs, ends, and what a sudden death leaves behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest
from pathlib import Path

import wire
from server_case import ServerCase, binary, is_stock, wait_until

PONG = wire.Status(b"PONG")


class Endings(ServerCase):
    def test_sigterm_and_sigint_end_orderly(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            pidfile = f"/tmp/alai-{os.getpid()}-{how}.pid"
            server = self.start("--pidfile", pidfile)
            self.assertEqual(Path(pidfile).read_text().strip(), str(server.pid))
            client = self.connect(server)
            client.call("SET", "k", "v")
            self.assertEqual(server.end(how), 0)
            self.assertEqual(client.drain(), b"")
            self.assertFalse(os.path.exists(pidfile))
            self.assertRegex(
                server.log(), r"(?s)# User requested shutdown.*# .* is now ready to exit, bye bye"
            )

    @unittest.skipIf(is_stock(), "of our own server only")
    def test_who_asks_for_a_save_is_told_that_there_is_none(self):
        for arguments in (["SHUTDOWN", "SAVE"], ["SHUTDOWN"], ["SHUTDOWN", "NOSAVE"]):
            server = self.start()
            self.connect(server).send(wire.encode([word.encode() for word in arguments]))
            self.assertEqual(server.process.wait(10), 0, msg=server.log_tail())
            said = "# SAVE was asked for, but nothing is saved" in server.log()
            self.assertEqual(said, "SAVE" in arguments, msg=server.log_tail())
        server = self.start("--shutdown-on-sigterm", "save")
        self.assertEqual(server.end(), 0)
        self.assertIn("# SAVE was asked for, but nothing is saved", server.log())

    def test_an_interrupt_while_it_ends_already(self):
        """Only a second interrupt ends it in disorder."""
        for _ in range(20):
            server = self.start()
            client = self.connect(server)
            client.send(wire.encode([b"SHUTDOWN", b"NOSAVE"]))
            server.process.send_signal(signal.SIGINT)
            self.assertEqual(server.process.wait(10), 0, msg=server.log_tail())

    def test_sigterm_under_load(self):
        server = self.start()
        clients = [server.connect() for _ in range(20)]
        stop = threading.Event()

        def load(client: wire.Connection) -> None:
            try:
                while not stop.is_set():
                    client.send(wire.encode([b"INCR", b"n"]) * 100)
                    for _ in range(100):
                        client.read()
            except (wire.Closed, OSError):
                pass

        threads = [threading.Thread(target=load, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        self.assertEqual(server.end(), 0)
        stop.set()
        for thread in threads:
            thread.join(10.0)
            self.assertFalse(thread.is_alive())
        for client in clients:
            client.close()

    def test_shutdown_command_under_pause(self):
        server = self.start()
        client = self.connect(server)
        client.call("CLIENT", "PAUSE", "60000", "WRITE")
        waiting = self.connect(server)
        waiting.send(wire.encode([b"SET", b"k", b"v"]))
        client.send(wire.encode([b"SHUTDOWN", b"NOSAVE"]))
        self.assertTrue(wait_until(lambda: not server.alive()))
        self.assertEqual(server.process.returncode, 0)

    def test_killed_while_loading_and_started_again(self):
        server = self.start()
        loader = server.connect()
        loading = threading.Thread(target=self.load_until_closed, args=(loader,))
        loading.start()
        self.assertTrue(
            wait_until(lambda: int(self.info(server)["total_commands_processed"]) > 20_000)
        )
        port = server.port
        self.assertEqual(server.end(signal.SIGKILL), -signal.SIGKILL)
        loading.join(10.0)
        self.assertFalse(loading.is_alive())
        server.start(port=port)
        client = self.connect(server)
        self.assertEqual(client.call("DBSIZE"), 0)
        self.assertEqual(client.call("SET", "k", "v"), wire.Status(b"OK"))

    def load_until_closed(self, client: wire.Connection) -> None:
        try:
            for start in range(0, 10_000_000, 1000):
                client.send(
                    b"".join(
                        wire.encode([b"SET", b"k%d" % i, b"x" * 100])
                        for i in range(start, start + 1000)
                    )
                )
                for _ in range(1000):
                    client.read()
        except (wire.Closed, OSError):
            pass
        finally:
            client.close()

    def test_a_crash_leaves_a_report(self):
        server = self.start()
        client = self.connect(server)
        client.call("SET", "secret-key", "secret-value")
        client.send(wire.encode([b"DEBUG", b"SEGFAULT"]))
        self.assertEqual(client.drain(), b"")
        self.assertTrue(wait_until(lambda: not server.alive()))
        self.assertLess(server.process.returncode, 0)
        log = server.log()
        self.assertIn("BUG REPORT START", log)
        self.assertRegex(log, r"(?i)crashed by signal: 11|signal 11|SIGSEGV")
        self.assertRegex(log, r"(?i)stack trace")
        self.assertNotIn("secret-value", log)
        server.start()


class Sleep(ServerCase):
    def test_a_sleeping_server_serves_nobody(self):
        """What DEBUG SLEEP is for: seeing what clients do whose server hangs."""
        server = self.start("--io-threads", "4") if not is_stock() else self.start()
        clients = [self.connect(server) for _ in range(8)]
        for client in clients:
            self.assertEqual(client.call("PING"), PONG)
        sleeper = self.connect(server)
        began = time.monotonic()
        sleeper.send(wire.encode([b"DEBUG", b"SLEEP", b"0.6"]))
        time.sleep(0.2)
        for client in clients:
            client.send(b"PING\r\n")
        for client in clients:
            self.assertEqual(client.read(), PONG)
            self.assertGreaterEqual(time.monotonic() - began, 0.55)
        self.assertEqual(sleeper.read(), wire.Status(b"OK"))
        self.assertLess(time.monotonic() - began, 5.0)


class Logs(ServerCase):
    def setUp(self):
        self.path = f"/tmp/alai-{os.getpid()}-{time.monotonic_ns()}.log"
        self.addCleanup(lambda: [p.unlink() for p in Path("/tmp").glob(Path(self.path).name + "*")])

    def test_form(self):
        server = self.start("--logfile", self.path)
        log = Path(self.path).read_text()
        self.assertIn("Ready to accept connections", log)
        for line in log.splitlines():
            if line.strip() and re.match(r"\d+:[MSXC] ", line):
                self.assertRegex(
                    line, r"^%d:[MC] \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} [.\-*#] \S" % server.pid
                )
        self.assertRegex(log, r"(?m)^%d:M .* \* Ready to accept connections" % server.pid)

    def test_a_file_moved_away_is_opened_anew(self):
        server = self.start("--logfile", self.path)
        client = self.connect(server)
        os.rename(self.path, self.path + ".1")
        os.kill(server.pid, signal.SIGHUP)
        time.sleep(0.1)
        client.call("DEBUG", "LOG", "after the move")
        self.assertTrue(
            wait_until(
                lambda: os.path.exists(self.path)
                and "after the move" in Path(self.path).read_text()
            )
        )
        self.assertNotIn("after the move", Path(self.path + ".1").read_text())
        self.assertEqual(client.call("PING"), PONG)

    def test_levels(self):
        server = self.start("--logfile", self.path, "--loglevel", "warning")
        client = self.connect(server)
        self.assertNotIn("Ready to accept connections", Path(self.path).read_text())
        client.call("CONFIG", "SET", "loglevel", "verbose")
        client.send(b"*x\r\n")
        client.drain()
        self.assertTrue(wait_until(lambda: "Protocol error" in Path(self.path).read_text()))


class Starts(ServerCase):
    def fails(self, *arguments: str) -> str:
        done = subprocess.run([binary(), *arguments], capture_output=True, timeout=20)
        self.assertNotEqual(done.returncode, 0)
        return (done.stdout + done.stderr).decode("utf-8", "replace")

    def test_a_port_in_use(self):
        server = self.start()
        text = self.fails("--port", str(server.port), "--bind", "127.0.0.1")
        self.assertIn("Could not create server TCP listening socket", text)
        self.assertIn("Address already in use", text)
        with server.connect() as client:
            self.assertEqual(client.call("PING"), PONG)

    def test_version_and_help(self):
        for option in ("--version", "-v", "--help", "-h"):
            done = subprocess.run([binary(), option], capture_output=True, timeout=20)
            self.assertEqual(done.returncode, 1 if option in ("--help", "-h") else 0, msg=option)
            self.assertTrue(done.stdout + done.stderr)

    def test_unknown_and_wrong_directives(self):
        self.assertIn(
            "Bad directive or wrong number of arguments", self.fails("--no-such-directive", "1")
        )
        text = self.fails("--timeout", "abc")
        self.assertIn("FATAL CONFIG FILE ERROR", text)
        self.assertIn("argument couldn't be parsed into an integer", text)

    def test_daemonize(self):
        pidfile = f"/tmp/alai-{os.getpid()}-daemon.pid"
        path = f"/tmp/alai-{os.getpid()}-daemon.sock"
        command = [
            binary(),
            "--daemonize",
            "yes",
            "--pidfile",
            pidfile,
            "--port",
            "0",
            "--unixsocket",
            path,
            "--save",
            "",
        ]
        self.run_program(*command, "--dir", "/tmp", "--logfile", "/dev/null", seconds=20)
        self.assertTrue(wait_until(lambda: os.path.exists(pidfile) and os.path.exists(path)))
        pid = int(Path(pidfile).read_text())
        try:
            with wire.Connection(path) as client:
                self.assertEqual(client.call("PING"), PONG)
                self.assertIn(f"process_id:{pid}\r\n".encode(), client.call("INFO", "server"))
            self.assertEqual(os.getsid(pid), pid)
        finally:
            os.kill(pid, signal.SIGTERM)
        self.assertTrue(wait_until(lambda: not os.path.exists(pidfile)))

    def test_several_addresses(self):
        server = self.start("--bind", "127.0.0.1 -::1 -192.0.2.77 127.0.0.2")
        for host in ("127.0.0.1", "127.0.0.2"):
            with wire.Connection((host, server.port)) as client:
                self.assertEqual(client.call("PING"), PONG)
        if socket.has_ipv6 and has_ipv6_loopback():
            with wire.Connection(("::1", server.port)) as client:
                self.assertEqual(client.call("PING"), PONG)
                self.assertRegex(
                    client.call("CLIENT", "INFO"),
                    rb"addr=\[::1\]:\d+ laddr=\[::1\]:%d " % server.port,
                )
        self.fails("--bind", "192.0.2.77", "--port", "0", "--port", str(server.port))

    def test_addresses_change_while_it_runs(self):
        server = self.start()
        admin = self.connect(server)
        self.assertEqual(
            admin.call("CONFIG", "SET", "bind", "127.0.0.1 127.0.0.3"), wire.Status(b"OK")
        )
        with wire.Connection(("127.0.0.3", server.port)) as client:
            self.assertEqual(client.call("PING"), PONG)
        self.assertEqual(admin.call("CONFIG", "SET", "bind", "127.0.0.1"), wire.Status(b"OK"))
        with self.assertRaises(OSError):
            wire.Connection(("127.0.0.3", server.port))
        refused = admin.call("CONFIG", "SET", "bind", "127.0.0.1 192.0.2.77")
        self.assertIsInstance(refused, wire.Error)
        self.assertTrue(refused.text.endswith(b"Failed to bind to specified addresses."))
        self.assertEqual(admin.call("CONFIG", "GET", "bind"), [b"bind", b"127.0.0.1"])
        with wire.Connection(("127.0.0.1", server.port)) as client:
            self.assertEqual(client.call("PING"), PONG)


class Allocator(ServerCase):
    """What is shipped runs on jemalloc; a build for a sanitizer does not."""

    def test_is_jemalloc(self):
        client = self.connect(self.start())
        self.assertRegex(client.call("INFO", "memory"), rb"mem_allocator:jemalloc-\d")
        self.assertRegex(client.call("MEMORY", "MALLOC-STATS"), rb"jemalloc statistics")


def has_ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False
