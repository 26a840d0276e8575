"""A platform's application on our server, over HTTP: browsing, scores, sessions, rate limits, and
what becomes of them when the cache is gone."""

from __future__ import annotations

import collections
import contextlib
import math
import signal
import threading
import time

from platform_case import Answer, App, Caller, PlatformCase, memory, memory_id, memory_ids, timed
from server_case import wait_until

# The class `rate` of platform/alai.conf: 100 a minute, 20 more at once.
AT_ONCE = 21
REFILL_S = 0.6
MEMORY_TTL_S, SCORE_TTL_S, SESSION_TTL_S = 3600, 900, 1800
# A sliding class gives a sixty-fourth more than its ttl, so that not every read renews it.
SESSION_TTL_RENEWED_S = SESSION_TTL_S + SESSION_TTL_S // 64 + 1


class Browsing(PlatformCase):
    def test_a_memory_comes_from_the_cache_the_second_time(self):
        caller = self.logged_in("user-1")
        first, second = caller.get(memory(7)), caller.get(memory(7))
        self.assertEqual((first.status, first.cache), (200, "miss"))
        self.assertEqual((second.status, second.cache), (200, "hit"))
        self.assertEqual(first.body, second.body)
        self.assertEqual(first.json["title"], "Memory 7")
        ttl = self.cache.call("TTL", f"memory:{memory_id(7)}")
        self.assertIn(ttl, range(MEMORY_TTL_S - 10, MEMORY_TTL_S + 1))
        figures = self.figures("memory")
        self.assertEqual((figures["keys"], figures["hits"], figures["misses"]), ("1", "1", "1"))

    def test_a_page_is_cached_memory_by_memory(self):
        caller = self.logged_in("user-1")
        caller.get(memory(3))
        first = caller.get("/memories?offset=0&limit=10")
        second = caller.get("/memories?offset=5&limit=5")
        self.assertEqual([m["id"] for m in first.json["memories"]], memory_ids(1, 10))
        self.assertEqual([m["id"] for m in second.json["memories"]], memory_ids(6, 10))
        self.assertEqual((first.cache, second.cache), ("miss", "hit"))
        figures = self.figures("memory")
        self.assertEqual((figures["keys"], figures["hits"], figures["misses"]), ("10", "6", "10"))

    def test_what_does_not_exist_is_not_cached(self):
        caller = self.logged_in("user-1")
        self.assertEqual(caller.get(memory(100000)).status, 404)
        self.assertEqual(caller.get(memory(100000)).status, 404)
        self.assertEqual(self.keys("memory:*"), [])

    def test_who_has_not_logged_in_sees_nothing(self):
        stranger = self.caller()
        for path in ("/memories", memory(1), "/scores/today/sun", "/session"):
            self.assertEqual(stranger.get(path).status, 401)
        self.assertEqual(stranger.login("user-1", "wrong").status, 401)
        self.assertEqual(stranger.login("nobody", "wrong").status, 401)
        stranger.token = "user-1.guessed"
        self.assertEqual(stranger.get(memory(1)).status, 401)

    def test_scores_belong_to_a_user_and_expire(self):
        one, two = self.logged_in("user-1"), self.logged_in("user-2")
        self.assertEqual(one.get("/scores/today/sun").cache, "miss")
        self.assertEqual(two.get("/scores/today/sun").cache, "miss")
        self.assertEqual(one.get("/scores/today/sun").cache, "hit")
        self.assertEqual(self.keys("score:*"), ["score:user-1:today:sun", "score:user-2:today:sun"])
        for key in self.keys("score:*"):
            self.assertIn(self.cache.call("TTL", key), range(SCORE_TTL_S - 10, SCORE_TTL_S + 1))
        self.assertEqual(one.get("/scores/today/a:b").status, 422)


