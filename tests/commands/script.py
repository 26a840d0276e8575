"""A command script (*.test): parsing it, and comparing replies with what it expects.

The format is described in README.md. A script is a list of steps; each step carries the number of
its line, so that a failure points at it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import human_format


ANY_LINES = "..."


class BadScript(Exception):
    """A line that is not of the format."""


@dataclass
class Expectation:
    """What follows a request: lines of one reply, or none, and perhaps a closed connection."""

    lines: list[str] = field(default_factory=list)
    unordered: bool = False
    no_reply: bool = False
    closed: bool = False
    capture: str | None = None

    @property
    def wants_reply(self) -> bool:
        return bool(self.lines) or self.capture is not None

    @property
    def empty(self) -> bool:
        return not (self.wants_reply or self.no_reply or self.closed)


@dataclass
class Step:
    """`verb` is ">" for a request, or the directive's name without "@"."""

    line: int
    verb: str
    text: str
    expected: Expectation = field(default_factory=Expectation)


@dataclass
class Script:
    path: Path
    options: list[str]
    steps: list[Step]


# Directive -> whether a reply may follow it.
_STEP_DIRECTIVES = {
    "advance": False,
    "resp": False,
    "connection": False,
    "close": False,
    "server": False,
    "config": False,
    "process": False,
    "raw": True,
    "read": True,
}


def load(path: Path, may_lack_replies: bool = False) -> Script:
    lines = path.read_text(encoding="utf-8").split("\n")
    return parse(path, lines, may_lack_replies)


def parse(path: Path, lines: list[str], may_lack_replies: bool = False) -> Script:
    script = Script(path, [], [])
    current: Step | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            current = None
            continue
        step = _read_step(number, line)
        if step is None:
            if current is None:
                raise BadScript(f"{path}:{number}: a reply that follows no request: {line}")
            _add_expected(path, number, current.expected, line)
        elif step.verb == "config":
            if script.steps:
                raise BadScript(f"{path}:{number}: @config must come before everything else")
            name, _, value = step.text.partition(" ")
            script.options += [
                f"--{name}",
                *[a.decode() for a in human_format.split_arguments(value)],
            ]
        elif step.verb == "process":
            if not step.text:
                raise BadScript(f"{path}:{number}: @process without a reason")
        else:
            script.steps.append(step)
            current = step if step.verb == ">" or _STEP_DIRECTIVES[step.verb] else None
    if not may_lack_replies:
        _check_complete(script)
    return script


def _check_complete(script: Script) -> None:
    for step in script.steps:
        answered = step.verb == ">" or _STEP_DIRECTIVES[step.verb]
        if answered and step.expected.empty:
            raise BadScript(f"{script.path}:{step.line}: nothing is expected of: {step.text}")


def _read_step(number: int, line: str) -> Step | None:
    if line.startswith("> "):
        return Step(number, ">", line[2:])
    match = re.fullmatch(r"@(\w+)(?: (.*))?", line)
    if match and match[1] in _STEP_DIRECTIVES:
        return Step(number, match[1], match[2] or "")
    return None


def _add_expected(path: Path, number: int, expected: Expectation, line: str) -> None:
    if line == "@unordered":
        expected.unordered = True
    elif line == "(no reply)":
        expected.no_reply = True
    elif line == "(closed)":
        expected.closed = True
    elif line.startswith("@let "):
        expected.capture = line[5:].strip()
    elif re.match(r"@(?!match |about )", line):
        raise BadScript(f"{path}:{number}: unknown directive: {line}")
    else:
        expected.lines.append(line.rstrip())


def parse_duration_ms(text: str) -> float:
    match = re.fullmatch(r"(\d+)(ms|s)", text.strip())
    if match is None:
        raise BadScript(f"not a duration such as 30ms or 2s: {text}")
    return int(match[1]) * (1000 if match[2] == "s" else 1)


def substitute(text: str, captured: dict[str, str]) -> str:
    """Replaces {name} by what @let name has kept; other braces stay."""
    return re.sub(r"\{(\w+)\}", lambda m: captured.get(m[1], m[0]), text)


def agrees(expected: Expectation, lines: list[str], reply: Any) -> bool:
    if expected.unordered and isinstance(reply, list) and reply:
        return _agree_unordered(expected.lines, reply)
    return _agree_lines(expected.lines, lines)


def _agree_lines(pattern: list[str], reply_lines: list[str]) -> bool:
    """Line by line, where a pattern line of `...` stands for any number of lines."""
    i = j = 0
    resume: tuple[int, int] | None = None
    while j < len(reply_lines):
        if i < len(pattern) and pattern[i].strip() == ANY_LINES:
            resume = (i + 1, j)
            i += 1
        elif i < len(pattern) and line_agrees(pattern[i], reply_lines[j]):
            i, j = i + 1, j + 1
        elif resume is not None:
            resume = (resume[0], resume[1] + 1)
            i, j = resume
        else:
            return False
    return all(line.strip() == ANY_LINES for line in pattern[i:])


def line_agrees(pattern: str, line: str) -> bool:
    """Text before @match or @about is literal; a glob's only special character is the asterisk."""
    about = re.fullmatch(r"(.*?)@about (-?\d+)±(\d+)", pattern)
    if about:
        head = about[1] + "(integer) "
        number = line[len(head) :]
        if not line.startswith(head) or not re.fullmatch(r"-?\d+", number):
            return False
        return abs(int(number) - int(about[2])) <= int(about[3])
    head, found, glob = pattern.partition("@match ")
    if found:
        regex = re.escape(head) + ".*".join(re.escape(part) for part in glob.split("*"))
        return re.fullmatch(regex, line, re.DOTALL) is not None
    return pattern == line


def _agree_unordered(pattern: list[str], reply: list) -> bool:
    """Elements of the outermost aggregate in any order. Each expected one takes the first that
    fits, so a pattern that fits several belongs last."""
    width = len(str(len(reply))) + 2
    groups: list[list[str]] = []
    for line in pattern:
        starts = line[: width - 2].strip().isdigit() and line[width - 2 : width - 1] in set(")~#>")
        if starts:
            groups.append([line[width:]])
        elif groups:
            groups[-1].append(line[width:])
        else:
            return False
    left = [[l.rstrip() for l in text.split("\n")] for text in human_format.format_elements(reply)]
    for group in groups:
        fit = next((i for i, lines in enumerate(left) if _agree_lines(group, lines)), None)
        if fit is None:
            return False
        del left[fit]
    return not left
