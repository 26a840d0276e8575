"""The house rules that a machine can check: one function per rule, each yielding what breaks it.

Usage: tidy.py RULE [--root DIR] [--compiler CXX] [--cache DIR]

A finding is printed as `file:line: what is wrong`, and any finding makes the exit status 1. The rules
see every file of the source tree but what is built, fetched or belongs to git. tidy_test.py shows that
each of them finds what it is for.
"""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess
import sys

FILE_LINES_MAX = 650
FUNCTION_LINES_MAX = 100

# Layer -> the layers whose headers it may include.
LAYERS = {
    "engine/base": {"engine/base"},
    "engine": {"engine/base", "engine"},
    "protocol": {"engine/base", "protocol"},
    "storage": {"engine/base", "engine", "storage"},
    "server": {"engine/base", "engine", "protocol", "storage", "server"},
}

# The only file that asks the operating system what time it is, and those that read the processor's
# counter.
CLOCK = "engine/base/clock.cc"
COUNTER = ("engine/base/ticks.h", "engine/base/ticks.cc")

SKIPPED_FOLDERS = {".git", "build", "node_modules", "__pycache__"}
CPP = {".h", ".cc"}
SCRIPTS = {".py", ".sh", ".cmake"}

# Headers of abseil are written in quotes, too.
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include\s*"((?!absl/)[^"]+)"', re.M)


class Tree:
    """The files below a folder, each read once."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.texts = {}
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
            for name in sorted(names):
                path = pathlib.Path(folder, name)
                data = path.read_bytes()
                if not path.is_symlink() and b"\0" not in data:
                    relative = path.relative_to(self.root).as_posix()
                    self.texts[relative] = data.decode("utf-8", "replace")

    def files(self, suffixes=None):
        for path, text in self.texts.items():
            if suffixes is None or pathlib.PurePath(path).suffix in suffixes:
                yield path, text

    def sources(self):
        """Code that people read: C++, Python, shell and CMake."""
        for path, text in self.texts.items():
            name = pathlib.PurePath(path).name
            if (pathlib.PurePath(path).suffix in CPP | SCRIPTS or name == "CMakeLists.txt"
                    or text.startswith("#!")):
                yield path, text


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def layer_of(path):
    """The layer that a file or an include belongs to; None for what stands outside of them."""
    for layer in LAYERS:
        if path.startswith(layer + "/"):
            return layer
    return None


def layering(tree, options):
    """No include against the arrows: base <- engine <- storage <- server, base <- protocol <- server."""
    for path, text in tree.files(CPP):
        layer = layer_of(path)
        if layer is None:
            continue
        for match in INCLUDE.finditer(text):
            target = layer_of(match[1])
            if target is None:
                yield f"{path}:{line_of(text, match.start())}: {match[1]} is in no layer"
            elif target not in LAYERS[layer]:
                yield (f"{path}:{line_of(text, match.start())}: {layer} must not know "
                       f"{target} ({match[1]})")


def includes(tree, options):
    """Includes in quotes are written from the root of the tree, and what they name is there."""
    for path, text in tree.files(CPP):
        for match in INCLUDE.finditer(text):
            if match[1] not in tree.texts:
                yield (f"{path}:{line_of(text, match.start())}: \"{match[1]}\" is no file, seen from "
                       "the root of the tree")


def length(tree, options):
    """Files and functions stay short enough to be read."""
    for path, text in tree.sources():
        lines = text.count("\n")
        if lines > FILE_LINES_MAX:
            yield f"{path}:{lines}: the file has more than {FILE_LINES_MAX} lines"
    for path, text in tree.files(CPP):
        for name, first, last in functions(text):
            if last - first + 1 > FUNCTION_LINES_MAX:
                yield (f"{path}:{first}: {name} has {last - first + 1} lines, more than "
                       f"{FUNCTION_LINES_MAX}")


def opening(tree, options):
    """Every source file opens with a comment that says what it is. X.cc may leave that to X.h."""
    def opens(path):
        lines = [line.strip() for line in tree.texts[path].splitlines()]
        if lines and lines[0].startswith("#!"):
            lines = lines[1:]
        first = next((line for line in lines if line), None)
        marks = ("//",) if pathlib.PurePath(path).suffix in CPP else ('"""', "# ")
        return first is None or first.startswith(marks)

    for path, _ in tree.sources():
        header = path.removesuffix(".cc") + ".h"
        told = path.endswith(".cc") and header in tree.texts and opens(header)
        if not told and not opens(path):
            yield f"{path}:1: opens without a comment that says what the file is"


def words(tree, options):
    """Nothing is left for later. The pattern is written so that it does not match itself."""
    unfinished = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b")
    for path, text in tree.files():
        for match in unfinished.finditer(text):
            yield f"{path}:{line_of(text, match.start())}: {match[1]}: finish it or file it"


def clock(tree, options):
    """Time comes from engine/base/clock.h, so that tests can advance it."""
    asks = re.compile(
        r"\b(clock_gettime|gettimeofday|timespec_get|ftime|__rdtscp?|absl::Now|GetCurrentTimeNanos"
        r"|(?:steady|system|high_resolution|utc|file)_clock|second_clock|microsec_clock)\b"
        r"|(?<![\w.>:])(?:std::|::)?time\s*\(\s*(?:NULL|nullptr|0|&\w+)\s*\)")
    for path, text in tree.files(CPP):
        if layer_of(path) is None or path == CLOCK:
            continue
        code = strip(text)
        if path in COUNTER:
            code = code.replace("__rdtsc", "       ")
        for match in asks.finditer(code):
            yield (f"{path}:{line_of(code, match.start())}: {match[0].strip()} asks the operating "
                   f"system for the time; only {CLOCK} does that")


