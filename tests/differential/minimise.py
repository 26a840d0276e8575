"""Makes a failing sequence short: drops what is not needed for the difference to show."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable

from generator import Command, Item

LONG_ARGUMENT_BYTES = 24


def minimise(items: list[Item], fails: Callable[[list[Item]], bool]) -> list[Item]:
    """`fails` plays a sequence and says whether it still shows the difference."""
    size = max(1, len(items) // 2)
    while True:
        items = _drop_chunks(items, size, fails)
        if size == 1:
            break
        size //= 2
    items = _drop_chunks(items, 1, fails)
    return _shorten_arguments(items, fails)


def _drop_chunks(items: list[Item], size: int, fails: Callable[[list[Item]], bool]) -> list[Item]:
    start = len(items) - size
    while start > -size:
        shorter = items[: max(0, start)] + items[start + size :]
        if shorter and fails(shorter):
            items = shorter
        start -= size
    return items


def _shorten_arguments(items: list[Item], fails: Callable[[list[Item]], bool]) -> list[Item]:
    for position, item in enumerate(items):
        if not isinstance(item, Command):
            continue
        for index, arg in enumerate(item.args):
            if len(arg) > LONG_ARGUMENT_BYTES:
                args = (*item.args[:index], b"short", *item.args[index + 1 :])
                shorter = [*items[:position], replace(item, args=args), *items[position + 1 :]]
                if fails(shorter):
                    items = shorter
                    item = items[position]
    return items
