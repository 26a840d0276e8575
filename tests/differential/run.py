#!/usr/bin/env python3
"""Plays random command sequences on two servers and compares every reply.

    run.py [--server PATH] [--stock PATH] [--commands N] [--seed S] [--jobs J]
    run.py --seed S --episode K        repeats one episode
    run.py --short-lives               keys that expire during the run
    run.py --streams                   malformed and inline requests, cut anywhere

The run is decided by its seed, which is printed. An episode starts from empty databases, so a
difference is repeated and made short from its episode alone, then printed as a command script.
What may differ, and why, is the table in allowed.py.
"""

from __future__ import annotations

import argparse
import multiprocessing
import secrets
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Sequence

sys.path[:0] = [
    str(Path(__file__).resolve().parent),
    str(Path(__file__).resolve().parents[1] / "commands"),
]

import generator
import human_format
import live_server
import minimise
import streams
from blocking_commands import Handover
from generator import Command, Item, Probe
from servers import Difference, Pair

EPISODE_COMMANDS = 1000
SHORT_LIFE_EPISODES = 12
STREAMS = 20_000
STREAM_TIMEOUT_S = 20.0
REPEATS = 3
DIFFERENCES_SHOWN_MAX = 5
SHOWN_BYTES_MAX = 600


@dataclass
class Work:
    """What one process does: every `step`th episode from `first` on."""

    ours: str
    stock: str
    seed: int
    first: int
    step: int
    episodes: int
    mode: str
    differences_max: int


@dataclass
class Result:
    episodes: int = 0
    commands: int = 0
    differences: list[str] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)


def compare_streams(task: Work) -> Result:
    result = Result()
    with Pair(task.ours, task.stock) as pair:
        for number in range(task.first, task.episodes, task.step):
            pieces = streams.stream(task.seed, number)
            ours, stock = (
                streams.answer(side.server.address, pieces, STREAM_TIMEOUT_S) for side in pair.sides
            )
            result.episodes += 1
            result.commands += 1
            if ours == stock:
                continue
            result.kinds["stream"] = result.kinds.get("stream", 0) + 1
            shown = "\n".join("  @raw " + _cut(human_format.quote(piece)) for piece in pieces)
            texts = f"  ours:  {_cut(repr(ours))}\n  stock: {_cut(repr(stock))}"
            result.differences.append(f"seed {task.seed}, stream {number}\n{shown}\n{texts}")
            if len(result.differences) >= task.differences_max:
                break
    return result


def compare_episodes(task: Work) -> Result:
    result = Result()
    with Pair(task.ours, task.stock) as pair:
        payloads = pair.payloads()
        for number in range(task.first, task.episodes, task.step):
            items = make_episode(task, number, payloads)
            difference = pair.play(items)
            result.episodes += 1
            if difference is not None:
                kind = difference.kind()
                result.kinds[kind] = result.kinds.get(kind, 0) + 1
                if result.kinds[kind] == 1:
                    result.differences.append(explain(pair, task.seed, number, items, difference))
                if len(result.differences) >= task.differences_max:
                    break
        result.commands = pair.commands
    return result


def make_episode(task: Work, number: int, payloads: list[bytes]) -> list[Item]:
    if task.mode == "short-lives":
        return generator.short_life_episode(task.seed, number)
    return generator.episode(task.seed, number, EPISODE_COMMANDS, payloads)


def explain(pair: Pair, seed: int, number: int, items: list[Item], first: Difference) -> str:
    """Repeats a difference and makes it short; says so when it does not come back."""
    lines = [f"seed {seed}, episode {number}, item {first.position}: {first.kind()}"]
    kind = first.kind()
    again = None
    for _ in range(REPEATS):
        again = pair.play(items[: first.position + 1])
        if again is not None:
            break
    if again is None:
        lines.append("(came once and not again)")
        lines += show(items[max(0, first.position - 20) : first.position + 1])
    else:

        def fails(shorter: list[Item]) -> bool:
            difference = pair.play(shorter)
            return difference is not None and difference.kind() == kind

        short = minimise.minimise(items[: again.position + 1], fails)
        lines += show(short)
        first = pair.play(short) or first
    lines += [f"  ours:  {_cut(first.ours)}", f"  stock: {_cut(first.stock)}"]
    return "\n".join(lines)


