"""The platform on a PostgreSQL, over HTTP: no line of it keeps the cache, and yet what it shows is what the
tables hold. Who changes a row, with the application or behind its back, is heard of by trigger."""

from __future__ import annotations

import contextlib
import json
import signal
from concurrent.futures import ThreadPoolExecutor

import psycopg2

import wire
from platform_case import (
    Caller,
    DatabaseCase,
    memory,
    memory_id,
    memory_ids,
    profile,
    user_id,
)
from server_case import allow_open_files, wait_until

ROOT = 2000
# Nothing has this number.
NOBODY = 900_000
CONTENT = {"title": "A walk", "text": "To the lighthouse."}


def is_status(status: int):
    return lambda answer: answer.status == status


def says(**fields: object):
    """Whether an answer is 200 and has these fields."""
    return lambda answer: answer.status == 200 and fields.items() <= answer.json.items()


class Tables(DatabaseCase):
    DIRECT, OVER_HTTP = 1000, 100

    def test_memories_and_profiles_come_from_the_tables_and_then_from_the_cache(self):
        caller = self.logged_in("root")
        body = json.loads(self.sql(f"SELECT body FROM memories WHERE id = '{memory_id(7)}'"))
        expected = {**body, "id": memory_id(7), "user": user_id(7)}
        for _ in range(3):
            answer = caller.get(memory(7))
            self.assertEqual((answer.status, answer.cache), (200, "through"))
            self.assertEqual(answer.json, expected)
            self.assertIn(len(answer.body), range(250, 500))
        for _ in range(2):
            about = {"name": "user-8", "about": "Writes since day 8"}
            self.assertEqual(caller.get(profile(8)).json, about)
            self.assertEqual(caller.get(profile(9)).json, {"name": "user-9", "about": None})
        figures = self.figures_of_rule("memory")
        self.assertEqual((figures["hits"], figures["misses"], figures["filled"]), (2, 1, 1))
        self.assertEqual((self.queries("memories"), self.queries("users")), (1, 2))
        self.assertEqual(caller.get("/memories/7").status, 422)
        self.assertEqual(caller.get(profile(NOBODY)).status, 404)

    def test_pages_and_timelines_keep_each_memory_once(self):
        caller = self.logged_in("root")
        page = caller.get("/memories?offset=0&limit=10")
        self.assertEqual([m["id"] for m in page.json["memories"]], memory_ids(1, 10))
        answer = caller.get(profile(3) + "/memories")
        ids = [m["id"] for m in answer.json["memories"]]
        self.assertEqual(ids, [memory_id(2003), memory_id(3)])
        for offset, expected in ((0, ids[:1]), (1, ids[1:]), (2, [])):
            part = caller.get(profile(3) + f"/memories?offset={offset}&limit=1")
            self.assertEqual([m["id"] for m in part.json["memories"]], expected)
        self.assertEqual(caller.get(profile(NOBODY) + "/memories").json, {"memories": []})
        self.assertEqual(len(self.keys("memory:*")), 11)
        figures = self.figures_of_rule("memory")
        self.assertEqual((figures["loads"], figures["hits"]), (11, 3))

    def test_scores_are_read_through_and_forgotten_at_logout(self):
        caller, other = self.logged_in("user-7"), self.logged_in("user-70")
        for each, value in ((caller, 0.049), (other, 0.49)):
            for _ in range(2):
                self.assertEqual(each.get("/scores/today/sun").json, {"score": value})
        self.assertEqual(caller.get("/scores/today/rain").status, 404)
        self.assertEqual(caller.post("/logout").status, 204)
        gone = lambda: self.keys("score:*") == ["score:user-70:today:sun"]
        self.assertTrue(wait_until(gone))
        caller.login("user-7")
        self.sql("UPDATE scores SET value = 0.5 WHERE user_name LIKE 'user-7%' AND token = 'sun'")
        for each in (caller, other):
            self.await_answer(each, "/scores/today/sun", says(score=0.5))

    def test_an_update_is_seen_whoever_makes_it(self):
        caller = self.logged_in("user-7")
        before = caller.get(memory(7))
        self.assertEqual(caller.get(memory(7)).body, before.body)
        self.assertEqual(caller.put(memory(7), CONTENT).status, 204)
        self.await_answer(caller, memory(7), says(**CONTENT, user=user_id(7)))
        # Another program, which knows nothing of a cache.
        self.sql(
            "UPDATE memories SET body = body || '{\"title\": \"Renamed\"}'"
            f" WHERE id = '{memory_id(7)}'"
        )
        self.await_answer(caller, memory(7), says(title="Renamed", text=CONTENT["text"]))
        self.assertEqual(caller.get(profile(7)).json["about"], "Writes since day 7")
        self.assertEqual(caller.patch(profile(7), {"about": None}).status, 204)
        self.await_answer(caller, profile(7), says(name="user-7", about=None))

    def test_what_is_deleted_is_gone_and_its_absence_is_remembered(self):
        caller = self.logged_in("user-7")
        self.assertEqual(caller.get(memory(7)).status, 200)
        self.assertEqual(len(caller.get(profile(7) + "/memories").json["memories"]), 2)
        self.assertEqual(caller.delete(memory(7)).status, 204)
        self.await_answer(caller, memory(7), is_status(404))
        remains = lambda answer: [m["id"] for m in answer.json["memories"]] == [memory_id(2007)]
        self.await_answer(caller, profile(7) + "/memories", remains)
        before = self.queries()
        negative_hits = self.figures_of_rule("memory")["negative_hits"]
        for _ in range(5):
            self.assertEqual(caller.get(memory(7)).status, 404)
        self.assertEqual(self.queries(), before)
        self.assertEqual(self.figures_of_rule("memory")["negative_hits"], negative_hits + 5)
        self.assertEqual(self.keys(f"memory:{memory_id(7)}"), [])
        self.assertEqual(caller.delete(memory(7)).status, 404)

    def test_what_was_asked_for_before_it_was_made(self):
        caller, timeline = self.logged_in("root"), profile(ROOT) + "/memories"
        for _ in range(3):
            self.assertEqual(caller.get(memory(NOBODY)).status, 404)
            self.assertEqual(caller.get(timeline).json, {"memories": []})
        self.assertEqual(self.queries(), 2)
        self.assertEqual(caller.put(memory(NOBODY), CONTENT).status, 201)
        self.await_answer(caller, memory(NOBODY), says(**CONTENT, user=user_id(ROOT)))
        self.await_answer(caller, timeline, lambda answer: len(answer.json["memories"]) == 1)

    def test_a_memory_that_changes_hands_leaves_one_timeline_and_enters_the_other(self):
        caller = self.logged_in("root")
        for number in (7, 8):
            self.assertEqual(len(caller.get(profile(number) + "/memories").json["memories"]), 2)
        row = f"WHERE id = '{memory_id(7)}'"
        self.sql(f"UPDATE memories SET user_id = '{user_id(8)}' {row}")
        for number, count in ((7, 1), (8, 3)):
            holds = lambda answer: len(answer.json["memories"]) == count
            self.await_answer(caller, profile(number) + "/memories", holds)
        self.await_answer(caller, memory(7), says(user=user_id(8)))

    def test_a_transaction_is_seen_when_it_is_committed_and_never_when_it_is_not(self):
        caller = self.logged_in("root")
        before = {path: caller.get(path).json for path in (memory(7), profile(7))}
        connection = psycopg2.connect(self.database.url)
        self.addCleanup(connection.close)
        change = (
            f"UPDATE users SET about = 'new' WHERE id = '{user_id(7)}';"
            f"UPDATE memories SET body = '{{}}' WHERE id = '{memory_id(7)}'"
        )
        queries = self.queries()
        for end in (connection.rollback, connection.commit):
            connection.cursor().execute(change)
            for path, content in before.items():
                self.assertEqual(caller.get(path).json, content)
            end()
        self.await_answer(caller, profile(7), says(about="new"))
        self.await_answer(caller, memory(7), lambda answer: "title" not in answer.json)
        self.assertEqual(self.queries() - queries, 2)
        self.assertEqual(self.figures_of_rule("profile")["invalidations"], 1)

    def test_only_whom_it_belongs_to_may_write(self):
        caller, admin = self.logged_in("user-7"), self.logged_in("root")
        self.assertEqual(caller.put(memory(8), CONTENT).status, 403)
        self.assertEqual(caller.delete(memory(8)).status, 404)
        self.assertEqual(caller.patch(profile(8), {"about": "x"}).status, 403)
        self.assertEqual(self.caller().put(memory(7), CONTENT).status, 401)
        self.assertEqual(caller.put(memory(7), {"title": "\0", "text": ""}).status, 422)
        self.assertEqual(admin.put(memory(8), CONTENT).status, 204)
        self.await_answer(admin, memory(8), says(**CONTENT, user=user_id(8)))

    def test_a_thousand_who_ask_for_one_cold_memory_are_one_query(self):
        """The table is locked until all of them wait."""
        allow_open_files(3 * self.DIRECT)
        token = self.logged_in("root").token
        app = self.start_app(cache_connections_max=2 * self.OVER_HTTP)
        clients = [self.connect(self.server, 60.0) for _ in range(self.DIRECT)]
        callers = [self.caller(app, token) for _ in range(self.OVER_HTTP)]
        with ThreadPoolExecutor(self.OVER_HTTP) as threads:
            with self.table_locked("memories"):
                for client in clients:
                    client.send(wire.encode([b"GET", f"memory:{memory_id(7)}".encode()]))
                answers = [threads.submit(caller.get, memory(7)) for caller in callers]
                others = self.DIRECT + self.OVER_HTTP - 1
                waiting = lambda: self.figures_of_rule("memory")["coalesced"] == others
                self.assertTrue(wait_until(waiting, 15.0), msg=self.figures_of_rule("memory"))
            values = {client.read() for client in clients}
            values |= {answer.result().body for answer in answers}
        self.assertEqual(len(values), 1)
        self.assertEqual(json.loads(values.pop())["title"], "Memory 7")
        self.assertEqual(self.queries("memories"), 1)
        self.assertEqual(self.figures_of_rule("memory")["batches"], 1)

    @contextlib.contextmanager
    def table_locked(self, table: str):
        connection = psycopg2.connect(self.database.url)
        try:
            connection.cursor().execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
        finally:
            connection.close()


