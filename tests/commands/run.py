#!/usr/bin/env python3
"""Runs command scripts against a server that it starts, over TCP.

    run.py [--server PATH | --stock] [--jobs N] [--fill] [FILE.test ...]

Without files it runs all scripts of this folder. --stock runs against the redis-server of this
machine and skips what follows `@server alai`, which proves that the expectations are true.
--fill writes the replies of the server into the scripts where a request has none yet.

A script gets a server of its own, which must end well: a crash or a sanitizer's finding makes the
script fail. Scripts run in parallel because many of them mostly sleep.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import human_format
import live_server
import script as scripts
import wire

QUIET_S = 0.1
CLOSE_S = 5.0
ADVANCE_SLACK_S = 0.002
FAILURES_SHOWN_MAX = 10

PROBLEMS = (
    scripts.BadScript,
    human_format.BadQuoting,
    live_server.StartFailed,
    wire.BadReply,
    OSError,
)


@dataclass
class Outcome:
    path: Path
    failures: list[str] = field(default_factory=list)
    requests: int = 0


class Player:
    """Plays one script against one server; belongs to one thread."""

    def __init__(
        self, server: live_server.LiveServer, script: scripts.Script, stock: bool, fill: bool
    ):
        self._server = server
        self._script = script
        self._stock = stock
        self._fill = fill
        self._connections: dict[str, wire.Connection] = {}
        self._name = "main"
        self._captured: dict[str, str] = {}
        self._muted = False
        self.filled: dict[int, list[str]] = {}
        self.outcome = Outcome(script.path)

    def play(self) -> Outcome:
        try:
            for step in self._script.steps:
                if step.verb == "server":
                    self._choose_server(step)
                elif not self._muted:
                    self._play_step(step)
                if len(self.outcome.failures) >= FAILURES_SHOWN_MAX:
                    break
        finally:
            for connection in self._connections.values():
                connection.close()
        status = self._server.end()
        if status != 0:
            self._fail(self._script.steps[-1], f"exit status {status}:\n{self._server.log_tail()}")
        return self.outcome

    def _choose_server(self, step: scripts.Step) -> None:
        if step.text not in ("alai", "all"):
            raise scripts.BadScript(f"{self._script.path}:{step.line}: @server alai or @server all")
        self._muted = self._stock and step.text == "alai"

    def _play_step(self, step: scripts.Step) -> None:
        if step.verb == "advance":
            time.sleep(scripts.parse_duration_ms(step.text) / 1000 + ADVANCE_SLACK_S)
        elif step.verb == "connection":
            self._name = step.text
        elif step.verb == "close":
            self._connections.pop(self._name).close()
        elif step.verb == "resp":
            reply = self._connection().call("HELLO", step.text)
            if isinstance(reply, wire.Error):
                self._fail(step, f"HELLO {step.text} said {reply.text!r}")
        else:
            self._exchange(step)

    def _connection(self) -> wire.Connection:
        if self._name not in self._connections:
            self._connections[self._name] = self._server.connect()
        return self._connections[self._name]

    def _exchange(self, step: scripts.Step) -> None:
        """Sends what a step says, if anything, and checks what comes back."""
        connection = self._connection()
        self.outcome.requests += 1
        try:
            if step.verb == ">":
                connection.send(wire.encode(self._arguments(step)))
            elif step.verb == "raw":
                connection.send(b"".join(self._arguments(step)))
            self._check(step, connection)
        except wire.Closed:
            self._fail(step, "the server closed the connection")
            self._connections.pop(self._name).close()
        except TimeoutError:
            self._fail(step, "no reply came")
            self._connections.pop(self._name).close()

    def _arguments(self, step: scripts.Step) -> list[bytes]:
        return human_format.split_arguments(scripts.substitute(step.text, self._captured))

    def _check(self, step: scripts.Step, connection: wire.Connection) -> None:
        expected = step.expected
        if expected.no_reply and not connection.quiet_for(QUIET_S):
            self._fail(step, "something came where no reply is expected")
        if expected.wants_reply or (self._fill and expected.empty):
            self._check_reply(step, connection.read())
        if expected.closed:
            if not connection.closed_within(CLOSE_S):
                self._fail(step, "the server did not close the connection")
            self._connections.pop(self._name).close()

    def _check_reply(self, step: scripts.Step, reply: object) -> None:
        lines = human_format.format_reply(reply)
        expected = step.expected
        if self._fill and expected.empty:
            self.filled[step.line] = lines
        elif expected.capture is not None:
            self._captured[expected.capture] = _captured_text(reply)
        else:
            wanted = [scripts.substitute(line, self._captured) for line in expected.lines]
            filled_in = scripts.Expectation(wanted, expected.unordered)
            if not scripts.agrees(filled_in, lines, reply):
                self._fail(step, _difference(wanted, lines))

    def _fail(self, step: scripts.Step, what: str) -> None:
        verb = "> " if step.verb == ">" else f"@{step.verb} "
        self.outcome.failures.append(f"{self._script.path}:{step.line}: {verb}{step.text}\n{what}")


def _captured_text(reply: object) -> str:
    """What stands for a captured reply in later lines: bytes are quoted, to be one argument."""
    if isinstance(reply, bytes):
        return human_format.quote(reply) if not reply.isalnum() else reply.decode()
    return human_format.format_reply(reply)[0].removeprefix("(integer) ")


def _difference(wanted: list[str], got: list[str]) -> str:
    show = lambda mark, lines: [f"    {mark} {line}" for line in lines[:40]]
    return "\n".join(show("expected", wanted) + show("received", got))


def run_script(path: Path, binary: str, stock: bool, fill: bool) -> Outcome:
    started = time.monotonic()
    try:
        script = scripts.load(path, may_lack_replies=fill)
        options = ["--enable-debug-command", "yes", *script.options]
        with live_server.LiveServer(binary, options) as server:
            player = Player(server, script, stock, fill)
            outcome = player.play()
    except PROBLEMS as problem:
        outcome = Outcome(path, [f"{path}: {type(problem).__name__}: {problem}"])
    else:
        write_filled(path, player.filled)
    state = "ok" if not outcome.failures else "FAILED"
    spent_ms = (time.monotonic() - started) * 1000
    print(f"{state:6} {path.name} ({outcome.requests} requests, {spent_ms:.0f} ms)", flush=True)
    return outcome


def write_filled(path: Path, filled: dict[int, list[str]]) -> None:
    if not filled:
        return
    lines = path.read_text(encoding="utf-8").split("\n")
    for number in sorted(filled, reverse=True):
        lines[number:number] = filled[number]
    path.write_text("\n".join(lines), encoding="utf-8")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--server", help="binary to test; default: the newest build/*/alai-server")
    options.add_argument("--stock", action="store_true", help="test against stock redis-server")
    options.add_argument("--jobs", type=int, default=4, help="scripts that run at the same time")
    options.add_argument("--fill", action="store_true", help="write replies where none is expected")
    options.add_argument("files", nargs="*", type=Path)
    chosen = options.parse_args()
    files = chosen.files or sorted(Path(__file__).resolve().parent.glob("*.test"))
    if not files:
        print("no scripts to run")
        return 1
    binary = chosen.server or (
        live_server.stock_server() if chosen.stock else live_server.default_server()
    )
    with ThreadPoolExecutor(chosen.jobs) as pool:
        run = lambda path: run_script(path, binary, chosen.stock, chosen.fill)
        outcomes = list(pool.map(run, files))
    failed = [outcome for outcome in outcomes if outcome.failures]
    for outcome in failed:
        print("\n" + "\n".join(outcome.failures))
    print(f"\n{sum(o.requests for o in outcomes)} requests to {binary}")
    print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
