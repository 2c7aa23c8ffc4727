"""Tests of tidy: each rule finds what it is for, and leaves the rest alone."""

import unittest

import rooms
import rules


def found(path, text):
    return [finding.rule for finding in rules.check_file(path, text)]


class RulesTest(unittest.TestCase):

    def test_code_stands_where_it_may(self):
        cases = [
            # (rule, code, where it is wrong, where it is right)
            ("clock", "auto t = absl::Now();", "controlplane/store/x.cc", "base/clock.cc"),
            ("clock", "std::chrono::system_clock::now()", "worker/link/x.cc", "tests/e2e/x.cc"),
            ("postgres", "#include <pqxx/pqxx>", "controlplane/store/x.cc",
             "controlplane/store/postgres/x.cc"),
            ("postgres", '#include "libpq-fe.h"', "cli/x.cc", "controlplane/store/postgres/x.cc"),
            ("sqlite", "#include <sqlite3.h>", "controlplane/store/postgres/x.cc",
             "controlplane/store/sqlite/x.cc"),
            ("jq", "#include <jq.h>", "controlplane/facts/x.cc", "controlplane/jq/x.cc"),
            ("curl", "#include <curl/curl.h>", "controlplane/storage/s3/x.cc", "worker/web/x.cc"),
            ("spdlog", "#include <spdlog/logger.h>", "worker/link/x.cc", "base/log.cc"),
            ("mutex", "std::mutex mutex_;", "worker/link/x.cc", "base/mutex.h"),
        ]
        for rule, code, wrong, right in cases:
            with self.subTest(code):
                pragma = "#pragma once\n"
                self.assertEqual(found(wrong, pragma + code), [rule])
                self.assertEqual(found(right, pragma + code), [])

    def test_some_code_stands_nowhere(self):
        for rule, code in [
            ("regex", "std::regex re(x);"), ("regex", "#include <regex>"),
            ("json", "#include <google/protobuf/util/json_util.h>"),
            ("json", '#include "google/protobuf/struct.pb.h"'),
            ("mutex", "absl::Mutex mutex_;"), ("mutex", "absl::Notification done;"),
        ]:
            self.assertEqual(found("worker/link/x.cc", code), [rule], code)
        self.assertEqual(found("proto/orch/v1/x.proto", 'import "google/protobuf/struct.proto";'),
                         ["json"])

    def test_rooms_that_decide_do_nothing(self):
        for code in ["#include <thread>", "#include <grpcpp/grpcpp.h>", '#include "base/log.h"',
                     '#include "base/clock.h"', "#include <fstream>"]:
            self.assertEqual(found("controlplane/engine/x.cc", code), ["pure"], code)
            self.assertEqual(found("controlplane/conductor/x.cc", code), [], code)
            self.assertEqual(found("controlplane/engine/x_test.cc", code), [], code)
        self.assertEqual(found("controlplane/engine/x.cc", '#include "base/random.h"'), [])
        self.assertEqual(found("worker/session/x.cc", '#include "base/clock.h"'), [])

    def test_a_comment_is_no_code_and_a_string_no_comment(self):
        self.assertEqual(found("cli/x.cc", "// never absl::Now()\n/* std::regex\n absl::Mutex */"), [])
        self.assertEqual(found("cli/x.cc", 'f("http://x"); absl::Now();'), ["clock"])
        self.assertEqual(found("cli/x.cc", "char c = '\"'; g(absl::Now()); // \""), ["clock"])

    def test_a_finding_names_file_line_and_mend(self):
        [finding] = rules.check_file("cli/x.cc", "/* one\ntwo */\n\nint x = absl::Now();\n")
        self.assertRegex(str(finding), r"^cli/x\.cc:4: \[clock\] .*base/clock\.h")

    def test_undone_work_is_found_in_comments_too(self):
        self.assertEqual(found("cli/x.cc", "// TO" "DO: later"), ["undone"])
        self.assertEqual(found("webui/src/x.ts", "// FIX" "ME"), ["undone"])
        self.assertEqual(found("cli/x.cc", "// methodology, todos"), [])

    def test_a_header_is_included_once(self):
        self.assertEqual(found("cli/x.h", "int x;"), ["header"])
        self.assertEqual(found("cli/x.h", "// What it is.\n#pragma once\n"), [])

    def test_long_files_are_a_warning(self):
        [finding] = rules.check_file("cli/x.cc", "\n" * 601)
        self.assertTrue(finding.is_warning)
        self.assertEqual(rules.check_file("cli/x.cc", "\n" * 600), [])
        self.assertEqual(rules.check_file("README.md", "\n" * 601), [])

    def test_base_stands_on_abseil_and_std(self):
        for code in ["#include <vector>", "#include <sys/stat.h>", '#include "base/clock.h"',
                     '#include "absl/time/time.h"', "#include <unistd.h>"]:
            self.assertEqual(found("base/x.cc", code), [], code)
        for code in ["#include <boost/json.hpp>", '#include "expression/value.h"',
                     '#include "orch/v1/worker.pb.h"']:
            self.assertEqual(found("base/x.cc", code), ["base"], code)


