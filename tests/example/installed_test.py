"""What `cmake --install` installs: a program outside of this tree builds against the engine and runs, and
the server starts from its default configuration.

Usage: installed_test.py SOURCE_DIR BUILD_DIR COMPILER
"""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE, BUILD, COMPILER = (pathlib.Path(a) for a in sys.argv[1:4])


def run(*command, **options):
    """Runs a command; shows what it printed when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} failed with {done.returncode}:\n{done.stdout}")
    return done.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.stage = cls.folder / "stage"
        cls.install()
        cls.prefix = next(cls.stage.rglob("bin/alai-server")).parents[1]
        cls.conf = next(cls.stage.rglob("etc/alai/alai.conf"))

    @classmethod
    def install(cls):
        run("cmake", "--install", BUILD, env={**os.environ, "DESTDIR": str(cls.stage)})

    def test_a_program_uses_the_engine(self):
        source = SOURCE / "tests" / "example" / "session_cache"
        build = self.folder / "session_cache"
        run("cmake", "-G", "Ninja", "-S", source, "-B", build, f"-DCMAKE_CXX_COMPILER={COMPILER}",
            f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
        run("cmake", "--build", build)
        self.assertIn("keys: 4001", run(build / "session_cache"))

    def test_nothing_of_the_source_tree_is_needed(self):
        for path in self.prefix.rglob("*.cmake"):
            self.assertNotIn(str(SOURCE), path.read_text(), path)

    def test_the_server_starts_from_its_configuration(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = self.folder / "log"
        server = subprocess.Popen([self.prefix / "bin" / "alai-server", self.conf, "--port", str(port),
                                   "--dir", self.folder, "--logfile", log])
        try:
            self.assertEqual(self.ask(port, b"PING"), b"+PONG\r\n")
            self.assertIn(b"yes", self.ask(port, b"CONFIG GET protected-mode"))
            warnings = [line for line in log.read_text().splitlines() if "directive" in line.lower()]
            self.assertEqual(warnings, [])
        finally:
            server.terminate()
            self.assertEqual(server.wait(20), 0)

    def ask(self, port, request):
        deadline = time.monotonic() + 10
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), 5) as connection:
                    connection.sendall(request + b"\r\n")
                    return connection.recv(4096)
            except ConnectionRefusedError:
                self.assertLess(time.monotonic(), deadline, "the server does not listen")
                time.sleep(0.02)

    def test_an_older_configuration_is_kept(self):
        text = self.conf.read_text()
        try:
            self.conf.write_text("port 7\n")
            self.install()
            self.assertEqual(self.conf.read_text(), "port 7\n")
        finally:
            self.conf.write_text(text)

    def test_the_unit_runs_what_is_installed(self):
        unit = next(self.prefix.rglob("alai-server.service")).read_text()
        command = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
        program, conf = command.removeprefix("ExecStart=").split()[:2]
        self.assertEqual(self.stage / program.lstrip("/"), self.prefix / "bin" / "alai-server")
        self.assertEqual(self.stage / conf.lstrip("/"), self.conf)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze here")
    def test_systemd_has_nothing_against_the_unit(self):
        unit = next(self.prefix.rglob("alai-server.service")).read_text()
        program = self.prefix / "bin" / "alai-server"
        copy = self.folder / "alai-server.service"
        copy.write_text(unit.replace(f"/{program.relative_to(self.stage)}", str(program)))
        self.assertEqual(self.found_by_systemd(copy), [])
        copy.write_text(copy.read_text().replace("ProtectClock=yes", "ProtectClocks=yes"))
        if not any("ProtectClocks" in line for line in self.found_by_systemd(copy)):
            self.skipTest("systemd-analyze finds no mistake here")

    def found_by_systemd(self, unit):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return [line for line in done.stdout.splitlines() if "alai" in line]

    def test_the_manual_page_is_well_formed(self):
        page = next(self.prefix.rglob("man1/alai-server.1"))
        ways = {"man": ["man", "--warnings", "-Tutf8", "-Z", "-l"],
                "groff": ["groff", "-ww", "-man", "-Tutf8", "-Z"]}
        found = [way for program, way in ways.items() if shutil.which(program)]
        if not found:
            self.skipTest("there is neither man nor groff here")
        for way in found:
            done = subprocess.run([*way, page], capture_output=True, text=True,
                                  env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": ""})
            self.assertEqual((done.returncode, done.stderr), (0, ""), way)
            self.assertIn("alai", done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
