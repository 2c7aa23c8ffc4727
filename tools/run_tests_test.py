"""Tests of tools/run_tests: what counts as passed, and what as failed."""

import importlib.machinery
import importlib.util
import json
import pathlib
import unittest

PATH = str(pathlib.Path(__file__).parent / "run_tests")
LOADER = importlib.machinery.SourceFileLoader("run_tests", PATH)
run_tests = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_tests", LOADER))
LOADER.exec_module(run_tests)

ONE_PASSED = '<testsuites><testsuite><testcase name="A" status="run"/></testsuite></testsuites>'


def result(label, status, xml=None, run=1):
    outputs = [{"name": "test.log", "uri": "file:///log"}]
    if xml is not None:
        outputs.append({"name": "test.xml", "uri": xml})
    return json.dumps({
        "id": {"testResult": {"label": label, "run": run}},
        "testResult": {"status": status, "testActionOutput": outputs},
    })


def completed(label, success):
    return json.dumps({
        "id": {"targetCompleted": {"label": label}},
        "completed": {"success": True} if success else {},
    })


class RunTestsTest(unittest.TestCase):

    def count(self, *lines):
        tally = run_tests.tally_events(lines, read=lambda uri: uri)
        return tally.passed, len(tally.failed)

    def test_each_case_is_counted(self):
        xml = """<testsuites><testsuite>
          <testcase name="Passes" status="run" result="completed"/>
          <testcase name="Fails" status="run"><failure message="no"/></testcase>
          <testcase name="Breaks" status="run"><error message="no"/></testcase>
          <testcase name="Skips" status="run" result="skipped"/>
          <testcase name="SkipsToo"><skipped/></testcase>
          <testcase name="IsOff" status="notrun"/>
        </testsuite></testsuites>"""
        self.assertEqual(self.count(result("//a:a", "FAILED", xml)), (1, 4))

    def test_a_crash_without_a_bad_case_counts_as_one_failure(self):
        self.assertEqual(self.count(result("//a:a", "FAILED", ONE_PASSED)), (1, 1))
        self.assertEqual(self.count(result("//a:a", "TIMEOUT")), (0, 1))
        self.assertEqual(self.count(result("//a:a", "FAILED", "<torn")), (0, 1))

    def test_a_test_without_cases_proves_nothing(self):
        self.assertEqual(self.count(result("//a:a", "PASSED", "<testsuites/>")), (0, 1))

    def test_the_last_result_of_a_run_counts(self):
        self.assertEqual(
            self.count(result("//a:a", "FAILED", ONE_PASSED), result("//a:a", "PASSED", ONE_PASSED)),
            (1, 0))
        self.assertEqual(
            self.count(result("//a:a", "PASSED", ONE_PASSED, run=1),
                       result("//a:a", "PASSED", ONE_PASSED, run=2)), (2, 0))

    def test_a_target_that_did_not_build_is_a_failure(self):
        self.assertEqual(self.count(completed("//a:a", False), completed("//b:b", True)), (0, 1))

    def test_calls_are_told_apart(self):
        self.assertEqual(run_tests.calls_of([]), run_tests.EVERYTHING)
        self.assertEqual(run_tests.calls_of(["//a/..."]), [["//a/..."]])
        self.assertEqual(run_tests.calls_of(["--call", "--config=tsan //a", "--call", "//b"]),
                         [["--config=tsan", "//a"], ["//b"]])


if __name__ == "__main__":
    unittest.main()