def paths(tree, options):
    """No path of the machine on which somebody works: neither homes nor the tree's own place."""
    home = os.path.expanduser("~").rstrip("/")
    above = str(tree.root.parent).rstrip("/")
    places = {str(tree.root), home, above} - {"", "/", "/tmp", "/home", "/usr/src", "/opt", "/srv"}
    found = re.compile(
        r"/(?:home|Users)/\w+|/r[o]ot/|(?:" + "|".join(re.escape(p) for p in sorted(places)) + r")(?![\w.-])")
    for path, text in tree.files():
        for match in found.finditer(text):
            yield f"{path}:{line_of(text, match.start())}: {match[0]} is a path of one machine"


def names(tree, options):
    """Names of test cases go through CMake lists, where a bracket or a semicolon swallows the tests
    that follow."""
    case = re.compile(r'\b(?:TEST_CASE|SCENARIO)\w*\s*\([^"\n;]*"((?:\\.|[^"\\\n])*)"')
    for path, text in tree.files({".cc"}):
        for match in case.finditer(text):
            if re.search(r"[][;\\]", match[1]):
                yield f"{path}:{line_of(text, match.start())}: the name of a test has a ] [ ; or \\"


def modules(tree, options):
    """No script takes the name of a module of Python's own library: those beside it would import it
    instead."""
    for path, _ in tree.files({".py"}):
        if pathlib.PurePath(path).stem in sys.stdlib_module_names:
            yield f"{path}:1: has the name of a module of Python's own"


def headers(tree, options):
    """Every header compiles alone. Results are kept by the contents of all that a header includes."""
    cache = pathlib.Path(options.cache)
    cache.mkdir(parents=True, exist_ok=True)
    command = [options.compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra",
               "-Wno-unused-parameter", "-msse4.2", f"-I{tree.root}", "-x", "c++", "-"]
    if os.uname().machine != "x86_64":
        command.remove("-msse4.2")
    version = subprocess.run([options.compiler, "--version"], capture_output=True).stdout

    def compiles(path):
        digest = hashlib.sha256(version + " ".join(command[1:]).encode() + path.encode())
        for name in sorted(closure(tree, path)):
            digest.update(tree.texts[name].encode() + b"\0")
        mark = cache / digest.hexdigest()
        if mark.exists():
            return None
        run = subprocess.run(command, input=f'#include "{path}"\n', capture_output=True, text=True)
        if run.returncode == 0 and not run.stderr:
            mark.touch()
            return None
        first = next((line for line in run.stderr.splitlines() if "error" in line or "warning" in line),
                     run.stderr)
        return f"{path}:1: does not compile alone: {first}"

    names = [path for path, _ in tree.files({".h"}) if not path.startswith("tests/example/")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from filter(None, pool.map(compiles, names))
    for path in names:
        if "#pragma once" not in tree.texts[path]:
            yield f"{path}:1: has no #pragma once"


def closure(tree, path):
    """The file and every file of the tree that it includes, directly or not."""
    seen, todo = set(), [path]
    while todo:
        name = todo.pop()
        if name not in seen and name in tree.texts:
            seen.add(name)
            todo.extend(INCLUDE.findall(tree.texts[name]))
    return seen


TOKENS = re.compile(
    r'R"(?P<mark>[^\s()\\]{0,16})\((?:.*?)\)(?P=mark)"'  # raw string
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'"  # a character, not a digit separator
    r"|//[^\n]*|/\*.*?\*/", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.M)


def strip(text):
    """The code with comments, literals and preprocessor lines blanked; lines keep their numbers."""
    def blank(match):
        return "".join(c if c == "\n" else " " for c in match[0])
    return DIRECTIVE.sub(blank, TOKENS.sub(blank, text))


def functions(text):
    """(name, first line, last line) of each function body, by counting braces. A function within a
    function, such as a lambda, belongs to the outer one."""
    code = strip(text)
    kinds, start, head_from = [], None, 0
    for match in re.finditer(r"[{};]", code):
        at = match.start()
        if match[0] == "{":
            head = code[head_from:at]
            if start is not None or not is_function(head):
                kinds.append("other")
            else:
                kinds.append("function")
                start = (head.strip(), line_of(code, at - len(head.lstrip())))
        elif match[0] == "}" and kinds:
            if kinds.pop() == "function":
                name = re.search(r"([\w:~]+|operator\W+)\s*\(", start[0])
                yield (name[1] if name else "a function"), start[1], line_of(code, at)
                start = None
        head_from = at + 1


def is_function(head):
    """Whether a brace after this text opens a function's body, outside of any function."""
    head = re.sub(r"\b(alignas|__attribute__|decltype|noexcept|requires)\s*\(", " ", head)
    return ")" in head and not re.search(r"\b(namespace|class|struct|union|enum)\b[^()]*$", head) \
        and not re.search(r"[=,(]\s*$", head)


RULES = {rule.__name__: rule for rule in
         (layering, includes, length, opening, words, clock, paths, names, modules, headers)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rule", choices=RULES)
    parser.add_argument("--root", default=pathlib.Path(__file__).parents[2])
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("--cache", default="build/tidy")
    options = parser.parse_args()
    rule = RULES[options.rule]
    findings = list(rule(Tree(options.root), options))
    for finding in findings:
        print(finding)
    if findings:
        print(f"\n{options.rule}: {len(findings)} findings. The rule: {rule.__doc__.strip()}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
