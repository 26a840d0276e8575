"""Configuration and process of the real binary: files, options, CONFIG, log, daemon, supervisor. What a
stock server does too is expected of both."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import unittest
from pathlib import Path

import live_server
import wire
from process_case import ProcessCase, own
from server_case import allow_open_files, binary, is_stock, wait_until

SHIPPED_FILE = live_server.REPOSITORY / "server" / "alai.conf"
NO_SUCH_FILE = "No such file or directory"


class Starts(ProcessCase):
    """Files and options that stop the start, with the message that says why."""

    LINES = [
        ("port abc", "argument couldn't be parsed into an integer"),
        ("port 70000", "argument must be between 0 and 65535 inclusive"),
        ("port", "wrong number of arguments"),
        ("port 1 2", "wrong number of arguments"),
        ("nosuch 3", "Bad directive or wrong number of arguments"),
        ('port "7912"x', "Unbalanced quotes in configuration line"),
        ("appendonly maybe", "argument must be 'yes' or 'no'"),
        ("maxmemory 1zb", "argument must be a memory value"),
        ("maxmemory-clients 200%", "percentage argument must be less or equal to 100"),
        ("maxmemory-clients 20x", "argument must be a memory or percent value"),
        ("unixsocketperm 999", "argument couldn't be parsed as an octal number"),
        ("unixsocketperm 1000", "argument must be between 0 and 777 inclusive"),
        (
            "loglevel zzz",
            "argument(s) must be one of the following: debug, verbose, notice, warning",
        ),
        ("save 10", "Invalid save parameters"),
        (
            "client-output-buffer-limit foo 0 0 0",
            "Invalid client class specified in buffer limit configuration.",
        ),
        (
            "oom-score-adj-values 1 2 5000",
            "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
        ),
        (
            "notify-keyspace-events Q",
            "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
        ),
        ("dir /nonexistent", NO_SUCH_FILE),
        ("rename-command foo bar", "No such command in rename-command"),
        ("rename-command get set", "Target command name already exists"),
        ("sentinel foo bar", "sentinel directive while not in sentinel mode"),
        ("include", "Bad directive or wrong number of arguments"),
    ]

    def check_block(self, done, line: int, text: str, message: str) -> None:
        shown = done.stdout.decode()
        self.assertEqual(done.returncode, 1, msg=shown)
        self.assertRegex(shown, r"\*\*\* FATAL CONFIG FILE ERROR \(\w+ [\d.]+\) \*\*\*")
        block = f"Reading the configuration file, at line {line}\n>>> '{text}'\n{message}\n"
        self.assertIn(block, shown)

    def test_lines_of_a_file(self):
        for text, message in self.LINES:
            with self.subTest(text):
                path = self.write("x.conf", f"# comment\n\n{text}\n")
                self.check_block(self.run_server(path), 3, text, message)

    def test_options(self):
        done = self.run_server("--port", "7912", "--appendonly", "maybe")
        self.check_block(done, 3, 'appendonly "maybe"', "argument must be 'yes' or 'no'")
        done = self.run_server("--unixsocket", "--dir", "/x")
        self.check_block(done, 2, 'unixsocket "--dir" "/x"', "wrong number of arguments")
        path = self.write("x.conf", "port 7912\ntimeout 5\n")
        done = self.run_server(path, "--save", "--dir", "/none")
        self.check_block(done, 5, 'dir "/none"', NO_SUCH_FILE)

    def test_standard_input(self):
        done = self.run_server("-", text_in="timeout 1\nport x\n")
        self.check_block(done, 2, "port x", "argument couldn't be parsed into an integer")
        self.assertIn("# Reading config from stdin", done.stdout.decode())

    def test_a_missing_file(self):
        path = self.write("x.conf", "include /nonexistent.conf\n")
        for args, missing in (([path], "/nonexistent.conf"), (["/none/x.conf"], "/none/x.conf")):
            done = self.run_server(*args)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(
                done.stdout.decode(),
                rf"\d+:C .* # Fatal error, can't open config file '{missing}': {NO_SUCH_FILE}",
            )

    def test_a_log_that_cannot_be_written(self):
        done = self.run_server("--logfile", "/none/x.log")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"Can't open the log file: {NO_SUCH_FILE}", done.stdout.decode())

    @own
    def test_users_who_would_not_be_restricted(self):
        done = self.run_server("-", text_in="user default on >secret ~* &* +@all\n")
        shown = done.stdout.decode()
        self.assertEqual(done.returncode, 1, msg=shown)
        self.assertRegex(shown, r"\*\*\* FATAL CONFIG FILE ERROR \(\w+ [\d.]+\) \*\*\*")
        self.assertIn("\nuser default: ACL users are not part of this version", shown)
        self.assertNotIn("secret", shown)

    def test_an_include_of_itself(self):
        if is_stock():
            self.skipTest("a stock server crashes")
        path = self.write("x.conf", f"include {self.folder}/x.conf\n")
        self.check_block(
            self.run_server(path),
            1,
            f"include {self.folder}/x.conf",
            "Too many nested include directives",
        )

    def test_version_and_help(self):
        done = self.run_server("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(
            done.stdout.decode(),
            r"^\w+ server v=\d+\.\d+\.\d+ sha=\w+:\d malloc=\S+ bits=\d\d build=\w+",
        )
        self.assertEqual(self.run_server("-v").stdout, done.stdout)
        done = self.run_server("--help")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith(b"Usage: "))

    def test_memory_test_wants_a_size(self):
        done = self.run_server("--test-memory")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"Please specify the amount of memory to test in megabytes.", done.stdout)

    def test_system_check(self):
        done = self.run_server("--check-system")
        self.assertIn(done.returncode, (0, 1))
        for name in (b"[slow-clocksource]...", b"[xen-clocksource]...", b"[THP]..."):
            self.assertIn(name, done.stdout)


class Loading(ProcessCase):
    def test_file_input_and_options_in_this_order(self):
        self.write("b.inc", "hz 14\n")
        self.write("a.inc", "hz 13\ntimeout 7\n")
        path = self.write("x.conf", "hz 12\nmaxmemory-samples 6\ninclude *.inc\n")
        port = live_server.free_port()
        read, written = os.pipe()
        os.write(written, b"maxmemory-samples 8\ntcp-keepalive 9\n")
        os.close(written)
        with open(self.folder / "out", "ab") as out:
            process = subprocess.Popen(
                [binary(), path, "--tcp-keepalive", "10", "--port", str(port), "-"],
                stdin=read,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )
        os.close(read)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        connection = self.await_port(port)
        expected = {
            b"hz": b"14",
            b"timeout": b"7",
            b"maxmemory-samples": b"8",
            b"tcp-keepalive": b"10",
        }
        for name, value in expected.items():
            self.assertEqual(connection.call("CONFIG", "GET", name), [name, value])
        info = connection.call("INFO", "server").decode()
        self.assertIn(f"config_file:{path}\r\n", info)

    def test_save_lines_add_up(self):
        port = live_server.free_port()
        path = self.write("x.conf", "save 900 1\nhz 20\nsave 300 10\n")
        self.spawn(path, "--save", "60", "5", "--port", str(port))
        connection = self.await_port(port)
        self.assertEqual(connection.call("CONFIG", "GET", "save"), [b"save", b"900 1 300 10 60 5"])

    @own
    def test_the_shipped_file(self):
        port = live_server.free_port()
        self.spawn(str(SHIPPED_FILE), "--port", str(port), "--bind", "127.0.0.1")
        connection = self.await_port(port)
        self.assertEqual(connection.call("CONFIG", "GET", "hz"), [b"hz", b"10"])

    @own
    def test_what_has_no_effect_is_named_once(self):
        server = self.start("--appendonly", "yes", "--timeout", "5")
        line = "# Directive 'appendonly' is accepted but has no effect in this version."
        self.assertEqual(server.log().count(line), 1, msg=server.log())
        self.assertNotIn("'timeout'", server.log())
        self.assertNotIn("'save'", server.log())


class Rewrite(ProcessCase):
    @own
    def test_key_classes_of_the_file_and_of_run_time_are_kept(self):
        port = live_server.free_port()
        path = self.write(
            "classes.conf",
            f"port {port}\nbind 127.0.0.1\n"
            'keyclass memory "memory:*" ttl 3600\n'
            'keyclass gone "gone:*" ttl 1\n'
            "maxclients 100\n",
        )
        process = self.spawn(path)
        connection = self.await_port(port)
        for words in (
            ("SET", "memory", "memory:*", "ttl", "60", "max-value-bytes", "1kb"),
            ("SET", "rate", "rate:*", "limit", "100", "period", "60"),
            ("SET", "session", "session:*", "ttl", "1800", "sliding", "yes"),
        ):
            self.assertEqual(connection.call("KEYCLASS", *words), wire.Status(b"OK"))
        self.assertEqual(connection.call("KEYCLASS", "DEL", "gone"), 1)
        rules = [connection.call("KEYCLASS", "GET", n) for n in ("memory", "rate", "session")]
        self.assertEqual(connection.call("CONFIG", "REWRITE"), wire.Status(b"OK"))
        text = Path(path).read_text()
        self.assertIn('\nkeyclass memory "memory:*" ttl 60 max-value-bytes 1024\n', text)
        self.assertIn('\nkeyclass rate "rate:*" limit 100 period 60 burst 99\n', text)
        self.assertIn('\nkeyclass session "session:*" ttl 1800 sliding yes\n', text)
        self.assertNotIn("gone", text)

        process.terminate()
        process.wait(20)
        self.spawn(path)
        connection = self.await_port(port)
        self.assertEqual(
            [connection.call("KEYCLASS", "GET", n) for n in ("memory", "rate", "session")], rules
        )
        connection.call("SET", "memory:1", "v")
        self.assertEqual(connection.call("TTL", "memory:1"), 60)

    @own
    def test_origin_rules_of_the_file_are_kept(self):
        port = live_server.free_port()
        query = "SELECT to_jsonb(m) FROM memories m WHERE id = $1"
        tags = r'"SELECT \"T\"\nFROM t WHERE i = $1"'
        path = self.write(
            "origin.conf",
            f"port {port}\nbind 127.0.0.1\n"
            f"origin-rule memory memory:{{id:uuid}} TTL 3600.50 query '{query};'\n"
            f"origin-rule tags tags:{{id:int}} type list query {tags}\n",
        )
        written = (
            f'\norigin-rule memory "memory:{{id:uuid}}" ttl 3600.5 query "{query}"\n'
            f'origin-rule tags "tags:{{id:int}}" type list query {tags}\n'
        )
        for _ in range(2):
            process = self.spawn(path)
            connection = self.await_port(port)
            self.assertEqual(connection.call("CONFIG", "REWRITE"), wire.Status(b"OK"))
            self.assertIn(written, Path(path).read_text())
            process.terminate()
            process.wait(20)
        # And so are those of CONFIG SET, in the place of them.
        process = self.spawn(path)
        connection = self.await_port(port)
        rules = f'other "other:{{id:int}}" ttl 5 query {tags}\nlast "last:{{id:int}}" query {tags}'
        self.assertEqual(
            connection.call("CONFIG", "SET", "origin-rule", rules), wire.Status(b"OK")
        )
        self.assertEqual(connection.call("CONFIG", "REWRITE"), wire.Status(b"OK"))
        process.terminate()
        process.wait(20)
        self.spawn(path)
        connection = self.await_port(port)
        self.assertEqual(connection.call("CONFIG", "GET", "origin-rule")[1], rules.encode())
        self.assertNotIn("memory", Path(path).read_text())

    @own
    def test_a_rule_that_writes_behind_is_kept(self):
        port = live_server.free_port()
        path = self.write("behind.conf", f"port {port}\nbind 127.0.0.1\n")
        process = self.spawn(path)
        connection = self.await_port(port)
        words = ["m", "m:{id:int}", "write", "behind", "upsert", "INSERT INTO m VALUES ($1, $2)"]
        words += ["delete", "DELETE FROM m WHERE id = $1", "query", "SELECT v FROM m WHERE id = $1"]
        self.assertEqual(connection.call("ORIGIN", "SET", *words), wire.Status(b"OK"))
        for name, value in (("journal-rows-max", 77), ("journal-sync-ms", 0), ("drain-ms", 9)):
            reply = connection.call("CONFIG", "SET", f"origin-{name}", value)
            self.assertEqual(reply, wire.Status(b"OK"))
        self.assertEqual(connection.call("CONFIG", "REWRITE"), wire.Status(b"OK"))
        rule = connection.call("ORIGIN", "GET", "m")
        process.terminate()
        process.wait(20)
        self.spawn(path)
        connection = self.await_port(port)
        self.assertEqual(connection.call("ORIGIN", "GET", "m"), rule)
        self.assertIn(b"behind", rule)
        self.assertEqual(
            connection.call("CONFIG", "GET", "origin-journal-rows-max"),
            [b"origin-journal-rows-max", b"77"],
        )

    def test_what_is_rewritten_starts_the_same_server(self):
        port = live_server.free_port()
        path = self.write(
            "x.conf",
            "# My settings\n"
            f"port {port}\n"
            "bind 127.0.0.1\n"
            "\n"
            "# Repeated\n"
            "hz 11\n"
            "hz 12\n"
            "slave-priority 50\n"
            'rename-command FLUSHALL ""\n'
            "save 900 1\n"
            "save 300 10\n",
        )
        process = self.spawn(path, "--loglevel", "verbose")
        connection = self.await_port(port)
        changes = {
            "requirepass": 'pass "word"\\',
            "timeout": "77",
            "save": "60 5",
            "client-output-buffer-limit": "pubsub 1mb 1mb 60",
            "latency-tracking-info-percentiles": "50 99.5",
            "shutdown-on-sigterm": "nosave now",
            "maxmemory-clients": "10%",
            "hash-max-listpack-value": "100",
        }
        for name, value in changes.items():
            self.assertEqual(
                connection.call("CONFIG", "SET", name, value), wire.Status(b"OK"), name
            )
        self.assertEqual(connection.call("CONFIG", "REWRITE"), wire.Status(b"OK"))
        before = dict(self.pairs(connection.call("CONFIG", "GET", "*")))
        text = Path(path).read_text()
        self.assertTrue(
            text.startswith(
                f"# My settings\nport {port}\nbind 127.0.0.1\n\n# Repeated\n" "hz 12\n"
            ),
            msg=text,
        )
        self.assertEqual(text.count("\nhz "), 1)
        self.assertIn('\nrename-command FLUSHALL ""\n', text)
        self.assertIn("\nreplica-priority 50\n", text)
        self.assertIn("\nsave 60 5\n", text)
        self.assertIn("\n# Generated by CONFIG REWRITE\n", text)
        self.assertIn('\nrequirepass "pass \\"word\\"\\\\"\n', text)
        self.assertIn("# CONFIG REWRITE executed with success.", self.out())

        process.terminate()
        process.wait(20)
        self.spawn(path)
        connection = self.await_port(port)
        self.assertEqual(connection.call("AUTH", 'pass "word"\\'), wire.Status(b"OK"))
        after = dict(self.pairs(connection.call("CONFIG", "GET", "*")))
        self.assertEqual(before, after)
        self.assertEqual(connection.call("CONFIG", "REWRITE"), wire.Status(b"OK"))
        if not is_stock():  # which adds user lines
            self.assertEqual(Path(path).read_text(), text)

    @staticmethod
    def pairs(flat):
        return zip(flat[::2], flat[1::2])

    def test_without_a_file(self):
        connection = self.connect(self.start())
        reply = connection.call("CONFIG", "REWRITE")
        self.assertEqual(reply, wire.Error(b"ERR The server is running without a config file"))


class Differential(ProcessCase):
    """Every setting that a stock server has, with many values: the same answers."""

    VALUES = (
        ["", "0", "1", "-1", "2", "5", "10", "99", "100", "101", "500", "1000", "1001", "65535"]
        + ["65536", "2147483647", "2147483648", "4294967295", "4294967296"]
        + ["9223372036854775807", "-2147483648", "-2147483649", "-101", "1mb", "1kb", "64kb", "2gb"]
        + ["1.5mb", "10%", "101%", "yes", "no", "YES", "maybe", "foo", "a/b", "default", "nosave"]
        + ["nosave force", "save now", "always", "everysec", "systemd", "local", "legacy", "debug"]
        + ["verbose", "allkeys-lru", "ip", "relative", "clients", "KEA", "gxE", "Q", "50 99"]
        + ["50 101", "zz 1", "10 5", "10 5 20", "normal 1mb 2mb 3", "slave 1mb 5 6", "pubsub 1 2"]
        + ["0 100 200", "1 2", "0777", "x{title}", "{x}", "a.b-c", "a_b", "optional", "swapdb"]
        + ["panic", "resetchannels", "no one", "h 80", "+5", " 5", "05", "5 "]
    )
    # What would cut the connection, change the machine, or needs what one of the two has not.
    LEFT_OUT = {
        "activedefrag",
        "appendonly",
        "bind",
        "dir",
        "io-threads",
        "loglevel",
        "port",
        "requirepass",
        "syslog-ident",
        "tls-cluster",
        "tls-port",
        "tls-replication",
        "unixsocket",
    }

    def test_config_set_and_get(self):
        if is_stock():
            self.skipTest("compares with a stock server")
        options = ["--enable-protected-configs", "yes", "--enable-debug-command", "yes"]
        for name in ("eviction", "expire", "server-del", "user-del", "user-flush"):
            options += [f"--lazyfree-lazy-{name}", "yes"]
        options += ["--replica-lazy-flush", "yes", "--oom-score-adj", "no"]
        allow_open_files(20000)
        ours = self.connect(self.start(*options))
        stock = live_server.LiveServer(live_server.stock_server(), options)
        self.addCleanup(stock.stop)
        theirs = self.connect(stock)
        # Under a maxmemory-clients of a byte these two would be the first to go.
        for connection in (ours, theirs):
            self.assertEqual(connection.call("CLIENT", "NO-EVICT", "ON"), wire.Status(b"OK"))
        names = [name.decode() for name in theirs.call("CONFIG", "GET", "*")[::2]]
        self.assertGreater(len(names), 150)
        compared = 0
        for name in names:
            if name in self.LEFT_OUT:
                continue
            for value in self.VALUES:
                if name == "maxclients" and value.isdigit() and int(value) > 10000:
                    continue
                if name == "maxmemory" and value.endswith("%"):
                    continue  # only ours takes a share of the machine's memory
                change = ("CONFIG", "SET", name, value)
                self.assertEqual(ours.call(*change), theirs.call(*change), change)
                if name != "repl-backlog-size":  # whose default is another
                    shown = ours.call("CONFIG", "GET", name)
                    self.assertEqual(shown, theirs.call("CONFIG", "GET", name), change)
                compared += 1
        self.assertGreater(compared, 10000)


class LogFile(ProcessCase):
    LINE = re.compile(r"^\d+:[CM] \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} [.*#-] .+$")

    def test_lines_have_redis_form(self):
        log = self.folder / "x.log"
        server = self.start("--logfile", str(log), "--loglevel", "debug")
        lines = log.read_text().splitlines()
        self.assertTrue(any(line.endswith("* Ready to accept connections") for line in lines))
        self.assertTrue(any(f"pid={server.pid}" in line for line in lines))
        for line in lines:
            self.assertRegex(line, self.LINE)

    def test_a_moved_file(self):
        log = self.folder / "x.log"
        server = self.start("--logfile", str(log), "--loglevel", "verbose")
        log.rename(self.folder / "x.log.1")
        self.connect(server).call("PING")
        self.assertTrue(wait_until(lambda: log.exists() and "Accepted" in log.read_text()))
        log.unlink()
        server.process.send_signal(signal.SIGHUP)
        self.connect(server).call("PING")
        self.assertTrue(wait_until(lambda: log.exists() and "Accepted" in log.read_text()))
        self.assertTrue(server.alive())

    @own
    def test_formats(self):
        server = self.start("--log-format", "logfmt", "--loglevel", "verbose")
        connection = self.connect(server)
        self.assertRegex(
            server.log(),
            rf'pid={server.pid} role=primary timestamp="\d\d \w{{3}} \d{{4}} [\d:.]+" level=notice '
            r'message="Ready to accept connections"',
        )
        self.assertEqual(
            connection.call(
                "CONFIG", "SET", "log-format", "legacy", "log-timestamp-format", "iso8601"
            ),
            wire.Status(b"OK"),
        )
        self.connect(server).call("PING")
        pattern = rf"{server.pid}:M \d{{4}}-\d\d-\d\dT[\d:]+\.\d{{3}}[+-]\d\d:\d\d - Accepted"
        self.assertTrue(wait_until(lambda: re.search(pattern, server.log())), msg=server.log())

    def test_loglevel_changes_at_run_time(self):
        server = self.start("--loglevel", "warning")
        self.assertNotIn("Ready to accept connections", server.log())
        connection = self.connect(server)
        connection.call("CONFIG", "SET", "loglevel", "verbose")
        self.connect(server).call("PING")
        self.assertTrue(wait_until(lambda: "Accepted" in server.log()), msg=server.log())


class Process(ProcessCase):
    def test_daemon(self):
        port = live_server.free_port()
        pid_file = self.folder / "x.pid"
        log = self.folder / "x.log"
        self.write(
            "x.conf",
            f'daemonize yes\npidfile {pid_file}\nlogfile {log}\nport {port}\nsave ""\n',
        )
        done = self.run_server("x.conf")
        self.assertEqual(done.returncode, 0, msg=done.stdout)
        connection = self.await_port_quietly(port)
        self.assertTrue(wait_until(lambda: pid_file.exists() and pid_file.read_text()))
        pid = int(pid_file.read_text())
        self.addCleanup(self.kill_if_alive, pid)
        self.assertEqual(pid_file.read_text(), f"{pid}\n")
        info = connection.call("INFO", "server").decode()
        self.assertIn(f"process_id:{pid}\r\n", info)
        self.assertEqual(os.getsid(pid), pid)
        for stream in (0, 1, 2):
            self.assertEqual(os.readlink(f"/proc/{pid}/fd/{stream}"), "/dev/null")
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), str(self.folder))
        os.kill(pid, signal.SIGTERM)
        self.assertTrue(wait_until(lambda: not pid_file.exists()))
        self.assertTrue(wait_until(lambda: "ready to exit" in log.read_text()))
        self.assertIn("* Removing the pid file.", log.read_text())

    def await_port_quietly(self, port: int) -> wire.Connection:
        (self.folder / "out").touch()
        return self.await_port(port)

    @staticmethod
    def kill_if_alive(pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    @own
    def test_a_second_server_leaves_the_pid_file_alone(self):
        pid_file = self.folder / "x.pid"
        server = self.start("--pidfile", str(pid_file))
        self.assertEqual(pid_file.read_text(), f"{server.pid}\n")
        done = self.run_server(
            "--port", str(server.port), "--pidfile", str(pid_file), "--bind", "127.0.0.1"
        )
        self.assertEqual(done.returncode, 1, msg=done.stdout)
        self.assertEqual(pid_file.read_text(), f"{server.pid}\n")

    def test_systemd_is_told(self):
        address = str(self.folder / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(address)
            systemd.settimeout(20)
            port = live_server.free_port()
            # Under a supervisor the server does not go to the background.
            process = self.spawn(
                *("--port", str(port), "--supervised", "auto", "--daemonize", "yes", "--save", ""),
                env={**os.environ, "NOTIFY_SOCKET": address},
            )
            told = b""
            while b"READY=1" not in told:
                told += systemd.recv(4096)
            self.assertIn(b"STATUS=Ready to accept connections", told + systemd_rest(systemd))
            self.await_port(port)
            self.assertIsNone(process.poll())
            if not is_stock():
                process.terminate()
                self.assertTrue(systemd.recv(4096).startswith(b"STOPPING=1"))
                self.assertEqual(process.wait(20), 0)

    def test_title(self):
        server = self.start()
        command_line = Path(f"/proc/{server.pid}/cmdline")
        title = f"{binary()} 127.0.0.1:{server.port}\0".encode()
        shows = lambda: command_line.read_bytes().startswith(title)
        self.assertTrue(wait_until(shows), msg=command_line.read_bytes())
        connection = self.connect(server)
        connection.call("CONFIG", "SET", "proc-title-template", "cache on {port} {server-mode}")
        self.assertTrue(
            command_line.read_bytes().startswith(f"cache on {server.port}\0".encode())
        )

    def test_open_files_are_raised(self):
        port = live_server.free_port()
        limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 4096))
        self.spawn("--port", str(port), "--maxclients", "200", preexec_fn=limit)
        connection = self.await_port(port)
        self.assertIn(
            "* Increased maximum number of open files to 232 (it was originally set to 100).",
            self.out(),
        )
        self.assertEqual(connection.call("CONFIG", "GET", "maxclients"), [b"maxclients", b"200"])
        if not is_stock():  # which has given the rest away
            reply = connection.call("CONFIG", "SET", "maxclients", 300)
            self.assertEqual(reply, wire.Status(b"OK"))

    @own  # a stock server asks the kernel millions of times
    def test_maxclients_that_cannot_be(self):
        server = self.start("--maxclients", "100")
        connection = self.connect(server)
        # More than any system allows.
        reply = connection.call("CONFIG", "SET", "timeout", "5", "maxclients", "2000000000")
        self.assertRegex(
            reply.text,
            rb"^ERR CONFIG SET failed \(possibly related to argument 'maxclients'\) - The "
            rb"operating system is not able to handle the specified number of clients, try with "
            rb"\d+$",
        )
        self.assertEqual(connection.call("CONFIG", "GET", "maxclients"), [b"maxclients", b"100"])
        self.assertEqual(connection.call("CONFIG", "GET", "timeout"), [b"timeout", b"0"])
        self.assertIn(
            "Possibly related to new maxclients setting. Restoring previous", server.log()
        )

    def test_port_changes_at_run_time(self):
        server = self.start()
        connection = self.connect(server)
        port = live_server.free_port()
        self.assertEqual(connection.call("CONFIG", "SET", "port", port), wire.Status(b"OK"))
        with wire.Connection(("127.0.0.1", port)) as moved:
            self.assertEqual(moved.call("PING"), wire.Status(b"PONG"))
        with self.assertRaises(OSError):
            socket.create_connection(server.address, 2).close()
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = other.getsockname()[1]
            reply = connection.call("CONFIG", "SET", "timeout", "9", "port", taken)
            self.assertIsInstance(reply, wire.Error)
            self.assertIn(b"related to argument 'port'", reply.text)
        self.assertEqual(connection.call("CONFIG", "GET", "port"), [b"port", b"%d" % port])
        self.assertEqual(connection.call("CONFIG", "GET", "timeout"), [b"timeout", b"0"])
        with wire.Connection(("127.0.0.1", port)) as moved:
            self.assertEqual(moved.call("PING"), wire.Status(b"PONG"))


def systemd_rest(systemd: socket.socket) -> bytes:
    """What else has been sent."""
    rest = b""
    systemd.setblocking(False)
    try:
        while True:
            rest += systemd.recv(4096)
    except BlockingIOError:
        pass
    systemd.settimeout(20)
    return rest


if __name__ == "__main__":
    unittest.main()
