"""CONFIG SET while the server runs: each setting that governs something governs it at once."""

from __future__ import annotations

import os
import time
import unittest
from pathlib import Path

import live_server
import wire
from process_case import ProcessCase, own
from server_case import is_stock, wait_until

OK = wire.Status(b"OK")
PONG = wire.Status(b"PONG")
MEGABYTE = 1 << 20


class Changes(ProcessCase):
    def setUp(self):
        super().setUp()
        self.server = self.start()
        self.admin = self.connect(self.server)

    def set(self, *names_and_values: object) -> None:
        self.assertEqual(self.admin.call("CONFIG", "SET", *names_and_values), OK)

    def fails(self, name: str, value: object, message: str) -> None:
        reply = self.admin.call("CONFIG", "SET", name, value)
        self.assertIsInstance(reply, wire.Error)
        text = reply.text.decode()
        self.assertIn(f"(possibly related to argument '{name}') - ", text)
        self.assertIn(message, text)

    def test_requirepass(self):
        before = self.connect(self.server)
        self.assertEqual(before.call("PING"), PONG)
        self.set("requirepass", "first")
        stranger = self.connect(self.server)
        self.assertTrue(stranger.call("PING").text.startswith(b"NOAUTH"))
        self.assertEqual(before.call("PING"), PONG)
        self.set("requirepass", "second")
        self.assertTrue(stranger.call("AUTH", "first").text.startswith(b"WRONGPASS"))
        self.assertEqual(stranger.call("AUTH", "second"), OK)
        another = self.connect(self.server)
        self.assertTrue(another.call("PING").text.startswith(b"NOAUTH"))
        self.set("requirepass", "")
        self.assertEqual(self.connect(self.server).call("PING"), PONG)

    def test_hz(self):
        self.set("hz", 50)
        self.assertEqual(self.info(self.server, "server")["configured_hz"], "50")
        self.assertEqual(self.admin.call("CONFIG", "GET", "hz"), [b"hz", b"50"])

    def test_what_is_fixed_at_the_start(self):
        fixed = {
            "databases": "20",
            "logfile": "/tmp/x.log",
            "pidfile": "/tmp/x.pid",
            "daemonize": "yes",
            "supervised": "systemd",
            "unixsocket": "/tmp/x.sock",
            "unixsocketperm": "700",
            "tcp-backlog": "100",
            "io-threads": "3",
            "syslog-enabled": "yes",
            "set-proc-title": "no",
            "always-show-logo": "yes",
        }
        for name, value in fixed.items():
            self.fails(name, value, "can't set immutable config")

    def test_timeout_closes_those_who_are_idle_already(self):
        idle = self.connect(self.server)
        self.assertEqual(idle.call("PING"), PONG)
        self.assertFalse(idle.closed_within(0.2))
        self.set("timeout", 1)
        began = time.monotonic()
        while not idle.closed_within(0.1):
            self.assertLess(time.monotonic() - began, 10.0)
            self.assertEqual(self.admin.call("PING"), PONG)

    def keepalive_of(self, client: wire.Connection) -> bool:
        """Whether the server's end of this connection has a keepalive timer running."""
        port = client.socket.getsockname()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            local, remote = (int(fields[i].rpartition(":")[2], 16) for i in (1, 2))
            if local == self.server.port and remote == port:
                return fields[5].startswith("02:")
        raise AssertionError("no such connection")

    def test_tcp_keepalive_holds_for_new_connections(self):
        first = self.connect(self.server)
        first.call("PING")
        self.assertTrue(wait_until(lambda: self.keepalive_of(first)))
        self.set("tcp-keepalive", 0)
        second = self.connect(self.server)
        second.call("PING")
        time.sleep(0.3)
        self.assertFalse(self.keepalive_of(second))
        self.assertTrue(self.keepalive_of(first))
        self.set("tcp-keepalive", 60)
        third = self.connect(self.server)
        third.call("PING")
        self.assertTrue(wait_until(lambda: self.keepalive_of(third)))

    def test_request_limits_hold_for_those_who_are_connected(self):
        client = self.connect(self.server)
        self.assertEqual(client.call("SET", "k", b"x" * (2 * MEGABYTE)), OK)
        self.set("proto-max-bulk-len", "1mb")
        self.assertIn(b"exceeds maximum allowed size", client.call("APPEND", "k", "x").text)
        client.send(b"*2\r\n$3\r\nGET\r\n$%d\r\n" % (MEGABYTE + 1))
        self.assertEqual(client.drain(), b"-ERR Protocol error: invalid bulk length\r\n")
        self.set("proto-max-bulk-len", "512mb", "client-query-buffer-limit", "1mb")
        client = self.connect(self.server)
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3000000\r\n" + b"x" * 2_900_000)
        self.assertEqual(client.drain(), b"")
        self.assertTrue(wait_until(lambda: "query buffer" in self.server.log().lower()))

    def test_output_limit_holds_for_those_who_are_connected(self):
        client = self.connect(self.server)
        self.assertEqual(client.call("SET", "k", b"x" * (2 * MEGABYTE)), OK)
        self.assertEqual(len(client.call("GET", "k")), 2 * MEGABYTE)
        self.set("client-output-buffer-limit", "normal 1mb 0 0")
        self.assertEqual(client.call("PING"), PONG)
        client.send(wire.encode([b"GET", b"k"]))
        self.assertEqual(client.drain(), b"")
        # Even the smallest limit leaves room to take it back.
        self.set("client-output-buffer-limit", "normal 1 0 0")
        self.set("client-output-buffer-limit", "normal 0 0 0")
        self.assertEqual(len(self.admin.call("GET", "k")), 2 * MEGABYTE)

    def test_no_port_for_a_while(self):
        self.set("port", 0)
        with self.assertRaises(OSError):
            wire.Connection(self.server.address)
        self.assertEqual(self.admin.call("PING"), PONG)
        self.set("port", self.server.port)
        self.assertEqual(self.connect(self.server).call("PING"), PONG)

    def test_maxmemory_policy(self):
        self.admin.call("SET", "k", "v")
        self.assertIsInstance(self.admin.call("OBJECT", "FREQ", "k"), wire.Error)
        self.set("maxmemory-policy", "allkeys-lfu")
        self.assertIsInstance(self.admin.call("OBJECT", "FREQ", "k"), int)
        self.assertEqual(self.info(self.server, "memory")["maxmemory_policy"], "allkeys-lfu")

    def frequency_after_reads(self, key: str) -> int:
        self.admin.call("SET", key, "v")
        for _ in range(100):
            self.admin.call("GET", key)
        return self.admin.call("OBJECT", "FREQ", key)

    def test_lfu(self):
        self.set("maxmemory-policy", "allkeys-lfu", "lfu-log-factor", 0)
        self.assertGreater(self.frequency_after_reads("counts-every-read"), 95)
        self.set("lfu-log-factor", 2_000_000_000)
        self.assertLess(self.frequency_after_reads("counts-hardly-any"), 15)

    def test_oom_score(self):
        score = Path(f"/proc/{self.server.pid}/oom_score_adj")
        before = int(score.read_text())
        self.set("oom-score-adj", "relative", "oom-score-adj-values", "7 200 800")
        self.assertEqual(int(score.read_text()), min(before + 7, 1000))

    def test_command_log(self):
        if is_stock():
            self.skipTest("of newer servers")
        self.set("commandlog-request-larger-than", 1000, "commandlog-large-request-max-len", 2)
        for _ in range(4):
            self.admin.call("ECHO", "x" * 2000)
        self.assertEqual(self.admin.call("COMMANDLOG", "LEN", "large-request"), 2)
        self.set("commandlog-reply-larger-than", -1)
        self.admin.call("COMMANDLOG", "RESET", "large-reply")
        self.admin.call("SET", "k", "x" * (2 * MEGABYTE))
        self.admin.call("GET", "k")
        self.assertEqual(self.admin.call("COMMANDLOG", "LEN", "large-reply"), 0)
        self.set("commandlog-reply-larger-than", 1000)
        self.admin.call("GET", "k")
        self.assertEqual(self.admin.call("COMMANDLOG", "LEN", "large-reply"), 1)

    def test_maxmemory_below_what_is_used(self):
        self.set("maxmemory", "100gb")
        self.assertEqual(self.info(self.server, "memory")["maxmemory"], str(100 << 30))
        self.assertNotIn("bytes in use", self.server.log())
        self.set("maxmemory", 1000)
        if not is_stock():
            self.assertRegex(
                self.server.log(), r"# maxmemory is 1000 bytes now, less than the \d+ bytes in use"
            )
        self.set("maxmemory", 0)

    def test_rdbcompression(self):
        self.admin.call("SET", "k", "a" * 1000)
        small = len(self.admin.call("DUMP", "k"))
        self.set("rdbcompression", "no")
        self.assertGreater(len(self.admin.call("DUMP", "k")), 1000)
        self.set("rdbcompression", "yes")
        self.assertEqual(len(self.admin.call("DUMP", "k")), small)

    def test_latency_tracking(self):
        self.assertIn("latency_percentiles_usec_config|set", self.info_after_a_change())
        self.set("latency-tracking", "no")
        self.assertNotIn("latency_percentiles_usec_config|set", self.info_after_a_change())
        self.set("latency-tracking", "yes", "latency-tracking-info-percentiles", "25 75")
        shown = self.info_after_a_change()["latency_percentiles_usec_config|set"]
        self.assertRegex(shown, r"^p25=[\d.]+,p75=[\d.]+$")

    def info_after_a_change(self) -> dict[str, str]:
        self.set("timeout", 0)
        return self.info(self.server)

    def test_latency_monitor(self):
        self.admin.call("DEBUG", "SLEEP", "0.02")
        self.assertEqual(self.admin.call("LATENCY", "LATEST"), [])
        self.set("latency-monitor-threshold", 10)
        self.admin.call("DEBUG", "SLEEP", "0.02")
        events = [event[0] for event in self.admin.call("LATENCY", "LATEST")]
        self.assertIn(b"command", events)

    def test_slow_log(self):
        self.set("slowlog-log-slower-than", 0, "slowlog-max-len", 3)
        for _ in range(5):
            self.admin.call("PING")
        self.assertEqual(self.admin.call("SLOWLOG", "LEN"), 3)
        self.set("slowlog-log-slower-than", -1)
        self.admin.call("SLOWLOG", "RESET")
        self.admin.call("PING")
        self.assertEqual(self.admin.call("SLOWLOG", "LEN"), 0)

    @own
    def test_availability_zone(self):
        self.set("availability-zone", "here")
        self.assertEqual(self.info(self.server, "server")["availability_zone"], "here")

    @own
    def test_what_cannot_be_had_is_refused(self):
        self.fails("activedefrag", "yes", "Active defragmentation is not available")
        for name, value in (
            ("tls-port", live_server.free_port()),
            ("tls-cluster", "yes"),
            ("tls-replication", "yes"),
        ):
            self.fails(name, value, "TLS is not available")
            shown = self.admin.call("CONFIG", "GET", name)[1]
            self.assertIn(shown, (b"0", b"no"), msg=name)
        self.set("activedefrag", "no", "tls-cluster", "no", "active-defrag-cycle-max", "30")

    @own
    def test_allocator_threads(self):
        """They give unused memory back in the place of those who freed it."""

        def running() -> int:
            return self.admin.call("DEBUG", "MALLCTL", "background_thread")

        if self.info(self.server, "memory")["mem_allocator"] == "libc":
            self.skipTest("this build has no allocator of its own")
        self.assertEqual(running(), 1)
        self.set("jemalloc-bg-thread", "no")
        self.assertEqual(running(), 0)
        self.set("jemalloc-bg-thread", "yes")
        self.assertEqual(running(), 1)

    def test_many_at_once_or_none(self):
        reply = self.admin.call("CONFIG", "SET", "timeout", 7, "hz", 20, "maxmemory-samples", "x")
        self.assertIsInstance(reply, wire.Error)
        self.assertEqual(self.admin.call("CONFIG", "GET", "timeout"), [b"timeout", b"0"])
        self.assertEqual(self.admin.call("CONFIG", "GET", "hz"), [b"hz", b"10"])