class Sessions(PlatformCase):
    def set_lifetime(self, seconds: int) -> None:
        """Of sessions that begin, or are read, from now on."""
        rule = ["session", "session:*", "ttl", seconds, "sliding", "yes"]
        self.assertEqual(self.cache.call("KEYCLASS", "SET", *rule).text, b"OK")

    def ttl(self) -> int:
        return self.cache.call("TTL", "session:user-1")

    def test_reading_a_session_keeps_it_alive(self):
        self.set_lifetime(100)
        caller = self.logged_in("user-1")
        self.assertIn(self.ttl(), range(90, 103))
        self.set_lifetime(SESSION_TTL_S)
        self.assertLess(self.ttl(), 103)
        self.assertEqual(caller.get("/session").json, {"user": "user-1", "admin": False})
        self.assertIn(self.ttl(), range(SESSION_TTL_S, SESSION_TTL_RENEWED_S + 1))
        # What comes soon after is not worth a write.
        before = self.cache.call("PEXPIRETIME", "session:user-1")
        self.assertEqual(caller.get("/session").status, 200)
        self.assertEqual(self.cache.call("PEXPIRETIME", "session:user-1"), before)

    def test_a_session_that_nobody_reads_ends(self):
        self.set_lifetime(2)
        app = self.start_app(session_idle_max_s=2.0)
        busy, idle = self.logged_in("user-1", app), self.logged_in("user-2", app)
        for _ in range(10):
            time.sleep(0.4)
            self.assertEqual(busy.get("/session").status, 200)
        self.assertEqual(idle.get("/session").status, 401)
        self.assertEqual(self.keys("session:*"), ["session:user-1"])

    def test_logout_ends_the_session_and_purges_this_users_scores(self):
        # One name is the beginning of the other.
        one, other = self.logged_in("user-1"), self.logged_in("user-10")
        for caller in (one, other):
            for token in ("sun", "sea", "snow"):
                caller.get(f"/scores/today/{token}")
        self.assertEqual(len(self.keys("score:*")), 6)
        self.assertEqual(one.post("/logout").status, 204)
        self.assertEqual(one.get("/session").status, 401)
        self.assertTrue(wait_until(lambda: self.figures("score")["purges_pending"] == "0"))
        self.assertEqual(self.keys("score:user-1:*"), [])
        self.assertEqual(len(self.keys("score:user-10:*")), 3)
        self.assertEqual(self.figures("score")["purged"], "3")
        self.assertEqual(self.keys("session:*"), ["session:user-10"])
        self.assertEqual(other.get("/session").status, 200)
        self.assertEqual(other.get("/scores/today/sun").cache, "hit")
        self.assertEqual(one.login("user-1").status, 200)
        self.assertEqual(one.get("/scores/today/sun").cache, "miss")

    def test_a_second_login_takes_the_place_of_the_first(self):
        first = self.logged_in("user-1")
        second = self.logged_in("user-1")
        self.assertEqual(first.get("/session").status, 401)
        self.assertEqual(second.get("/session").status, 200)


