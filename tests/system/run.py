#!/usr/bin/env python3
"""Runs system tests: run.py [--stock] [MODULE | MODULE.Case | MODULE.Case.test ...]

Without names it runs every test_*.py of this folder. --stock runs them against the redis-server of
this machine.
"""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "commands")]

import live_server


def main() -> int:
    names = sys.argv[1:]
    if "--stock" in names:
        names.remove("--stock")
        os.environ["ALAI_SERVER"] = live_server.stock_server()
    loader = unittest.defaultTestLoader
    if names:
        tests = loader.loadTestsFromNames(names)
    else:
        tests = loader.discover(str(FOLDER))
    result = unittest.TextTestRunner(verbosity=2).run(tests)
    failed = len(result.failures) + len(result.errors)
    # Each subtest that fails counts, its test only once.
    passed = max(result.testsRun - failed - len(result.skipped), 0)
    print(f"{passed} passed, {failed} failed, {len(result.skipped)} skipped")
    return 1 if failed or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
