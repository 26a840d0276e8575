"""A day of the platform, played: people browse memories and profiles, few of them often, and change some. How
many of their reads the cache answers, and of how many queries it relieves the database, by the cache's own
figures and by the database's count.

What is asked comes from a seed. Where one thing happens after the other a model says each figure exactly; where
things happen at once it says the bounds, which follow from what is asked and never from how fast anything is.
"""

from __future__ import annotations

import collections
import random
import threading
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Callable, Iterator, Tuple

import psycopg2

import wire
from platform_case import DatabaseCase, memory, memory_id, profile, user_id
from server_case import wait_until

SEED = 20261129
MEMORIES, USERS = 4000, 2000
# The share of the n-th most popular thing is in proportion to 1 / n ** this.
ZIPF_EXPONENT = 1.0
# How the log says that changes are heard of, or not.
HEARING = "changes of the database are"
# Rules that hear of a change to each table.
RULES_OF = {"memories": ("memory", "timeline"), "users": ("profile",)}

# A table, and which of its things.
Row = Tuple[str, int]


class Popularity:
    """Which of some numbers are drawn how often; the same in every process."""

    def __init__(self, numbers: range):
        self._numbers = list(numbers)
        random.Random(SEED).shuffle(self._numbers)
        weights = (1 / rank**ZIPF_EXPONENT for rank in range(1, len(numbers) + 1))
        self._cumulative = list(accumulate(weights))

    def draw(self, chosen: random.Random) -> int:
        return chosen.choices(self._numbers, cum_weights=self._cumulative)[0]


