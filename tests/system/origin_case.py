"""The base of tests of the read-through cache: our server in front of a private PostgreSQL, and a count of
the queries that reach the database."""

from __future__ import annotations

import contextlib

import psycopg2

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
    "timeout-ms",
    "10000",
    "query",
    "SELECT body FROM memories WHERE id = $1",
]
# In a query: waits while a test is in its block of `queries_held`.
HELD = "left(pg_advisory_xact_lock_shared(1)::text, 0)"
# How the log tells of a batch query that a rule derives.
QUERY_MARK = "execute <unnamed>: SELECT alai_key"


def memory_key(number: int) -> str:
    return "memory:" + UUID.format(number)


def rule(name: str, pattern: str, query: str, **options: object) -> list[str]:
    """The words of an origin-rule line; `_` in a name stands for `-`. Unless it says otherwise, a query may take
    longer than it does on a busy machine."""
    words = [name, pattern]
    for option, value in {"timeout_ms": 10_000, **options}.items():
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

    def start_origin(
        self, *rules: list[str], url: str | None = None, options=(), heard: bool = True
    ) -> LiveServer:
        """`heard`: once it hears of changes, when it doubts what was loaded before."""
        words = ["--origin-url", url or self.database.url, *options]
        for each in rules or (MEMORY,):
            words += ["--origin-rule", *each]
        server = self.start(*words)
        self.addCleanup(self.show_log, server)
        if heard:
            with server.connect() as client:
                self.await_info(client, "origin_listening", 1)
        return server

    def await_info(self, client: wire.Connection, field: str, value: object) -> None:
        """INFO origin comes to have this line."""
        line = f"\r\n{field}:{value}\r\n".encode()
        self.assertTrue(
            wait_until(lambda: line in client.call("INFO", "origin"), 30.0),
            msg=client.call("INFO", "origin"),
        )

    @contextlib.contextmanager
    def queries_held(self):
        """In this block queries with HELD wait; the function that it gives lets them go on."""
        connection = psycopg2.connect(self.database.url)
        try:
            connection.cursor().execute("SELECT pg_advisory_lock(1)")
            yield connection.close
        finally:
            connection.close()

    def await_held(self, count: int = 1) -> None:
        """So many queries wait at least."""
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"
        self.assertTrue(wait_until(lambda: int(self.database.psql(waiting)) >= count, 30.0))

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
