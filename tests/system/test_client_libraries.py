"""Real client libraries: Debian's python3-redis and php-redis, and npm's ioredis and redis.

The npm packages are installed into the build directory, with the versions of node/package-lock.json.
Each comes in a version that runs on every Node.js and in its newest, which opens with HELLO 3.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import server_case
from server_case import ServerCase

FOLDER = Path(__file__).resolve().parent
# Debian's interpreter, which has Debian's packages, whatever else is first in PATH.
SYSTEM_PYTHON = "/usr/bin/python3"


class ClientLibraries(ServerCase):
    def setUp(self):
        self.server = self.start()
        self.port = str(self.server.port)

    def check(self, *command: str) -> None:
        done = self.run_program(*command, seconds=120)
        self.assertEqual(done.stdout.decode().strip(), "ok")

    def test_python_redis(self):
        self.check(SYSTEM_PYTHON, str(FOLDER / "clients" / "python_client.py"), self.port)

    def test_php_redis(self):
        self.check("php", str(FOLDER / "clients" / "php_client.php"), self.port)


class NodeLibraries(ServerCase):
    @classmethod
    def setUpClass(cls):
        cls.modules = install_node_modules()

    def setUp(self):
        self.server = self.start()
        self.port = str(self.server.port)
        node_version = self.run_program("node", "--version").stdout.decode()
        self.newest_run = int(node_version.lstrip("v").split(".")[0]) >= 20
        os.environ["NODE_PATH"] = str(self.modules)

    def check(self, program: str, *arguments: str) -> None:
        done = self.run_program("node", str(FOLDER / "node" / program), *arguments, seconds=120)
        self.assertEqual(done.stdout.decode().strip(), "ok")

    def test_ioredis(self):
        self.check("ioredis_client.js", "ioredis-5", self.port)

    def test_newest_ioredis(self):
        if not self.newest_run:
            self.skipTest("needs Node.js 20")
        self.check("ioredis_client.js", "ioredis-6", self.port)

    def test_redis(self):
        self.check("redis_client.js", "redis-4", self.port)

    def test_newest_redis_in_both_protocols(self):
        if not self.newest_run:
            self.skipTest("needs Node.js 20")
        self.check("redis_client.js", "redis-6", self.port)
        self.check("redis_client.js", "redis-6", self.port, "2")
        self.check("redis_client.js", "redis-6", self.port, "3")


def install_node_modules() -> Path:
    """Installs what package-lock.json names, unless the build directory has it already."""
    target = server_case.build_directory() / "system-tests" / "node"
    wanted = (FOLDER / "node" / "package-lock.json").read_bytes()
    mark = target / "installed-lock.json"
    if not mark.exists() or mark.read_bytes() != wanted:
        target.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(FOLDER / "node" / name, target / name)
        case = ServerCase()
        case.run_program(
            "npm", "ci", "--prefix", str(target), "--no-audit", "--no-fund", seconds=300
        )
        mark.write_bytes(wanted)
    return target / "node_modules"
