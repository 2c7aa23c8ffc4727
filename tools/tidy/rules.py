"""The rules of tidy: functions from a file, or the list of files, to findings."""

import dataclasses
import re

import rooms

LINES_MAX = 600
CXX = (".h", ".cc")
TEXT = CXX + (".md", ".proto", ".bzl", ".bazel", ".py", ".sh", ".ts", ".tsx", ".css", ".sql", ".yaml",
              ".yml", ".go", ".java", ".rs")
GENERATED = re.compile(r"(^|/)(package-lock\.json|[^/]*\.pb\.go|[^/]*_pb2[^/]*\.py)$|/generated/|/gen/")


@dataclasses.dataclass(frozen=True)
class Finding:
    path: str
    line: int
    rule: str
    text: str
    is_warning: bool = False

    def __str__(self):
        kind = "warning: " if self.is_warning else ""
        return "%s:%d: %s[%s] %s" % (self.path, self.line, kind, self.rule, self.text)


@dataclasses.dataclass(frozen=True)
class Ban:
    """Code that may stand in few places.

    `homes` are folders (ending in "/") and files where it may; `only_in`, if given, are the places
    where the ban holds at all.
    """
    rule: str
    pattern: re.Pattern
    text: str
    homes: tuple = ()
    only_in: tuple = ()


def _includes(*prefixes):
    return re.compile(r'^\s*#\s*include\s*[<"](?:%s)' % "|".join(map(re.escape, prefixes)))


# Code for task authors and other languages stands outside: it cannot use base/.
_OUTSIDE = ("sdk-cpp/", "sdk-stubs/", "plugins/", "examples/")
_PURE = tuple(room + "/" for room in rooms.PURE)
_TIMELESS = tuple(room + "/" for room in rooms.TIMELESS)

BANS = [
    Ban("clock", re.compile(r"\babsl::Now\s*\(|\bsystem_clock::now\s*\("),
        "the wall clock is read here; take a Clock (base/clock.h) by constructor, or `now` as argument",
        homes=("base/clock.cc", "tests/e2e/", "tests/load/") + _OUTSIDE),
    Ban("postgres", _includes("pqxx/", "libpq-fe.h", "postgresql/"),
        "Postgres is known to controlplane/store/postgres alone; go through the Store",
        homes=("controlplane/store/postgres/",)),
    Ban("sqlite", _includes("sqlite3.h"),
        "SQLite is known to controlplane/store/sqlite alone; go through the Store",
        homes=("controlplane/store/sqlite/",)),
    Ban("jq", _includes("jq.h", "jv.h"), "libjq is known to controlplane/jq alone; use its helper",
        homes=("controlplane/jq/", "tests/expressions/")),
    Ban("curl", _includes("curl/"), "libcurl is known to worker/web alone; use its helper",
        homes=("worker/web/",)),
    Ban("spdlog", _includes("spdlog/", "fmt/"), "spdlog is known to base/log.cc alone; call Log",
        homes=("base/log.cc",)),
    Ban("pure", _includes("grpc", "base/log.h", "base/mutex.h", "base/thread_",
                          "base/file.h", "thread>", "mutex>", "condition_variable>", "future>",
                          "iostream>", "fstream>", "filesystem>", "unistd.h"),
        "this room decides, and does nothing: no I/O, thread, lock, RPC or log line; return a change or "
        "an effect, or take what is needed as an argument",
        homes=("expression/renderer.cc",),  # The lock of the one cache: compiled texts, no state.
        only_in=_PURE),
    Ban("pure", _includes("base/clock.h", "base/executor.h"),
        "this room is told what time it is; take `now` as an argument",
        only_in=_TIMELESS),
    Ban("regex", re.compile(r"\bstd::w?regex\b|#\s*include\s*<regex>"),
        "std::regex overflows the stack on long input; use RE2"),
    Ban("json", _includes("google/protobuf/struct.pb.h", "google/protobuf/util/json_util.h"),
        "protobuf's JSON loses digits and order; use controlplane/api/json"),
    Ban("mutex", re.compile(r"\babsl::(Mutex|MutexLock|CondVar|Notification|BlockingCounter)\b|"
                            r"#\s*include\s*\"absl/synchronization/"),
        "the thread sanitizer does not see Abseil's locks; use base/mutex.h or base/notification.h"),
    Ban("mutex", re.compile(r"\bstd::(recursive_|shared_|timed_)?mutex\b|\bstd::condition_variable\b|"
                            r"\bstd::(lock_guard|unique_lock|scoped_lock|shared_lock)\b"),
        "there is one kind of lock, whose users say what it guards; use base/mutex.h",
        homes=("base/mutex.h",) + _OUTSIDE),
]

