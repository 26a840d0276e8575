"""Drives the server with redis-py (Debian's python3-redis): python_client.py PORT.

Prints "ok" when everything was as it should be.
"""

import asyncio
import sys
import threading
import time

import redis
import redis.asyncio

PORT = int(sys.argv[1])


def connect(**options):
    return redis.Redis(port=PORT, **options)


def strings(r):
    assert r.set("k", "v") is True
    assert r.get("k") == b"v"
    assert r.get("none") is None
    assert r.set("k", "w", nx=True) is None
    assert r.set("k", "w", xx=True, get=True) == b"v"
    assert r.set("k", "x", ex=100, keepttl=False) is True
    assert 99 <= r.ttl("k") <= 100
    assert r.getex("k", persist=True) == b"x"
    assert r.ttl("k") == -1
    assert r.getdel("k") == b"x"
    assert r.mset({"a": 1, "b": b"\x00\xff"}) is True
    assert r.mget("a", "b", "none") == [b"1", b"\x00\xff", None]
    assert r.msetnx({"a": 2, "c": 3}) is False
    assert (
        r.incr("a") == 2
        and r.incrby("a", 40) == 42
        and r.decr("a") == 41
        and r.decrby("a", 1) == 40
    )
    assert r.incrbyfloat("a", 0.5) == 40.5
    assert r.append("text", "hello") == 5 and r.strlen("text") == 5
    assert r.setrange("text", 5, " there") == 11
    assert r.getrange("text", 0, 4) == b"hello"
    assert r.setex("s", 10, "v") is True and r.psetex("s", 10_000, "v") is True
    assert r.getset("s", "w") == b"v"
    assert r.lcs("text", "text") == b"hello there" if hasattr(r, "lcs") else True
    assert r.substr("text", 0, 1) == b"he"


def keys(r):
    r.flushall()
    r.set("k", "v")
    assert r.exists("k", "k", "none") == 2
    assert r.type("k") == b"string" and r.type("none") == b"none"
    assert r.expire("k", 100) is True and r.expire("none", 100) is False
    assert r.expire("k", 50, gt=True) is False
    assert r.pexpire("k", 5_000) is True and 4_000 < r.pttl("k") <= 5_000
    assert r.expireat("k", int(time.time()) + 60) is True
    assert abs(r.expiretime("k") - time.time() - 60) < 3 if hasattr(r, "expiretime") else True
    assert r.persist("k") is True
    assert r.rename("k", "l") is True
    assert r.renamenx("l", "m") is True
    assert r.copy("m", "n") is True
    assert r.move("n", 3) is True
    assert r.touch("m") == 1
    assert sorted(r.keys("*")) == [b"m"]
    assert r.randomkey() == b"m"
    assert r.object("encoding", "m") == b"embstr"
    assert r.object("refcount", "m") == 1
    assert r.object("idletime", "m") == 0
    assert r.dbsize() == 1
    payload = r.dump("m")
    assert r.restore("o", 0, payload) == b"OK"
    assert r.get("o") == b"v"
    r.mset({f"scan:{i}": i for i in range(1000)})
    found = set(r.scan_iter("scan:*", count=100))
    assert found == {b"scan:%d" % i for i in range(1000)}
    assert r.delete("o", "none") == 1 and r.unlink("m") == 1
    assert r.swapdb(0, 1) is True
    assert r.dbsize() == 0
    assert r.flushdb() is True and r.flushall(asynchronous=True) is True


def server(r):
    assert r.ping() is True and r.echo("x") == b"x"
    info = r.info()
    assert info["redis_mode"] == "standalone" and info["role"] == "master"
    assert r.info("commandstats")["cmdstat_ping"]["calls"] >= 1
    assert r.info("everything")["used_memory"] > 0
    assert r.config_get("maxmemory*")["maxmemory"] == "0"
    assert r.config_set("timeout", 100) is True and r.config_set("timeout", 0) is True
    assert r.config_resetstat() is True
    assert r.client_setname("python") is True and r.client_getname() == "python"
    me = r.client_id()
    assert any(int(c["id"]) == me and c["name"] == "python" for c in r.client_list())
    assert r.client_info()["name"] == "python"
    assert r.client_kill_filter(_id=999_999_999) == 0
    assert r.client_pause(1) is True and r.client_unpause() in (b"OK", True, "OK")
    assert r.command_count() > 50
    assert "get" in r.command()
    assert r.command_getkeys("MSET", "a", 1, "b", 2) == ["a", "b"]
    assert r.slowlog_len() >= 0 and isinstance(r.slowlog_get(), list) and r.slowlog_reset() is True
    assert r.memory_usage("none") is None and r.memory_stats()["keys.count"] >= 0
    assert r.memory_purge() is True
    seconds, micros = r.time()
    assert abs(seconds - time.time()) < 5 and 0 <= micros < 1_000_000
    assert r.role()[0] in (b"master", "master")
    assert r.wait(0, 10) == 0
    assert r.lolwut()
    assert r.lastsave() is not None


