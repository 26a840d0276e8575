#!/usr/bin/env python3
"""Searches random positions for random areas on our server and on a stock one.

    geo.py [--server PATH] [--stock PATH] [--sets N] [--seed S] [--polygons]

What our server finds must be what a look at every position finds, and, where that is what the stock server
finds as well, replies must be the same to the byte, in every order and with every option. A stock server
misses members on the map's last column and row, and beyond a pole, and visits cells in another order when the
centre is there; such searches are only counted. Among members that are as far away as each other it
leaves any with COUNT, so those are left out. COUNT with ANY gives the same choice as stock where the order of
cells is the same, and everywhere as many members of the area as were asked for. With --polygons the stock server is one that has BYPOLYGON
(Valkey 9), whose order of polygons' cells is its own.
"""

from __future__ import annotations

import argparse
import math
import random
import secrets
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "commands")]

import live_server
from wire import Connection

RADIUS_M = 6372797.560856
DEGREE = math.pi / 180
LATITUDE_MAX = 85.05112878
UNITS = {"m": 1, "km": 1000, "ft": 0.3048, "mi": 1609.34}
SIZES = (5, 50, 120, 300, 3000, 20000)
SEARCHES = 40
ORDERS: tuple[list[str], ...] = ([], ["ASC"], ["DESC"])
DETAILS = ("WITHDIST", "WITHHASH", "WITHCOORD")
ADDED_AT_ONCE = 1000

Position = tuple[float, float]


def meters(a: Position, b: Position) -> float:
    sine = math.sin((b[0] * DEGREE - a[0] * DEGREE) / 2)
    if sine == 0:
        return RADIUS_M * abs(b[1] * DEGREE - a[1] * DEGREE)
    rise = math.sin((b[1] * DEGREE - a[1] * DEGREE) / 2)
    cosines = math.cos(a[1] * DEGREE) * math.cos(b[1] * DEGREE)
    return 2 * RADIUS_M * math.asin(min(1.0, math.sqrt(rise * rise + cosines * sine * sine)))


class Area:
    """What is searched for: the arguments, and which positions are within."""

    def __init__(self, draw: random.Random, place: str, centre: Position, polygon: bool):
        self.centre = centre
        unit = draw.choice(list(UNITS))
        self.metres = UNITS[unit]
        self.width = 10 ** draw.uniform(1, 5.5 if place == "dense" else 7.3) / self.metres
        self.height = self.width * draw.choice((1, 0.01, 3))
        self.corners: list[Position] = []
        if polygon:
            size = 10 ** draw.uniform(-2, 2)
            for _ in range(draw.randint(3, 8)):
                corner = [axis + draw.uniform(-size, size) for axis in centre]
                self.corners.append((max(-180, min(180, corner[0])), max(-85, min(85, corner[1]))))
            self.args = ["BYPOLYGON", str(len(self.corners))]
            self.args += [repr(axis) for corner in self.corners for axis in corner]
        elif draw.random() < 0.5:
            self.height = 0
            self.args = ["BYRADIUS", repr(self.width), unit]
        else:
            self.args = ["BYBOX", repr(self.width), repr(self.height), unit]

    def holds(self, position: Position) -> bool:
        if self.corners:
            return self._encloses(position)
        if self.args[0] == "BYRADIUS":
            return meters(self.centre, position) <= self.width * self.metres
        rise = RADIUS_M * abs(position[1] * DEGREE - self.centre[1] * DEGREE)
        along = meters(position, (self.centre[0], position[1]))
        return rise <= self.height * self.metres / 2 and along <= self.width * self.metres / 2

    def _encloses(self, position: Position) -> bool:
        x, y = position
        inside = False
        before = self.corners[-1]
        for corner in self.corners:
            if (corner[1] > y) != (before[1] > y):
                slope = (before[0] - corner[0]) * (y - corner[1]) / (before[1] - corner[1])
                inside ^= x < slope + corner[0]
            before = corner
        return inside


