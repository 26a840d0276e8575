"""Shows that each house rule finds what it is for, on a small tree with planted faults, and that it
says nothing about sound code."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TIDY = pathlib.Path(__file__).with_name("tidy.py")


class Tidy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name, "tree")
        self.root.mkdir()

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def check(self, rule):
        """The findings of a rule on the tree written so far."""
        run = subprocess.run(
            [sys.executable, TIDY, rule, "--root", self.root, "--cache", self.root / "build"],
            capture_output=True, text=True)
        self.assertEqual(run.stderr, "")
        findings = run.stdout.split("\n\n")[0].splitlines()
        self.assertEqual(run.returncode, 1 if findings else 0)
        return findings

    def assert_found(self, rule, place, *words):
        findings = self.check(rule)
        self.assertEqual(len(findings), 1, findings)
        self.assertTrue(findings[0].startswith(place + ":"), findings[0])
        for word in words:
            self.assertIn(word, findings[0])

    def test_layering(self):
        self.write("engine/table.h", "// Table.\n")
        self.write("engine/table.cc", '// Table.\n#include "engine/table.h"\n')
        self.write("storage/log.h", '// Log.\n#include "engine/table.h"\n')
        self.write("tests/log_test.cc", '// Test.\n#include "storage/log.h"\n')
        self.assertEqual(self.check("layering"), [])
        self.write("engine/base/bytes.h", '// Bytes.\n\n#include "engine/table.h"\n')
        self.assert_found("layering", "engine/base/bytes.h:3", "engine/base must not know engine")

    def test_layering_keeps_the_protocol_and_the_engine_apart(self):
        self.write("protocol/reply.h", '// Reply.\n#include "engine/table.h"\n')
        self.assert_found("layering", "protocol/reply.h:2", "protocol must not know engine")

    def test_layering_keeps_tests_out_of_the_product(self):
        self.write("server/main.cc", '// Main.\n#include "tests/catch.h"\n')
        self.assert_found("layering", "server/main.cc:2", "in no layer")

    def test_names(self):
        self.write("tests/a_test.cc", '// Test.\nTEST_CASE("adds (1, 2)", "[unit]") {}\n')
        self.assertEqual(self.check("names"), [])
        self.write("tests/b_test.cc", '// Test.\nTEST_CASE_METHOD(Fixture, "lies in [0, 1)") {}\n')
        self.assert_found("names", "tests/b_test.cc:2", "name of a test")

    def test_modules(self):
        self.write("bench/strings.py", '"""Strings."""\n')
        self.assertEqual(self.check("modules"), [])
        self.write("bench/collections.py", '"""Collections."""\n')
        self.assert_found("modules", "bench/collections.py:1", "module of Python's own")

    def test_includes(self):
        self.write("engine/table.h", "// Table.\n")
        self.write("engine/good.cc", '// Good.\n#include "engine/table.h"\n#include <vector>\n')
        self.assertEqual(self.check("includes"), [])
        self.write("engine/bad.cc", '// Bad.\n#include "table.h"\n')
        self.assert_found("includes", "engine/bad.cc:2", '"table.h"')

    def test_file_length(self):
        self.write("engine/long.cc", "// Long.\n" * 650)
        self.assertEqual(self.check("length"), [])
        self.write("engine/longer.cc", "// Longer.\n" * 651)
        self.assert_found("length", "engine/longer.cc:651", "650 lines")

    def test_function_length(self):
        body = "  Step('{', \"}\", R\"({ } \" {)\", 1'000'000);  // {\n"
        within = "  {\n" + body * 40 + "  }\n" + body * 56
        self.write("engine/good.cc", "// Good.\nnamespace a {\nvoid Good() {\n" + within + "}\n}\n")
        self.write("engine/class.h", "// Class.\nclass Big {\n" + "  int Get() const { return 1; }\n" * 200
                   + "};\n")
        self.assertEqual(self.check("length"), [])
        self.write("engine/bad.cc",
                   "// Bad.\nnamespace a {\nBad::Bad(int x)\n    : x_(x) {\n" + within + "}\n}\n")
        self.assert_found("length", "engine/bad.cc:3", "Bad::Bad", "101 lines")

    def test_opening(self):
        self.write("engine/good.cc", "\n// Good.\nint x;\n")
        self.write("engine/told.h", "// Told.\n")
        self.write("engine/told.cc", '#include "engine/told.h"\n')
        self.write("tests/good_test.py", '#!/usr/bin/env python3\n"""Good."""\n')
        self.write("good", "#!/bin/bash\n# Good.\n")
        self.write("bench/CMakeLists.txt", "# Good.\n")
        self.assertEqual(self.check("opening"), [])
        self.write("bad", "#!/bin/bash\nset -e\n")
        self.assert_found("opening", "bad:1")

    def test_opening_of_a_header_and_its_source(self):
        self.write("engine/bad.h", "#pragma once\n")
        self.write("engine/bad.cc", '#include "engine/bad.h"\n')
        self.assertEqual(len(self.check("opening")), 2)

    def test_words(self):
        self.write("README.md", "Todo lists and mastodons are fine.\n")
        self.assertEqual(self.check("words"), [])
        self.write("engine/bad.cc", "// Bad.\n// TO" "DO: later\n")
        self.assert_found("words", "engine/bad.cc:2")

    def test_clock(self):
        self.write("engine/base/clock.cc", "// Clock.\nint x = clock_gettime(0, 0);\n")
        self.write("engine/good.cc", "// steady_clock is not for us.\nint64_t time(int x);\n"
                   "auto t = node.time(0);\nconst char* s = \"std::chrono::system_clock\";\n")
        self.write("tests/good_test.cc", "// Test.\nauto t = std::chrono::steady_clock::now();\n")
        self.assertEqual(self.check("clock"), [])
        self.write("server/bad.cc", "// Bad.\n\nauto t = std::chrono::steady_clock::now();\n")
        self.assert_found("clock", "server/bad.cc:3", "steady_clock")
        self.write("server/bad.cc", "// Bad.\nauto t = std::time(nullptr);\n")
        self.assert_found("clock", "server/bad.cc:2")

    def test_paths(self):
        self.write("server/good.conf", "dir /var/lib/alai\nunixsocket /run/alai/alai.sock\n")
        self.assertEqual(self.check("paths"), [])
        self.write("server/bad.md", f"See\n{self.root}/server/main.cc\n")
        self.assert_found("paths", "server/bad.md:2", str(self.root.parent))
        self.write("server/bad.md", "/home" "/alice/alai\n")
        self.assert_found("paths", "server/bad.md:1")

    def test_headers(self):
        good = "// Good.\n#pragma once\n#include <string>\ninline std::string Name() { return {}; }\n"
        self.write("engine/good.h", good)
        self.assertEqual(self.check("headers"), [])
        self.write("engine/bad.h", "// Bad.\n#pragma once\nextern std::string name;\n")
        self.assert_found("headers", "engine/bad.h:1", "alone")
        # A result that was kept must not hide a fault that came with an included header.
        self.write("engine/bad.h", '// User.\n#pragma once\n#include "engine/good.h"\n')
        self.assertEqual(self.check("headers"), [])
        self.write("engine/good.h", good + "std::vector<int> all;\n")
        self.assertEqual(len(self.check("headers")), 2)

    def test_headers_need_a_guard(self):
        self.write("engine/bad.h", "// Bad.\n")
        self.assert_found("headers", "engine/bad.h:1", "#pragma once")


if __name__ == "__main__":
    unittest.main()
