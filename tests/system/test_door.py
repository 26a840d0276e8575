"""The door, ./dev: what it says of itself, and what it does not let in. What it builds and runs, whoever runs
these tests has come through."""

from __future__ import annotations

import re
import subprocess
import unittest

import live_server

DOOR = live_server.REPOSITORY / "dev"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(DOOR), *arguments], capture_output=True, text=True, timeout=20)


class Door(unittest.TestCase):
    def test_help_names_every_command(self):
        done = run("help")
        self.assertEqual(done.returncode, 0, msg=done.stderr)
        self.assertEqual(done.stderr, "")
        shown = set(re.findall(r"^  \./dev (\w+)", done.stdout, re.M))
        there = set(re.findall(r"^dev_(\w+)\(\)", DOOR.read_text(), re.M))
        self.assertEqual(shown, there)
        self.assertGreaterEqual(
            there,
            {"serve", "test", "build", "bench", "format", "lint", "fuzz", "clean", "help"},
        )

    def test_without_a_command_it_helps(self):
        self.assertEqual(run().stdout, run("help").stdout)

    def test_a_command_that_there_is_not(self):
        for command in ("nosuch", "need", "--version", "test_"):
            with self.subTest(command):
                done = run(command, "x")
                self.assertEqual(done.returncode, 1)
                self.assertEqual(done.stdout, "")
                self.assertIn("./dev serve", done.stderr)
                self.assertTrue(done.stderr.endswith(f"dev: no such command: {command}\n"))