def errors(r):
    r.set("text", "abc")
    try:
        r.incr("text")
        raise AssertionError("no error")
    except redis.ResponseError as error:
        assert str(error) == "value is not an integer or out of range", error
    try:
        r.execute_command("NOSUCH", "a")
        raise AssertionError("no error")
    except redis.ResponseError as error:
        assert str(error) == "unknown command 'NOSUCH', with args beginning with: 'a' ", error


def pipelines(r):
    with r.pipeline(transaction=False) as pipe:
        for i in range(10_000):
            pipe.set(f"p:{i}", i)
        assert all(pipe.execute())
        for i in range(10_000):
            pipe.get(f"p:{i}")
        assert pipe.execute() == [b"%d" % i for i in range(10_000)]
    with r.pipeline(transaction=False) as pipe:
        pipe.set("text", "abc").incr("text").get("text")
        replies = pipe.execute(raise_on_error=False)
        assert (
            replies[0] is True
            and isinstance(replies[1], redis.ResponseError)
            and replies[2] == b"abc"
        )


def sizes(r):
    for size in (0, 1, 64, 4095, 4096, 4097, 65_535, 65_536, 1_000_000, 20_000_000):
        value = bytes(i & 0xFF for i in range(min(size, 1000))) * (size // 1000 + 1)
        value = value[:size]
        assert r.set("sized", value) and r.get("sized") == value and r.strlen("sized") == size


def reconnects(r):
    other = connect()
    r.client_setname("victim")
    victims = [c["id"] for c in other.client_list() if c["name"] == "victim"]
    assert other.client_kill_filter(_id=victims[0]) == 1
    assert r.ping() is True


def monitors(r):
    with r.monitor() as monitor:
        connect().set("watched", "yes")
        for seen in monitor.listen():
            if seen["command"].startswith("SET watched"):
                assert seen["db"] == 0 and seen["client_address"] == "127.0.0.1"
                break


def pools(_):
    pool = redis.ConnectionPool(port=PORT, max_connections=20)
    clients = [redis.Redis(connection_pool=pool) for _ in range(20)]
    for i, client in enumerate(clients):
        client.set(f"pool:{i}", i)
    assert [int(c.get(f"pool:{i}")) for i, c in enumerate(clients)] == list(range(20))
    pool.disconnect()


def passwords(r):
    r.config_set("requirepass", "p@ss word")
    try:
        assert connect(password="p@ss word").ping() is True
        assert connect(username="default", password="p@ss word").get("none") is None
        url = f"redis://:p%40ss%20word@127.0.0.1:{PORT}/5"
        assert str(redis.from_url(url).client_info()["db"]) == "5"
        for wrong, kind in ((None, redis.AuthenticationError), ("x", redis.ResponseError)):
            try:
                connect(password=wrong).ping()
                raise AssertionError("no error")
            except kind:
                pass
    finally:
        r.config_set("requirepass", "")


def hangs(r):
    """A server that does not answer in time: the client gives up and gets along afterwards."""
    impatient = connect(socket_timeout=0.2)
    impatient.set("k", "v")
    sleeper = threading.Thread(target=lambda: connect().execute_command("DEBUG", "SLEEP", "1"))
    sleeper.start()
    time.sleep(0.1)
    try:
        impatient.get("k")
        raise AssertionError("no time-out")
    except redis.TimeoutError:
        pass
    sleeper.join()
    assert impatient.get("k") == b"v"


def threads(r):
    def count():
        for _ in range(500):
            r.incr("shared")

    running = [threading.Thread(target=count) for _ in range(8)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert r.get("shared") == b"4000"


def coroutines(_):
    async def run():
        r = redis.asyncio.Redis(port=PORT)
        await asyncio.gather(*(r.set(f"async:{i}", i) for i in range(200)))
        values = await asyncio.gather(*(r.get(f"async:{i}") for i in range(200)))
        assert values == [b"%d" % i for i in range(200)]
        found = [key async for key in r.scan_iter("async:*")]
        assert len(set(found)) == 200
        await r.close()
        await r.connection_pool.disconnect()

    asyncio.run(run())


def texts(_):
    r = connect(decode_responses=True)
    r.set("u", "\u00e9")
    assert r.get("u") == "\u00e9"


def main():
    r = connect()
    for test in (
        strings,
        keys,
        server,
        errors,
        pipelines,
        sizes,
        reconnects,
        monitors,
        pools,
        passwords,
        hangs,
        threads,
        coroutines,
        texts,
    ):
        r.flushall()
        test(r)
    print("ok")


main()
