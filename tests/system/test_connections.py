"""Connections that come, stay, crowd, stall and break, while others are served as before."""

from __future__ import annotations

import grp
import os
import resource
import socket
import stat
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

import wire
from server_case import HealthyClient, ServerCase, allow_open_files, binary, is_stock, wait_until

MEGABYTE = 1 << 20
LINGER_RESET = struct.pack("ii", 1, 0)
FOLDER = Path(__file__).resolve().parent


def raw_socket(server) -> socket.socket:
    return socket.create_connection(server.address, 10.0)


class SlowReaders(ServerCase):
    def test_others_are_served_while_one_does_not_read(self):
        server = self.start()
        slow = self.connect(server, 60.0)
        value = os.urandom(MEGABYTE)
        slow.call("SET", "large", value)
        with HealthyClient(server) as healthy:
            slow.send(wire.encode([b"GET", b"large"]) * 100)
            self.assertTrue(wait_until(lambda: healthy.replies > 200, 30.0))
            for number in range(100):
                self.assertEqual(slow.read(), value, msg=f"reply {number}")
        healthy.check(self)
        self.assertEqual(slow.call("PING"), wire.Status(b"PONG"))

    def test_a_reader_of_one_byte_at_a_time(self):
        server = self.start()
        slow = raw_socket(server)
        self.addCleanup(slow.close)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(
            wire.encode([b"SET", b"k", b"0123456789" * 50]) + wire.encode([b"GET", b"k"]) * 20
        )
        expected = b"+OK\r\n" + (b"$500\r\n" + b"0123456789" * 50 + b"\r\n") * 20
        got = b"".join(slow.recv(1) for _ in range(len(expected)))
        self.assertEqual(got, expected)

    def test_a_value_changed_while_it_is_being_sent(self):
        server = self.start()
        reader, writer = self.connect(server, 30.0), self.connect(server, 30.0)
        first, second = b"a" * (8 * MEGABYTE), b"b" * (8 * MEGABYTE)
        writer.call("SET", "k", first)
        reader.send(wire.encode([b"GET", b"k"]))
        self.assertTrue(wait_until(lambda: "k" and self.output_of(server) > 0, 10.0))
        writer.call("SETRANGE", "k", 0, "c" * 1000)
        writer.call("APPEND", "k", "d" * 1000)
        writer.call("SET", "k", second)
        writer.call("DEL", "k")
        self.assertEqual(reader.read(), first)
        self.assertEqual(reader.call("GET", "k"), None)

    def output_of(self, server) -> int:
        """Bytes that wait for the client that waits for most."""
        with server.connect() as connection:
            lines = connection.call("CLIENT", "LIST").decode().splitlines()
        return max(
            int(field[5:]) for line in lines for field in line.split() if field.startswith("omem=")
        )

    def test_hard_output_limit(self):
        server = self.start("--client-output-buffer-limit", "normal 4mb 0 0")
        slow = self.connect(server)
        slow.call("SET", "large", b"x" * MEGABYTE)
        with HealthyClient(server) as healthy:
            slow.send(wire.encode([b"GET", b"large"]) * 200)
            got = slow.drain()
        healthy.check(self)
        self.assertLess(len(got), 100 * MEGABYTE)
        self.assertIn("overcoming of output buffer limits", server.log())

    def test_soft_output_limit(self):
        server = self.start("--client-output-buffer-limit", "normal 0 4mb 1")
        slow = self.connect(server)
        slow.call("SET", "large", b"x" * MEGABYTE)
        began = time.monotonic()
        slow.send(wire.encode([b"GET", b"large"]) * 40)
        other = self.connect(server)
        self.assertTrue(wait_until(lambda: b"id=" in other.call("CLIENT", "LIST"), 1.0))
        self.assertTrue(wait_until(lambda: other.call("CLIENT", "LIST").count(b"id=") == 1, 20.0))
        self.assertGreater(time.monotonic() - began, 0.9)
        self.assertLess(len(slow.drain()), 40 * MEGABYTE)

    def test_query_buffer_limit(self):
        server = self.start("--client-query-buffer-limit", "1mb")
        client = self.connect(server)
        client.send(b"*2\r\n$3\r\nGET\r\n$3000000\r\n" + b"x" * 2_900_000)
        client.drain()
        self.assertIn("query buffer", server.log().lower())


