"""What the tests of the origin stand on: the private PostgreSQL and the proxy that spoils connections."""

from __future__ import annotations

import os
import socket
import threading
import time
import unittest

import postgres
from fault_proxy import FaultProxy
from server_case import wait_until


class Echo:
    """A server that sends back what it gets."""

    def __init__(self, case: unittest.TestCase):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        case.addCleanup(self._listener.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connected,), daemon=True).start()

    @staticmethod
    def _serve(connected: socket.socket) -> None:
        with connected:
            try:
                while data := connected.recv(65536):
                    connected.sendall(data)
            except OSError:
                pass


class Proxy(unittest.TestCase):
    def setUp(self):
        self.proxy = FaultProxy(Echo(self).address)
        self.addCleanup(self.proxy.close)

    def connect(self) -> socket.socket:
        connected = socket.create_connection(("127.0.0.1", self.proxy.port), 10.0)
        self.addCleanup(connected.close)
        return connected

    def read(self, connected: socket.socket, length: int) -> bytes:
        data = b""
        while len(data) < length:
            piece = connected.recv(65536)
            if not piece:
                break
            data += piece
        return data

    def test_passes_bytes_in_order(self):
        connected = self.connect()
        sent = os.urandom(5_000_000)
        writer = threading.Thread(target=connected.sendall, args=(sent,))
        writer.start()
        self.assertEqual(self.read(connected, len(sent)), sent)
        writer.join()

    def test_delays(self):
        connected = self.connect()
        connected.sendall(b"a")
        self.read(connected, 1)
        self.proxy.delay(0.2)
        began = time.monotonic()
        connected.sendall(b"b")
        self.assertEqual(self.read(connected, 1), b"b")
        self.assertGreaterEqual(time.monotonic() - began, 0.4)

    def test_cuts(self):
        connected = self.connect()
        connected.sendall(b"a")
        self.read(connected, 1)
        self.proxy.cut()
        with self.assertRaises(ConnectionError):
            connected.recv(1)
        self.assertEqual(self.proxy.connections(), 0)
        again = self.connect()
        again.sendall(b"b")
        self.assertEqual(self.read(again, 1), b"b")

    def test_swallows(self):
        connected = self.connect()
        self.proxy.swallow()
        connected.sendall(b"lost")
        new = self.connect()
        new.sendall(b"lost, too")
        for each in (connected, new):
            each.settimeout(0.2)
            with self.assertRaises(TimeoutError):
                each.recv(1)
        self.proxy.swallow(False)
        with self.assertRaises(ConnectionError):
            connected.recv(1)
        again = self.connect()
        again.sendall(b"b")
        self.assertEqual(self.read(again, 1), b"b")

    def test_refuses(self):
        kept = self.connect()
        kept.sendall(b"a")
        self.read(kept, 1)
        self.proxy.refuse()
        self.assertEqual(self.connect().recv(1), b"")
        kept.sendall(b"b")
        self.assertEqual(self.read(kept, 1), b"b")
        self.proxy.heal()
        again = self.connect()
        again.sendall(b"c")
        self.assertEqual(self.read(again, 1), b"c")


@unittest.skipIf(postgres.programs() is None, "no PostgreSQL from 15 on is installed")
class PrivatePostgres(unittest.TestCase):
    def setUp(self):
        self.database = postgres.Postgres()
        self.addCleanup(self.database.close)

    def test_runs_statements_and_says_what_is_wrong(self):
        self.database.psql("CREATE TABLE t (a integer, b text)", role="app")
        self.database.psql("INSERT INTO t VALUES (1, 'x'), (2, NULL)", role="app")
        self.assertEqual(self.database.psql("SELECT * FROM t ORDER BY a"), "1|x\n2|")
        with self.assertRaisesRegex(RuntimeError, 'relation "u" does not exist'):
            self.database.psql("SELECT * FROM u")

    def test_comes_back_with_its_data_after_a_stop_and_a_kill(self):
        self.database.psql("CREATE TABLE t AS SELECT 7 AS a; CHECKPOINT")
        port = self.database.port
        for end in (self.database.stop, self.database.kill):
            end()
            with self.assertRaises(OSError):
                socket.create_connection(("127.0.0.1", port), 1.0)
            self.database.start()
            self.assertEqual(self.database.port, port)
            self.assertEqual(self.database.psql("SELECT a FROM t"), "7")

    def test_leaves_nothing_behind(self):
        pids = [self.database.process.pid, *self.database.children()]
        self.assertGreater(len(pids), 1)
        self.database.close()
        self.assertFalse(os.path.exists(self.database.directory))
        self.assertTrue(wait_until(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids)))


if __name__ == "__main__":
    unittest.main()