# A tenth of the memories that are asked for were never written.
POPULARITY = {
    "memories": Popularity(range(1, MEMORIES * 10 // 9 + 1)),
    "users": Popularity(range(USERS)),
}


def draw_many(count: int, chosen: random.Random) -> Iterator[Row]:
    """What is asked for, one after the other."""
    for _ in range(count):
        table = "memories" if chosen.random() < 0.75 else "users"
        yield table, POPULARITY[table].draw(chosen)


def exists(row: Row) -> bool:
    return row[0] == "users" or row[1] <= MEMORIES


@dataclass
class Model:
    """What the cache holds of a rule, and what it has done, when one thing happens after the other."""

    there: set[int] = field(default_factory=set)
    absent: set[int] = field(default_factory=set)
    figures: collections.Counter[str] = field(default_factory=collections.Counter)

    def read(self, number: int, is_there: bool) -> None:
        if number in self.there:
            self.figures["hits"] += 1
            return
        self.figures["misses"] += 1
        if number in self.absent:
            self.figures["negative_hits"] += 1
            return
        self.figures["loads"] += 1
        self.figures["batches"] += 1
        self.figures["filled" if is_there else "absent"] += 1
        (self.there if is_there else self.absent).add(number)

    def change(self, number: int) -> None:
        self.figures["invalidations"] += 1
        self.there.discard(number)
        self.absent.discard(number)


class PlayedLoad(DatabaseCase):
    EXACT = ("hits", "misses", "negative_hits", "loads", "batches", "filled", "absent")
    NEVER = ("errors", "timeouts", "overloads", "stale_served", "refreshes", "too_large")

    def play(self, load: Callable[[], None]) -> None:
        """Plays from a cold start. Whoever cannot hear for a while believes nothing any more, which is not
        what is counted here: then it is played again."""
        for _ in range(3):
            before = self.server.log().count(HEARING)
            for command in (("FLUSHALL",), ("CONFIG", "RESETSTAT")):
                self.assertEqual(self.cache.call(*command).text, b"OK")
            self.forget_queries()
            try:
                load()
            except AssertionError:
                if self.server.log().count(HEARING) == before:
                    raise
            if self.server.log().count(HEARING) == before:
                return
            self.await_listening(self.server)
        self.fail("the cache did not hear of changes for a while, in each of the plays")

    def show(self, what: str, asked: int) -> None:
        """And checks what the cache says about itself."""
        rules = [self.figures_of_rule(rule) for rule in ("memory", "profile")]
        total = lambda name: int(sum(figures[name] for figures in rules))
        queries = self.queries("memories m") + self.queries("users")
        print(
            f"{what}: {asked} reads, hit ratio {total('hits') / asked:.3f},"
            f" absence known {total('negative_hits') / asked:.3f}, the database was asked {queries} times"
            f" for {total('loads')} keys: {1 - queries / asked:.1%} of its queries saved"
        )
        self.assertEqual(total("hits") + total("misses"), asked)
        self.assertEqual(total("batches"), queries)
        self.assertEqual(total("queries_saved"), asked - queries)
        for figures in rules:
            known = figures["hits"] + figures["negative_hits"]
            ratio = known / (figures["hits"] + figures["misses"])
            self.assertAlmostEqual(figures["hit_ratio"], ratio, places=3)
            self.assertEqual({name: figures[name] for name in self.NEVER}, dict.fromkeys(self.NEVER, 0))

    def test_one_after_the_other_every_figure_is_known(self):
        count = 1500
        self.caller_of_all = self.logged_in("root")
        self.play(lambda: self.play_in_turn(count))
        for rule, model in self.models.items():
            figures = self.figures_of_rule(rule)
            expected = {name: model.figures[name] for name in self.EXACT}
            self.assertEqual({name: figures[name] for name in self.EXACT}, expected, msg=rule)
        self.assertEqual(self.queries("memories m"), self.models["memory"].figures["batches"])
        self.assertEqual(self.queries("users"), self.models["profile"].figures["batches"])
        self.show("in turn", count)

    def play_in_turn(self, count: int) -> None:
        self.models = {"memory": Model(), "profile": Model(), "timeline": Model()}
        chosen = random.Random(SEED)
        for turn, row in enumerate(draw_many(count, chosen)):
            self.read_over_http(row)
            if turn % 10 == 9:
                self.change_over_http(next(filter(exists, draw_many(100, chosen))), f"turn {turn}")

    def read_over_http(self, row: Row) -> None:
        table, number = row
        self.models[RULES_OF[table][0]].read(number, exists(row))
        answer = self.caller_of_all.get((profile if table == "users" else memory)(number))
        self.assertEqual(answer.status, 200 if exists(row) else 404)

    def change_over_http(self, row: Row, text: str) -> None:
        """And waits until that is heard of."""
        table, number = row
        if table == "users":
            answer = self.caller_of_all.patch(profile(number), {"about": text})
        else:
            answer = self.caller_of_all.put(memory(number), {"title": text, "text": ""})
        self.assertEqual(answer.status, 204)
        for rule in RULES_OF[table]:
            self.models[rule].change(number)
            self.await_heard(rule, self.models[rule].figures["invalidations"])

    def await_heard(self, rule: str, changes: int) -> None:
        heard = lambda: self.figures_of_rule(rule)["invalidations"] == changes
        self.assertTrue(wait_until(heard, 30.0), msg=f"{rule}: {changes}")

    READERS, READS_EACH = 6, 2500
    WRITERS, CHANGES_EACH = 2, 300

    def test_all_at_once_the_database_is_asked_no_more_than_it_must(self):
        """Between two changes of a row nobody causes more than one load of it: who comes while it is under
        way waits for it, who comes later finds it. So each key is loaded once, if it is ever read, and once
        more for each change at most."""
        self.play(self.play_at_once)
        reads_of = map(self.reads_of, range(self.READERS))
        changes_of = map(self.changes_of, range(self.WRITERS))
        read = collections.Counter(row for rows in reads_of for row in rows)
        changes = collections.Counter(row for rows in changes_of for row in rows)
        reads = self.READERS * self.READS_EACH
        for table, rule in (("memories", "memory"), ("users", "profile")):
            keys = [number for of, number in read if of == table]
            least = len(keys)
            most = sum(1 + changes[table, number] for number in keys)
            figures = self.figures_of_rule(rule)
            self.assertIn(figures["loads"], range(least, most + 1), msg=rule)
            landed = figures["filled"] + figures["absent"] + figures["discarded"]
            self.assertEqual(landed, figures["loads"])
            self.assertLessEqual(figures["batches"], figures["loads"])
            heard = sum(count for (of, _), count in changes.items() if of == table)
            self.assertEqual(figures["invalidations"], heard)
        self.show("at once", reads)
        self.compare(read)

    def reads_of(self, reader: int) -> list[Row]:
        return list(draw_many(self.READS_EACH, random.Random(f"reader {reader}")))

    def changes_of(self, writer: int) -> list[Row]:
        rows = draw_many(self.CHANGES_EACH, random.Random(f"writer {writer}"))
        return list(filter(exists, rows))

    def play_at_once(self) -> None:
        problems: list[str] = []
        threads = [
            threading.Thread(target=self.guarded, args=(part, seed, problems))
            for part, count in ((self.read_directly, self.READERS), (self.change_in_sql, self.WRITERS))
            for seed in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        changed = [table for seed in range(self.WRITERS) for table, _ in self.changes_of(seed)]
        for table, rules in RULES_OF.items():
            for rule in rules:
                self.await_heard(rule, changed.count(table))

    @staticmethod
    def guarded(part: Callable[[int], None], seed: int, problems: list[str]) -> None:
        try:
            part(seed)
        except Exception as problem:  # whatever it is, the test reports it
            problems.append(f"{part.__name__} {seed}: {problem!r}")

    def read_directly(self, seed: int) -> None:
        with self.server.connect(60.0) as client:
            for table, number in self.reads_of(seed):
                reply = client.call(*self.command(table, number))
                if isinstance(reply, wire.Error):
                    raise AssertionError(f"{table} {number}: {reply}")

    def change_in_sql(self, seed: int) -> None:
        connection = psycopg2.connect(self.database.url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for turn, (table, number) in enumerate(self.changes_of(seed)):
                if table == "users":
                    text, row = f"turn {turn}", user_id(number)
                    cursor.execute("UPDATE users SET about = %s WHERE id = %s", (text, row))
                else:
                    text, row = f'{{"turn": {turn}, "by": {seed}}}', memory_id(number)
                    cursor.execute("UPDATE memories SET body = %s WHERE id = %s", (text, row))
        connection.close()

    @staticmethod
    def command(table: str, number: int) -> tuple[str, str]:
        if table == "users":
            return "HGETALL", f"user:{user_id(number)}"
        return "GET", f"memory:{memory_id(number)}"

    def compare(self, read: collections.Counter[tuple[str, int]]) -> None:
        """The cache says what the tables hold."""
        memories = dict(
            line.split("|", 1)
            for line in self.sql(
                "SELECT id, body || jsonb_build_object('id', id, 'user', user_id) FROM memories"
            ).splitlines()
        )
        users = dict(
            line.split("|", 1) for line in self.sql("SELECT id, about FROM users").splitlines()
        )
        for table, number in read:
            reply = self.cache.call(*self.command(table, number))
            if table == "users":
                fields = dict(zip(reply[::2], reply[1::2]))
                self.assertEqual(fields.get(b"about", b"").decode(), users[user_id(number)])
            else:
                expected = memories.get(memory_id(number))
                self.assertEqual(reply, expected and expected.encode())