class HalfOpen(ServerCase):
    def test_answers_after_the_client_has_said_all(self):
        server = self.start()
        client = self.connect(server)
        client.call("SET", "large", b"x" * (5 * MEGABYTE))
        client.send(wire.encode([b"GET", b"large"]) + wire.encode([b"PING"]))
        time.sleep(0.05)
        client.socket.shutdown(socket.SHUT_WR)
        got = client.drain()
        # A server may give up on what it could not send at once, but never sends anything else.
        whole = b"$%d\r\n" % (5 * MEGABYTE) + b"x" * (5 * MEGABYTE) + b"\r\n+PONG\r\n"
        self.assertTrue(whole.startswith(got))

    def test_small_answers_all_arrive(self):
        server = self.start()
        for _ in range(200):
            with server.connect() as client:
                client.send(wire.encode([b"PING", b"a"]) * 3)
                client.socket.shutdown(socket.SHUT_WR)
                self.assertEqual(client.drain(), b"$1\r\na\r\n" * 3)

    def test_gone_while_a_reply_is_due(self):
        server = self.start()
        with HealthyClient(server) as healthy:
            for _ in range(100):
                client = server.connect()
                client.call("SET", "large", b"x" * MEGABYTE)
                client.send(wire.encode([b"GET", b"large"]) * 10)
                client.close()
        healthy.check(self)
        self.assertTrue(wait_until(lambda: self.info(server)["connected_clients"] == "1"))

    def test_gone_while_paused(self):
        server = self.start()
        admin = self.connect(server)
        admin.call("CLIENT", "PAUSE", "60000", "WRITE")
        clients = [server.connect() for _ in range(50)]
        for client in clients:
            client.send(wire.encode([b"SET", b"k", b"v"]))
        self.assertTrue(wait_until(lambda: self.info(server)["blocked_clients"] == "50"))
        for client in clients:
            client.close()
        self.assertTrue(wait_until(lambda: self.info(server)["connected_clients"] == "2"))
        admin.call("CLIENT", "UNPAUSE")
        self.assertEqual(admin.call("GET", "k"), None)


