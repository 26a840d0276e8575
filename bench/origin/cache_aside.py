"""The application's own cache-aside with redis-py and psycopg2: GET, and on a miss one query and a SET.

    cache_aside.py PORT CONNECTIONS FIRST COUNT URL

Prints look-ups and seconds. The connections are spread over a process for each processor twice, as an
application server would.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time

import psycopg2
import redis


def row_id(n: int) -> str:
    return f"{n * 2654435761 % 4294967296:08x}-0000-4000-8000-{n:012x}"


def look_up(port: int, url: str, numbers: range, ready) -> None:
    cache = redis.Redis(port=port)
    connection = psycopg2.connect(url)
    connection.autocommit = True
    cursor = connection.cursor()
    cache.ping()
    ready.wait()
    for n in numbers:
        key = f"memory:{row_id(n)}"
        if cache.get(key) is None:
            cursor.execute("SELECT body::text FROM memories WHERE id = %s", (row_id(n),))
            row = cursor.fetchone()
            if row is not None:
                cache.set(key, row[0], ex=3600)


def work(port: int, url: str, parts: list[range], ready) -> None:
    threads = [threading.Thread(target=look_up, args=(port, url, part, ready)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    port, connections, first, count = (int(word) for word in sys.argv[1:5])
    url = sys.argv[5]
    processes_count = 2 * (os.cpu_count() or 1)
    ready = multiprocessing.Barrier(connections + 1)
    parts = [range(first + i, first + count, connections) for i in range(connections)]
    processes = [
        multiprocessing.Process(target=work, args=(port, url, parts[i::processes_count], ready))
        for i in range(processes_count)
    ]
    for process in processes:
        process.start()
    ready.wait()
    began = time.monotonic()
    for process in processes:
        process.join()
    print(count, time.monotonic() - began)


if __name__ == "__main__":
    main()