def draw_position(draw: random.Random, place: str) -> Position:
    if place == "middle":
        return draw.uniform(-150, 150), draw.uniform(-60, 60)
    if place == "dense":
        return draw.uniform(10, 11), draw.uniform(45, 46)
    if place == "polar":
        return draw.uniform(-180, 180), draw.choice((1, -1)) * draw.uniform(75, 85.05)
    if place == "date line":
        return (draw.uniform(175, 185) + 180) % 360 - 180, draw.uniform(-60, 60)
    if place == "ends":
        longitude = draw.choice((-180, 180, -179.9999, 179.9999, 0, draw.uniform(-180, 180)))
        return longitude, draw.choice((LATITUDE_MAX, -LATITUDE_MAX, 0, 85, -85))
    return draw.uniform(-180, 180), draw.uniform(-85.05, 85.05)


PLACES = ("anywhere", "middle", "dense", "polar", "date line", "ends")


class Comparison:
    def __init__(self, ours: Connection, stock: Connection, seed: int, polygons: bool):
        self.both = (ours, stock)
        self.draw = random.Random(seed)
        self.polygons = polygons
        self.counts = {"same": 0, "ours finds more": 0, "other order": 0}
        self.failures: list[str] = []

    def ask(self, *args: str) -> tuple[Any, Any]:
        ours, stock = (connection.call(*args) for connection in self.both)
        return ours, stock

    def fill(self, place: str) -> dict[bytes, Position]:
        self.ask("DEL", "g")
        names = [b"m%d" % i for i in range(self.draw.choice(SIZES))]
        for first in range(0, len(names), ADDED_AT_ONCE):
            args: list[Any] = []
            for name in names[first : first + ADDED_AT_ONCE]:
                args += [*map(repr, draw_position(self.draw, place)), name]
            self.ask("GEOADD", "g", *args)
        positions: dict[bytes, Position] = {}
        for first in range(0, len(names), ADDED_AT_ONCE):
            part = names[first : first + ADDED_AT_ONCE]
            ours, stock = self.ask("GEOPOS", "g", *part)
            if ours != stock:
                self.failures.append(f"GEOPOS differs in {place}")
            positions |= {n: (float(p[0]), float(p[1])) for n, p in zip(part, ours)}
        return positions

    def search(self, place: str, positions: dict[bytes, Position]) -> None:
        if self.draw.random() < 0.3:
            member = self.draw.choice(list(positions))
            area = Area(self.draw, place, positions[member], self.polygons)
            centre: list[Any] = ["FROMMEMBER", member]
        else:
            area = Area(self.draw, place, draw_position(self.draw, place), self.polygons)
            centre = ["FROMLONLAT", *map(repr, area.centre)]
        query = [*([] if self.polygons else centre), *area.args]
        radius = area.args[1:] if area.args[0] == "BYRADIUS" else None
        exact = {name for name, position in positions.items() if area.holds(position)}
        ours, stock = self.ask("GEOSEARCH", "g", *query, "WITHDIST")
        found = [name for name, _ in ours]
        if set(found) != exact or len(found) != len(exact):
            self.failures.append(f"wrong: {query} {set(found) ^ exact}")
        elif ours == stock:
            self.counts["same"] += 1
            self.search_more(query, len({distance for _, distance in ours}) < len(ours))
            if radius is not None:
                self.compare_older_forms([*centre, *radius])
        elif sorted(map(repr, ours)) == sorted(map(repr, stock)):
            self.counts["other order"] += 1
            if place != "ends" and not self.polygons:
                self.failures.append(f"other order: {query}")
        else:
            self.counts["ours finds more"] += 1
            if place in ("middle", "dense"):
                self.failures.append(f"stock finds less: {query}")
        self.check_any(query, exact)

    def any_count(self) -> list[str]:
        """COUNT with ANY, these two in any order."""
        form = [["COUNT", str(self.draw.randint(1, 50))], ["ANY"]]
        self.draw.shuffle(form)
        return sum(form, [])

    def details(self) -> list[str]:
        return [detail for detail in DETAILS if self.draw.random() < 0.4]

    def compare(self, *args: Any) -> None:
        ours, stock = self.ask(*args)
        if ours != stock:
            self.failures.append(f"{args}: {ours} or {stock}")

    def compare_stored(self, *args: Any) -> None:
        """What a command has stored as "d"."""
        self.compare(*args)
        # Newer servers print scores in another way.
        self.compare("ZRANGE", "d", "0", "-1", *([] if self.polygons else ["WITHSCORES"]))

    def search_more(self, query: list[Any], ties: bool) -> None:
        count = str(self.draw.randint(1, 50))
        forms = [["ASC", "WITHDIST"], ["DESC", "WITHCOORD"]]
        forms += [[*self.any_count(), *order, *self.details()] for order in ORDERS]
        if not ties:
            forms += [["COUNT", count], ["COUNT", count, "DESC", "WITHHASH"]]
        for form in forms:
            self.compare("GEOSEARCH", "g", *query, *form)
        for form in ([], [*self.any_count(), *self.draw.choice(ORDERS)]):
            distances = self.draw.choice(([], ["STOREDIST"]))
            self.compare_stored("GEOSEARCHSTORE", "d", "g", *query, *form, *distances)

    def compare_older_forms(self, circle: list[Any]) -> None:
        """GEORADIUS and GEORADIUSBYMEMBER, with ANY, reading and storing."""
        name = "GEORADIUS" if circle[0] == "FROMLONLAT" else "GEORADIUSBYMEMBER"
        for order in ORDERS:
            form = [*self.any_count(), *order]
            self.compare(name, "g", *circle[1:], *form, *self.details())
            self.compare(name + "_RO", "g", *circle[1:], *form, *self.details())
            store = self.draw.choice(("STORE", "STOREDIST"))
            self.compare_stored(name, "g", *circle[1:], *form, store, "d")

    def check_any(self, query: list[Any], exact: set[bytes]) -> None:
        """Whatever the stock server finds: as many as there are, all of the area, and sorted."""
        for order in ORDERS:
            form = self.any_count()
            count = int(form[form.index("COUNT") + 1])
            ours = self.both[0].call("GEOSEARCH", "g", *query, *form, *order, "WITHDIST")
            names = {name for name, _ in ours}
            distances = [float(distance) for _, distance in ours]
            is_sorted = not order or distances == sorted(distances, reverse=order == ["DESC"])
            if not (len(ours) == len(names) == min(count, len(exact)) and names <= exact):
                self.failures.append(f"wrong choice: {query} {form} {order} {ours}")
            elif not is_sorted:
                self.failures.append(f"not sorted: {query} {form} {order} {ours}")

    def run(self, sets: int) -> None:
        for _ in range(sets):
            place = self.draw.choice(PLACES)
            positions = self.fill(place)
            for _ in range(SEARCHES):
                self.search(place, positions)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", help="ours; by default the newest build")
    parser.add_argument("--stock", help="by default redis-server")
    parser.add_argument("--sets", type=int, default=20)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    parser.add_argument("--polygons", action="store_true")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    ours = live_server.LiveServer(options.server or live_server.default_server())
    stock = live_server.LiveServer(options.stock or live_server.stock_server())
    with ours, stock, ours.connect(30) as a, stock.connect(30) as b:
        comparison = Comparison(a, b, options.seed, options.polygons)
        comparison.run(options.sets)
    for failure in comparison.failures[:10]:
        print(failure[:1000])
    print(f"{comparison.counts}, {len(comparison.failures)} failures")
    return 1 if comparison.failures else 0


if __name__ == "__main__":
    sys.exit(main())