_UNDONE = re.compile(r"\b(%s)\b" % "|".join(["TO" "DO", "FIX" "ME"]))
_STRUCT_PROTO = re.compile(r'^\s*import\s+(public\s+)?"google/protobuf/struct\.proto"')
_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
_BASE_MAY_INCLUDE = re.compile(r"(base|absl|gtest|gmock)/|(linux|sys)/|[^/]+$")
_VAGUE_FOLDERS = {"common", "util", "utils", "misc", "helper", "helpers", "lib"}


def is_text(path):
    return path.endswith(TEXT) and not GENERATED.search(path)


def _is_test(path):
    return (path.endswith(("_test.cc", "_fixture.h", "_fixture.cc")) or "/testing/" in path or
            path.startswith("tests/"))


def _may_reach_further(path):
    return _is_test(path) or path.endswith("/main.cc")


def _matches(path, places):
    return any(path == place or (place.endswith("/") and path.startswith(place)) for place in places)


def _without_comments(text):
    """The text with comments blanked out, line by line; strings stay as they are."""
    token = re.compile(
        r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|//[^\n]*|/\*.*?\*/', re.DOTALL)

    def blank(match):
        found = match.group(0)
        return "\n" * found.count("\n") if found.startswith("/") else found

    return token.sub(blank, text)


def _check_bans(path, lines):
    for number, line in enumerate(lines, 1):
        for ban in BANS:
            if ban.only_in and (not _matches(path, ban.only_in) or _is_test(path)):
                continue
            if ban.pattern.search(line) and not _matches(path, ban.homes):
                yield Finding(path, number, ban.rule, ban.text)


def _check_includes(path, lines):
    room = rooms.room_of(path)
    if room is None:
        return
    for number, line in enumerate(lines, 1):
        include = _INCLUDE.match(line)
        if not include:
            continue
        quoted, included = include.group(1) == '"', include.group(2)
        if room == "base":
            if not _BASE_MAY_INCLUDE.match(included) and not included.startswith("spdlog/"):
                yield Finding(path, number, "base",
                              "base/ stands on Abseil and the standard library alone; put what needs "
                              "%s into a room of its own" % included)
            continue
        if quoted and included.startswith("orch/v1/"):
            included = "proto/" + included
        if quoted and not _may_reach_further(path) and not rooms.may_use(room, included):
            yield Finding(path, number, "arrow",
                          "%s/ may not use %s/; move the code to a room that may, or change "
                          "tools/tidy/rooms.py and ARCHITECTURE.md, with a decision" %
                          (room, rooms.room_of(included)))


def check_file(path, text):
    """What is wrong in one file."""
    findings = []
    raw_lines = text.split("\n")
    for number, line in enumerate(raw_lines, 1):
        if _UNDONE.search(line):
            findings.append(Finding(path, number, "undone",
                                    "finish it, or leave it out and open an issue"))
        if path.endswith(".proto") and _STRUCT_PROTO.match(line):
            findings.append(Finding(path, number, "json",
                                    "Struct and Value lose digits and order; use message Json"))
    if path.endswith(CXX):
        lines = _without_comments(text).split("\n")
        findings += _check_bans(path, lines)
        findings += _check_includes(path, lines)
        if path.endswith(".h") and not any(line.startswith("#pragma once") for line in lines):
            findings.append(Finding(path, 1, "header", "a header begins with #pragma once"))
    if not path.endswith((".md", ".yaml", ".yml")) and len(raw_lines) - 1 > LINES_MAX:
        findings.append(Finding(path, LINES_MAX, "long",
                                "%d lines; look for the second file in it" % (len(raw_lines) - 1),
                                is_warning=True))
    return findings


def check_tree(paths):
    """What is wrong in the list of all files."""
    findings = []
    present = set(paths)
    inhabited = set(room for room in map(rooms.room_of, paths) if room)
    for room in sorted(inhabited):
        if room + "/README.md" not in present:
            findings.append(Finding(room + "/README.md", 1, "door-plate",
                                    "a room says on its door what it is for, in three to ten lines"))
    seen = set()
    for path in paths:
        parts = path.split("/")
        for size, name in enumerate(parts[:-1], 1):
            folder = "/".join(parts[:size])
            if name in _VAGUE_FOLDERS and folder not in seen:
                seen.add(folder)
                findings.append(Finding(folder, 1, "name", "'%s' says nothing; say what it is" % name))
    return findings