def show(items: list[Item]) -> list[str]:
    lines = []
    connection = 0
    for item in items:
        if isinstance(item, (Command, Probe)) and item.connection != connection:
            connection = item.connection
            lines.append(f"  @connection {connection}")
        if isinstance(item, Command):
            lines.append("  > " + " ".join(_show_argument(arg) for arg in item.args))
        elif isinstance(item, Probe):
            lines.append(
                f"  (look at the {item.kind}) " + " ".join(_show_argument(arg) for arg in item.args)
            )
        elif isinstance(item, Handover):
            lines += _show_handover(item)
        else:
            lines.append(f"  @advance {item.seconds * 1000:.0f}ms")
    return lines


def _show_handover(item: Handover) -> list[str]:
    def shown(connection: int, requests: Sequence[tuple[bytes, ...]]) -> list[str]:
        texts = ["  > " + " ".join(map(_show_argument, request)) for request in requests]
        return [f"  @connection {connection}", *texts]

    other = 1 - item.connection
    return [
        *shown(other, item.before),
        *shown(item.connection, [item.waiter]),
        *shown(other, item.meanwhile),
        "  (the waiter is unblocked)",
        *shown(other, item.after),
    ]


def _show_argument(arg: bytes) -> str:
    text = human_format.quote(arg)
    plain = text[1:-1]
    return (
        plain
        if plain and plain.isascii() and all(c.isalnum() or c in "-_.:*{}" for c in plain)
        else _cut(text)
    )


def _cut(text: str) -> str:
    return (
        text
        if len(text) <= SHOWN_BYTES_MAX
        else text[:SHOWN_BYTES_MAX] + f"... ({len(text)} characters)"
    )


def parse_options() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--server", help="binary to test; default: the newest build/*/alai-server")
    options.add_argument(
        "--stock", help="binary to compare with; default: redis-server of this machine"
    )
    options.add_argument("--commands", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=secrets.randbits(32))
    options.add_argument("--episode", type=int, help="play this one (or this stream) alone")
    options.add_argument("--jobs", type=int, default=2, help="pairs of servers at the same time")
    options.add_argument("--short-lives", dest="mode", action="store_const", const="short-lives")
    options.add_argument("--streams", dest="mode", action="store_const", const="streams")
    options.add_argument(
        "--differences",
        type=int,
        default=DIFFERENCES_SHOWN_MAX,
        help="kinds after which a job stops",
    )
    options.set_defaults(mode="commands")
    return options.parse_args()


def main() -> int:
    chosen = parse_options()
    ours = chosen.server or live_server.default_server()
    stock = chosen.stock or live_server.stock_server()
    episodes = {
        "commands": -(-chosen.commands // EPISODE_COMMANDS),
        "short-lives": SHORT_LIFE_EPISODES,
        "streams": STREAMS,
    }[chosen.mode]
    jobs, first = chosen.jobs, 0
    if chosen.episode is not None:
        jobs, first, episodes = 1, chosen.episode, chosen.episode + 1
    print(f"seed {chosen.seed}: {ours} against {stock}", flush=True)
    started = time.monotonic()
    tasks = [
        Work(ours, stock, chosen.seed, first + job, jobs, episodes, chosen.mode, chosen.differences)
        for job in range(jobs)
    ]
    with multiprocessing.Pool(jobs) as pool:
        results = pool.map(
            compare_streams if chosen.mode == "streams" else compare_episodes, tasks, chunksize=1
        )
    for result in results:
        for text in result.differences:
            print("\n" + text)
    count = sum(result.episodes for result in results)
    failed = sum(sum(result.kinds.values()) for result in results)
    unit = "streams" if chosen.mode == "streams" else "commands"
    print(f"\n{sum(r.commands for r in results)} {unit} in {time.monotonic() - started:.1f} s")
    print(f"{count - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
