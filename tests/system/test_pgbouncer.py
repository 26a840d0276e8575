"""The database's client with a pgbouncer in transaction mode in between, where each transaction may run in
another session: everything but listening works as it does without."""

from __future__ import annotations

import os
import subprocess
import unittest

import pgbouncer
from postgres_case import PostgresCase
from server_case import build_directory


@unittest.skipIf(pgbouncer.program() is None, "no pgbouncer is installed")
class Pooled(PostgresCase):
    def run_cases(self, *names: str) -> None:
        pooler = pgbouncer.Pgbouncer(self.database)
        self.addCleanup(pooler.close)
        environment = {
            **os.environ,
            "ALAI_POSTGRES_URL": self.database.url,
            "ALAI_POSTGRES_TCP_URL": self.database.tcp_url(),
            "ALAI_POOLER_URL": pooler.url,
        }
        program = str(build_directory() / "tests" / "postgres_test")
        done = subprocess.run(
            [program, *names], env=environment, capture_output=True, timeout=120
        )
        shown = (done.stdout + done.stderr).decode(errors="replace")
        self.assertEqual(done.returncode, 0, msg=shown[-4000:])
        self.assertIn("All tests passed", shown)

    def test_loads_checks_and_writes(self):
        self.run_cases("~[listener]")

    def test_a_listener_says_that_it_hears_nothing(self):
        self.run_cases("[.pooler]")