class Outages(DatabaseCase):
    def health(self) -> dict[str, str]:
        with contextlib.closing(Caller(self.app)) as caller:
            answer = caller.get("/health")
        self.assertEqual(answer.status, 200)
        return answer.json

    def await_health(self, **states: str) -> None:
        expected = {"cache": "up", "database": "up", **states}
        expected["status"] = "ok" if set(expected.values()) == {"up"} else "degraded"
        seen = []
        same = lambda: seen.append(self.health()) or seen[-1] == expected
        self.assertTrue(wait_until(same, 30.0), msg=f"{seen[-1:]} instead of {expected}")

    def test_the_cache_is_killed_and_comes_back(self):
        caller = self.logged_in("root")
        paths = [memory(7), profile(7), profile(7) + "/memories", "/memories?limit=3"]
        through = {path: caller.get(path) for path in paths}
        self.await_health()
        self.kill_cache()
        self.await_health(cache="down")
        for path, before in through.items():
            answer = caller.get(path)
            self.assertEqual((answer.status, answer.cache), (200, "bypass"))
            self.assertEqual(answer.body, before.body)
        self.assertEqual(caller.get(memory(NOBODY)).status, 404)
        self.assertEqual(caller.put(memory(7), CONTENT).status, 204)
        self.assertEqual(caller.delete(memory(8)).status, 204)
        self.assertTrue(says(**CONTENT)(caller.get(memory(7))))
        self.restart_cache()
        self.await_health()
        self.await_answer(caller, memory(7), lambda answer: answer.cache == "through")
        self.assertTrue(says(**CONTENT)(caller.get(memory(7))))
        self.assertEqual(caller.get(memory(8)).status, 404)

    def test_a_cache_that_hung_has_heard_of_what_changed_meanwhile(self):
        caller = self.logged_in("root")
        for day in (7, 8, NOBODY):
            caller.get(memory(day))
        self.server.process.send_signal(signal.SIGSTOP)
        try:
            self.assertEqual(self.sql("SELECT 1"), "1")
            self.sql(
                f"UPDATE memories SET body = '{json.dumps(CONTENT)}' WHERE id = '{memory_id(7)}';"
                f"DELETE FROM memories WHERE id = '{memory_id(8)}';"
                f"INSERT INTO memories VALUES ('{memory_id(NOBODY)}', '{user_id(7)}', '{{}}')"
            )
        finally:
            self.server.process.send_signal(signal.SIGCONT)
        self.await_answer(caller, memory(7), says(**CONTENT))
        self.await_answer(caller, memory(8), is_status(404))
        self.await_answer(caller, memory(NOBODY), is_status(200))

    def test_the_database_is_down_and_comes_back(self):
        caller = self.logged_in("user-7")
        before = {path: caller.get(path).body for path in (memory(7), profile(7))}
        self.assertEqual(caller.get(memory(NOBODY)).status, 404)
        self.database.stop()
        self.await_health(database="down")
        for _ in range(10):
            for path, body in before.items():
                answer = caller.get(path)
                self.assertEqual((answer.status, answer.body), (200, body))
        # What nobody knows is neither there nor not there.
        answer = caller.get(memory(9))
        self.assertEqual((answer.status, answer.number("Retry-After")), (503, 1))
        self.assertEqual(caller.put(memory(7), CONTENT).status, 503)
        self.assertEqual(caller.get("/session").status, 200)
        self.assertEqual(self.caller(token="user-8.guessed").get("/session").status, 503)
        self.assertGreater(self.figures_of_rule("memory")["stale_served"], 0)

        self.database.start()
        # Before the cache hears of anything again.
        self.sql(f"UPDATE memories SET body = '{json.dumps(CONTENT)}' WHERE id = '{memory_id(7)}'")
        self.await_health()
        self.await_answer(caller, memory(7), says(**CONTENT))
        self.await_answer(caller, memory(9), is_status(200))
        self.await_listening(self.server)
        self.assertEqual(caller.put(memory(7), {"title": "Back", "text": ""}).status, 204)
        self.await_answer(caller, memory(7), says(title="Back"))
        self.await_answer(caller, memory(NOBODY), is_status(404))

    def test_both_are_down(self):
        caller = self.logged_in("user-7")
        self.kill_cache()
        self.database.stop()
        self.await_health(cache="down", database="down")
        for path in (memory(7), profile(7), "/memories", "/session"):
            self.assertEqual(caller.get(path).status, 503)
        self.database.start()
        self.await_health(cache="down")
        self.assertEqual(caller.get(memory(7)).status, 200)
