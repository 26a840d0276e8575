"""The base of tests on a real PostgreSQL: a private one for each class of tests."""

from __future__ import annotations

import unittest

import postgres
from postgres import Postgres
from server_case import ServerCase, is_stock


class PostgresCase(ServerCase):
    """`self.database` is shared by the tests of a class, each of which finds it running and empty."""

    database: Postgres
    # Settings of PostgreSQL beyond those of every test.
    settings: dict[str, str] = {}

    @classmethod
    def setUpClass(cls):
        if is_stock():
            raise unittest.SkipTest("a stock server has no origin")
        if postgres.programs() is None:
            raise unittest.SkipTest("no PostgreSQL from 15 on is installed")
        cls.database = Postgres(**cls.settings)
        cls.addClassCleanup(cls.database.close)

    def setUp(self):
        if self.database.process is None or self.database.process.poll() is not None:
            self.database.process = None
            self.database.start()
        self.database.psql(
            "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC"
        )

    def sql(self, text: str) -> str:
        return self.database.psql(text, role="app")