class Limits(ServerCase):
    def test_maxclients(self):
        server = self.start("--maxclients", "10")
        clients = [self.connect(server)]
        self.assertTrue(wait_until(lambda: clients[0].call("CLIENT", "LIST").count(b"id=") == 1))
        clients += [self.connect(server) for _ in range(9)]
        for client in clients:
            self.assertEqual(client.call("PING"), wire.Status(b"PONG"))
        for _ in range(5):
            with server.connect() as refused:
                self.assertEqual(refused.drain(), b"-ERR max number of clients reached\r\n")
        clients.pop().close()
        self.assertTrue(wait_until(lambda: self.can_ping(server)))
        clients.pop().close()
        self.assertTrue(wait_until(lambda: clients[0].call("CLIENT", "LIST").count(b"id=") == 8))
        self.assertGreaterEqual(int(self.info(server)["rejected_connections"]), 5)
        clients[0].call("CONFIG", "SET", "maxclients", "5")
        for client in clients:
            self.assertEqual(client.call("PING"), wire.Status(b"PONG"))
        self.assertFalse(self.can_ping(server))
        clients[0].call("CONFIG", "SET", "maxclients", "20")
        self.assertTrue(self.can_ping(server))

    def can_ping(self, server) -> bool:
        with server.connect() as client:
            client.send(wire.encode([b"PING"]))
            try:
                return client.read() == wire.Status(b"PONG")
            except wire.Closed:
                return False

    def test_timeout(self):
        server = self.start("--timeout", "1")
        idle, busy, watcher = (self.connect(server) for _ in range(3))
        watcher.call("MONITOR")
        began = time.monotonic()
        while time.monotonic() - began < 4.0:
            self.assertEqual(busy.call("PING"), wire.Status(b"PONG"))
            time.sleep(0.1)
        self.assertTrue(idle.closed_within(0.1))
        self.assertEqual(busy.call("PING"), wire.Status(b"PONG"))
        self.assertIn(b'"PING"', watcher.read().text)

    def test_no_timeout_by_default(self):
        server = self.start()
        idle = self.connect(server)
        self.assertFalse(idle.closed_within(2.0))

    def test_requirepass(self):
        server = self.start("--requirepass", "secret")
        client = self.connect(server)
        self.assertTrue(client.call("GET", "k").text.startswith(b"NOAUTH"))
        self.assertTrue(client.call("AUTH", "wrong").text.startswith(b"WRONGPASS"))
        self.assertEqual(client.call("AUTH", "secret"), wire.Status(b"OK"))
        self.assertEqual(client.call("GET", "k"), None)

    def test_strangers_may_not_take_memory(self):
        server = self.start("--requirepass", "secret")
        many = self.connect(server)
        many.send(b"*1000000\r\n")
        self.assertIn(b"unauthenticated multibulk length", many.drain())
        large = self.connect(server)
        large.send(b"*2\r\n$4\r\nAUTH\r\n$100000000\r\n")
        self.assertIn(b"unauthenticated bulk length", large.drain())

    def test_protected_mode(self):
        """From this machine all may, from elsewhere nobody without a password."""
        # Root may make a network of its own where others need a namespace of users for it; some
        # containers allow neither.
        alone = ["unshare", "-n" if os.geteuid() == 0 else "-rn"]
        if subprocess.run([*alone, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("this machine lets nobody make a network of their own")
        probe = str(FOLDER / "protected_mode_probe.py")
        done = self.run_program(*alone, sys.executable, probe, binary())
        self.assertEqual(done.stdout.decode().splitlines()[-1], "ok")


class UnixSockets(ServerCase):
    def test_unix_socket(self):
        path = f"/tmp/alai-{os.getpid()}.sock"
        server = self.start("--unixsocket", path, "--unixsocketperm", "700")
        mode = os.stat(path).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o700)
        with wire.Connection(path) as client:
            self.assertEqual(client.call("SET", "k", "v"), wire.Status(b"OK"))
            self.assertRegex(
                client.call("CLIENT", "INFO"),
                rb"addr=%s:0 laddr=%s:0 .* flags=U " % ((path.encode(),) * 2),
            )
        with server.connect() as client:
            self.assertEqual(client.call("GET", "k"), b"v")
        done = self.run_program("redis-cli", "-s", path, "get", "k")
        self.assertEqual(done.stdout, b"v\n")
        self.run_program("redis-benchmark", "-s", path, "-q", "-t", "set,get", "-n", "2000")
        self.assertEqual(server.end(), 0)
        self.assertFalse(os.path.exists(path))
        self.assertIn("* Removing the unix socket file.", server.log())

    @unittest.skipIf(is_stock() or os.geteuid() != 0, "of our own server only, and for root")
    def test_group(self):
        path = f"/tmp/alai-{os.getpid()}-group.sock"
        self.start(
            *("--unixsocket", path, "--unixsocketperm", "770", "--unixsocketgroup", "nogroup")
        )
        status = os.stat(path)
        self.assertEqual(stat.S_IMODE(status.st_mode), 0o770)
        self.assertEqual(status.st_gid, grp.getgrnam("nogroup").gr_gid)

    def test_a_socket_left_behind_is_replaced(self):
        path = f"/tmp/alai-{os.getpid()}-old.sock"
        with socket.socket(socket.AF_UNIX) as old:
            old.bind(path)
        self.start("--unixsocket", path)
        with wire.Connection(path) as client:
            self.assertEqual(client.call("PING"), wire.Status(b"PONG"))

    def test_unix_socket_alone(self):
        path = f"/tmp/alai-{os.getpid()}-alone.sock"
        process = subprocess.Popen(
            [binary(), "--port", "0", "--unixsocket", path, "--save", ""],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertTrue(wait_until(lambda: os.path.exists(path)))
        with wire.Connection(path) as client:
            self.assertEqual(client.call("PING"), wire.Status(b"PONG"))
            client.send(wire.encode([b"SHUTDOWN", b"NOSAVE"]))
        self.assertEqual(process.wait(10), 0)


class Crowds(ServerCase):
    IDLE = 5000
    IDLE_BYTES_MAX = 24 * 1024

    def test_thousands_of_idle_connections(self):
        room = allow_open_files(self.IDLE + 500) - 500
        count = min(self.IDLE, room)
        server = self.start("--maxclients", str(count + 100))
        before = int(self.info(server)["used_memory_rss"])
        crowd = []
        self.addCleanup(lambda: [one.close() for one in crowd])
        with HealthyClient(server) as healthy:
            for _ in range(count):
                one = raw_socket(server)
                one.sendall(b"PING\r\n")
                crowd.append(one)
            for one in crowd:
                self.assertEqual(one.recv(16), b"+PONG\r\n")
        healthy.check(self)
        info = self.info(server)
        self.assertEqual(int(info["connected_clients"]), count + 1)
        each = (int(info["used_memory_rss"]) - before) / count
        print(f"{count} idle connections, {each:.0f} resident bytes each", end=" ", flush=True)
        self.assertLess(each, self.IDLE_BYTES_MAX)
        for one in crowd:
            one.close()
        self.assertTrue(wait_until(lambda: self.info(server)["connected_clients"] == "1", 20.0))

    def test_resets_in_every_state(self):
        server = self.start()
        partial = wire.encode([b"SET", b"k", b"x" * 1000])
        states = (
            b"",
            b"PI",
            b"PING\r\n" * 100,
            partial[:20],
            partial[:-1],
            wire.encode([b"GET", b"big"]) * 5,
            b"*x\r\n",
        )
        with server.connect() as client:
            client.call("SET", "big", b"x" * MEGABYTE)
        with HealthyClient(server) as healthy:
            for number in range(3000):
                one = raw_socket(server)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
                one.sendall(states[number % len(states)])
                one.close()
        healthy.check(self)
        self.assertTrue(wait_until(lambda: self.info(server)["connected_clients"] == "1"))

    def test_no_descriptors_left_to_accept_with(self):
        server = self.start("--maxclients", "500")
        healthy = HealthyClient(server)
        admin = self.connect(server)
        used = len(os.listdir(f"/proc/{server.pid}/fd"))
        limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used + 10, limits[1]))
        crowd = [raw_socket(server) for _ in range(40)]
        self.addCleanup(lambda: [one.close() for one in crowd])
        with healthy:
            time.sleep(1.0)
        healthy.check(self)
        self.assertEqual(admin.call("PING"), wire.Status(b"PONG"))
        busy_s = cpu_seconds(server.pid)
        time.sleep(1.0)
        self.assertLess(cpu_seconds(server.pid) - busy_s, 1.2 * os.cpu_count())
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
        for one in crowd:
            one.sendall(b"PING\r\n")
            self.assertEqual(one.recv(16), b"+PONG\r\n")

    def test_connect_and_leave(self):
        server = self.start()
        for _ in range(5000):
            raw_socket(server).close()
        self.assertTrue(wait_until(lambda: self.info(server)["connected_clients"] == "1"))
        self.assertGreaterEqual(int(self.info(server)["total_connections_received"]), 5000)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