class RoomsTest(unittest.TestCase):

    def test_arrows_point_up(self):
        order = list(rooms.ROOMS)
        for room, used in rooms.ROOMS.items():
            for other in [] if used == rooms.EVERYTHING else used:
                if other == "webui":
                    continue  # Assets, which the gateway embeds.
                holder = rooms.room_of(other + "/x")
                self.assertLess(order.index(holder), order.index(room), "%s -> %s" % (room, other))

    def test_an_include_follows_an_arrow(self):
        cases = [
            ("controlplane/store/x.cc", "controlplane/engine/execution.h", True),
            ("controlplane/engine/x.cc", "controlplane/store/store.h", False),
            ("controlplane/gateway/x.cc", "controlplane/api/y.h", True),
            ("controlplane/gateway/x.cc", "controlplane/store/store.h", False),
            ("controlplane/store/x.cc", "controlplane/store/sqlite/y.h", False),
            ("controlplane/store/sqlite/x.cc", "controlplane/store/store.h", True),
            ("controlplane/server/x.cc", "controlplane/store/sqlite/y.h", True),
            ("controlplane/server/x_test.cc", "controlplane/store/sqlite/y.h", True),
            ("controlplane/conductor/x_test.cc", "controlplane/store/sqlite/y.h", True),
            ("controlplane/dispatch/x.cc", "orch/v1/worker.pb.h", True),
            ("expression/x.cc", "orch/v1/worker.pb.h", False),
            ("expression/x.cc", "controlplane/flow/flow.h", False),
            ("controlplane/flow/x.cc", "controlplane/engine/execution.h", False),
            ("worker/runner/x.cc", "controlplane/flow/flow.h", False),
            ("cli/output/x.cc", "controlplane/api/json/codec.h", True),
            ("cli/output/x.cc", "controlplane/api/y.h", False),
            ("cli/output/x.cc", "cli/command/y.h", False),
            ("cli/command/x.cc", "cli/client/y.h", True),
            ("cli/main.cc", "cli/command/y.h", True),
        ]
        for path, included, allowed in cases:
            with self.subTest("%s -> %s" % (path, included)):
                self.assertEqual(found(path, '#include "%s"' % included),
                                 [] if allowed else ["arrow"])

    def test_every_room_has_a_door_plate(self):
        paths = ["base/README.md", "base/x.cc", "controlplane/flow/flow.h", "README.md"]
        self.assertEqual([str(finding).split(" ")[0] for finding in rules.check_tree(paths)],
                         ["controlplane/flow/README.md:1:"])

    def test_a_folder_says_what_it_is(self):
        paths = ["base/README.md", "base/util/x.cc", "base/util/y.cc", "base/common.cc"]
        self.assertEqual([finding.path for finding in rules.check_tree(paths)], ["base/util"])


if __name__ == "__main__":
    unittest.main()
