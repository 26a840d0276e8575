"""The base of tests of the read-through cache: our server in front of a private PostgreSQL, and a count of
the queries that reach the database."""

from __future__ import annotations

import wire
from live_server import LiveServer
from postgres_case import PostgresCase
from server_case import wait_until

UUID = "00000000-0000-4000-8000-{:012x}"
MEMORY = [
    "memory",
    "memory:{id:uuid}",
    "ttl",
    "3600",
    "negative-ttl",
    "30",
    "query",
    "SELECT body FROM memories WHERE id = $1",
]
# How the log tells of a batch query that a rule derives.
QUERY_MARK = "execute <unnamed>: SELECT alai_key"


def memory_key(number: int) -> str:
    return "memory:" + UUID.format(number)


def rule(name: str, pattern: str, query: str, **options: object) -> list[str]:
    """The words of an origin-rule line; `_` in a name stands for `-`."""
    words = [name, pattern]
    for option, value in options.items():
        words += [option.replace("_", "-"), str(value)]
    return [*words, "query", query]


class OriginCase(PostgresCase):
    # The log shows every statement, which is how queries are counted.
    settings = {"log_statement": "all", "log_min_messages": "log"}

    def setUp(self):
        super().setUp()
        self.sql(
            "CREATE TABLE memories (id uuid PRIMARY KEY, body text);"
            "INSERT INTO memories SELECT"
            "  ('00000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'memory ' || i"
            "  FROM generate_series(1, 1000) i"
        )

    def start_origin(self, *rules: list[str], url: str | None = None, options=()) -> LiveServer:
        words = ["--origin-url", url or self.database.url, *options]
        for each in rules or (MEMORY,):
            words += ["--origin-rule", *each]
        server = self.start(*words)
        self.addCleanup(self.show_log, server)
        return server

    def show_log(self, server: LiveServer) -> None:
        """What the server said helps where a test fails."""
        outcome = getattr(self, "_outcome", None)
        if outcome is not None and not getattr(outcome, "success", True):
            print(server.log_tail())

    def queries(self) -> int:
        """How many queries of rules the database has begun."""
        return self.database.log().count(QUERY_MARK)

    def await_value(
        self, connection: wire.Connection, key: str, value: bytes | None, seconds: float = 10.0
    ) -> None:
        """GET gives this value before long."""
        last = []

        def holds() -> bool:
            last[:] = [connection.call("GET", key)]
            return last[0] == value

        self.assertTrue(wait_until(holds, seconds), msg=f"{key}: {last} instead of {value!r}")