class RateLimits(PlatformCase):
    def check_bounds(self, allowed: int, began: float) -> None:
        """What a bucket that was full when it began may have given by now."""
        possible = AT_ONCE + math.floor((time.monotonic() - began) / REFILL_S)
        self.assertIn(allowed, range(AT_ONCE, possible + 1))

    def take_all(self, caller: Caller, path: str) -> tuple[list[Answer], Answer, float]:
        """Asks until it is refused; gives what was allowed, the refusal, and when it began."""
        allowed, began = [], time.monotonic()
        while (answer := caller.get(path)).status == 200:
            allowed.append(answer)
            self.assertLess(len(allowed), 10 * AT_ONCE, msg="nothing is refused")
        self.assertEqual(answer.status, 429)
        return allowed, answer, began

    def test_headers_count_down_and_the_22nd_is_refused(self):
        caller = self.logged_in("user-1")
        caller.get(memory(1))
        allowed, refusal, began = self.take_all(caller, "/session")
        self.check_bounds(len(allowed), began)
        if time.monotonic() - began < REFILL_S:  # otherwise permits have come back meanwhile
            remaining = [answer.number("X-RateLimit-Remaining") for answer in allowed]
            self.assertEqual(remaining, list(range(AT_ONCE - 1, -1, -1)))
            resets = [answer.number("X-RateLimit-Reset") for answer in allowed]
            # Each takes 0.6 s to come back, of which less than 0.6 s have passed; rounded up.
            for taken, reset in enumerate(resets, 1):
                least, most = math.ceil((taken - 1) * REFILL_S), math.ceil(taken * REFILL_S)
                self.assertIn(reset, range(least, most + 1))
        for answer in [*allowed, refusal]:
            self.assertEqual(answer.number("X-RateLimit-Limit"), AT_ONCE)
        self.assertTrue(all("Retry-After" not in answer.headers for answer in allowed))
        self.assertEqual(refusal.number("X-RateLimit-Remaining"), 0)
        # More than 12 and at most 12.6 s, or it would have been allowed.
        self.assertEqual(refusal.number("X-RateLimit-Reset"), 13)
        self.assertEqual(refusal.number("Retry-After"), 1)
        self.assertEqual(refusal.json, {"detail": "too many requests"})

    def test_who_waits_as_long_as_told_is_allowed(self):
        caller = self.logged_in("user-1")
        _, refusal, _ = self.take_all(caller, "/session")
        time.sleep(refusal.number("Retry-After"))
        self.assertEqual(caller.get("/session").status, 200)

    def test_permits_come_back_one_by_one(self):
        caller = self.logged_in("user-1")
        self.take_all(caller, "/session")
        for _ in range(2):
            began = time.monotonic()
            time.sleep(3 * REFILL_S)
            allowed, _, _ = self.take_all(caller, "/session")
            # The bucket was empty, less than one permit short of nothing, when this began.
            possible = math.floor((time.monotonic() - began) / REFILL_S) + 1
            self.assertIn(len(allowed), range(3, possible + 1))

    def test_users_and_endpoints_have_buckets_of_their_own(self):
        one, two = self.logged_in("user-1"), self.logged_in("user-2")
        self.take_all(one, "/session")
        self.assertEqual(one.get(memory(1)).number("X-RateLimit-Remaining"), AT_ONCE - 1)
        self.assertEqual(one.get(memory(2)).number("X-RateLimit-Remaining"), AT_ONCE - 2)
        self.assertEqual(two.get("/session").number("X-RateLimit-Remaining"), AT_ONCE - 1)
        buckets = ["address:10.0.0.1:login", "address:10.0.0.2:login", "user-1:memory"]
        buckets += ["user-1:session", "user-2:session"]
        self.assertEqual(self.keys("rate:*"), [f"rate:{bucket}" for bucket in buckets])

    def test_strangers_are_limited_by_address(self):
        guesser, other = self.caller(), self.caller()
        began = time.monotonic()
        tries = 0
        while guesser.login("user-1", "guess").status == 401:
            tries += 1
            self.assertLess(tries, 10 * AT_ONCE, msg="nothing is refused")
        self.check_bounds(tries, began)
        self.assertEqual(guesser.login("user-1").status, 429)
        self.assertEqual(other.login("user-1").status, 200)

    def test_admins_have_no_limit(self):
        admin = self.logged_in("root")
        for _ in range(4 * AT_ONCE):
            answer = admin.get("/session")
            self.assertEqual(answer.status, 200)
            self.assertNotIn("X-RateLimit-Limit", answer.headers)
        self.assertEqual(self.keys("rate:admin:*"), [])
        self.assertEqual(self.figures("admin")["allowed"], str(4 * AT_ONCE))

    def test_health_has_no_limit(self):
        caller = self.caller()
        for _ in range(2 * AT_ONCE):
            self.assertEqual(caller.get("/health").status, 200)

    def test_concurrent_requests_never_get_one_permit_too_many(self):
        """Many connections to two processes of the application, three users at a time."""
        apps = [self.app, self.start_app()]
        tokens = [self.logged_in(f"user-{i}").token for i in range(3)]
        threads_each, requests_each = 8, 12
        allowed = [[0] * threads_each for _ in tokens]
        problems: list[int] = []
        barrier = threading.Barrier(len(tokens) * threads_each + 1)

        def run(user: int, thread: int) -> None:
            with contextlib.closing(Caller(apps[thread % 2], tokens[user])) as caller:
                caller.get("/health")
                barrier.wait()
                for _ in range(requests_each):
                    status = caller.get(memory(1)).status
                    allowed[user][thread] += status == 200
                    if status not in (200, 429):
                        problems.append(status)

        threads = [
            threading.Thread(target=run, args=(user, thread))
            for user in range(len(tokens))
            for thread in range(threads_each)
        ]
        for thread in threads:
            thread.start()
        barrier.wait()
        began = time.monotonic()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        for counts in allowed:
            self.check_bounds(sum(counts), began)
        figures = self.figures("rate")
        logins = len(tokens)
        self.assertEqual(int(figures["allowed"]), sum(map(sum, allowed)) + logins)
        asked = len(threads) * requests_each
        self.assertEqual(int(figures["limited"]), asked - sum(map(sum, allowed)))