class Folder(ProcessCase):
    def test_dir(self):
        server = self.start("--enable-protected-configs", "yes")
        admin = self.connect(server)
        self.assertEqual(admin.call("CONFIG", "SET", "dir", str(self.folder)), OK)
        self.assertEqual(os.readlink(f"/proc/{server.pid}/cwd"), os.path.realpath(self.folder))
        reply = admin.call("CONFIG", "SET", "dir", "/nonexistent")
        self.assertIn(b"No such file or directory", reply.text)


class Payloads(ProcessCase):
    def test_a_large_value_travels(self):
        """DUMP and RESTORE know no other limit than that of an argument."""
        server = self.start()
        client = self.connect(server, 120.0)
        value = os.urandom(64 * MEGABYTE)
        self.assertEqual(client.call("SET", "k", value), OK)
        payload = client.call("DUMP", "k")
        self.assertGreater(len(payload), len(value))
        self.assertEqual(client.call("RESTORE", "copy", 0, payload), OK)
        self.assertEqual(client.call("GET", "copy"), value)
        self.assertEqual(client.call("CONFIG", "SET", "proto-max-bulk-len", "32mb"), OK)
        client.send(b"*4\r\n$7\r\nRESTORE\r\n$1\r\nx\r\n$1\r\n0\r\n$%d\r\n" % len(payload))
        self.assertEqual(client.drain(), b"-ERR Protocol error: invalid bulk length\r\n")


if __name__ == "__main__":
    unittest.main()