class Outages(PlatformCase):
    # A request asks the cache three times, of which at most the first waits for the time-out.
    SLOWEST_S = 2.0

    def health(self, app: App | None = None) -> str:
        with contextlib.closing(Caller(app or self.app)) as caller:
            return caller.get("/health").json["status"]

    def check_serves_without_cache(self, caller: Caller) -> None:
        for _ in range(2 * AT_ONCE):
            answer, took_s = timed(lambda: caller.get(memory(7)))
            self.assertEqual((answer.status, answer.cache), (200, "bypass"))
            self.assertNotIn("X-RateLimit-Limit", answer.headers)
            self.assertLess(took_s, self.SLOWEST_S)
        page = caller.get("/memories?limit=3")
        self.assertEqual([m["id"] for m in page.json["memories"]], memory_ids(1, 3))
        self.assertEqual(caller.get("/scores/today/sun").cache, "bypass")
        self.assertEqual(caller.get("/session").status, 200)
        stranger = self.caller(token="user-1.guessed")
        self.assertEqual(stranger.get("/session").status, 401)
        self.assertEqual(self.logged_in("user-9").get("/session").status, 200)
        # A logout that cannot be carried out does not say that it was.
        self.assertEqual(caller.post("/logout").status, 503)
        self.assertEqual(caller.get("/session").status, 200)

    def check_recovers(self, caller: Caller) -> None:
        self.assertTrue(wait_until(lambda: self.health() == "ok"))
        self.assertEqual(caller.get("/session").number("X-RateLimit-Limit"), AT_ONCE)
        caller.get(memory(8))
        self.assertEqual(caller.get(memory(8)).cache, "hit")
        self.assertEqual(caller.post("/logout").status, 204)
        self.assertEqual(caller.get("/session").status, 401)

    def test_the_cache_is_killed_and_comes_back(self):
        caller = self.logged_in("user-1")
        before = caller.get(memory(7))
        self.assertEqual(self.health(), "ok")
        self.kill_cache()
        self.assertEqual(self.health(), "degraded")
        self.check_serves_without_cache(caller)
        self.assertEqual(caller.get(memory(7)).body, before.body)
        self.restart_cache()
        # The cache is empty; the session is restored, since it was in use during the outage.
        self.check_recovers(caller)

    def test_the_cache_hangs_and_goes_on(self):
        caller = self.logged_in("user-1")
        caller.get(memory(7))
        self.server.process.send_signal(signal.SIGSTOP)
        try:
            self.assertEqual(self.health(), "degraded")
            self.check_serves_without_cache(caller)
        finally:
            self.server.process.send_signal(signal.SIGCONT)
        self.check_recovers(caller)

    def test_nobody_gets_the_answer_for_somebody_else_when_the_cache_hangs(self):
        """Requests that gave up leave replies behind, which must not be taken for later ones'."""
        token = self.logged_in("root").token  # who is not limited
        callers = [self.caller(token=token) for _ in range(8)]
        for i, caller in enumerate(callers):
            caller.get(memory(i + 1))
        stopped = threading.Event()
        seen: collections.Counter[str] = collections.Counter()
        problems: list[str] = []

        def browse(i: int, caller: Caller) -> None:
            while not stopped.is_set():
                answer = caller.get(memory(i + 1))
                seen[answer.cache] += 1
                if answer.status != 200 or answer.json["id"] != memory_id(i + 1):
                    problems.append(f"{i + 1}: {answer.status} {answer.body!r}")
                time.sleep(0.005)

        threads = [threading.Thread(target=browse, args=pair) for pair in enumerate(callers)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            time.sleep(0.3)
            self.server.process.send_signal(signal.SIGSTOP)
            time.sleep(0.8)
            self.server.process.send_signal(signal.SIGCONT)
        stopped.set()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        self.assertGreater(min(seen["hit"], seen["bypass"]), 20, msg=seen)
