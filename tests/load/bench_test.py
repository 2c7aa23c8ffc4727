"""The judge's own arithmetic."""

import json
import os
import sqlite3
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

import cells
import machine
import plant
import report


class Quantiles(unittest.TestCase):
    def test_the_median_of_an_even_number_is_between_the_middle_two(self):
        self.assertEqual(report.median([4, 1, 3, 2]), 2.5)
        self.assertEqual(report.median([3, 1, 2]), 2)
        self.assertIsNone(report.median([]))

    def test_a_quantile_is_a_value_that_was_seen(self):
        values = list(range(1, 101))
        self.assertEqual(report.quantile(values, 0.95), 95)
        self.assertEqual(report.quantile(values, 1), 100)
        self.assertEqual(report.quantile([7], 0.5), 7)
        self.assertIsNone(report.quantile([], 0.5))

    def test_four_digits_are_kept(self):
        self.assertEqual(report.rounded(123456), 123500)
        self.assertEqual(report.rounded(0.0123456), 0.01235)
        self.assertEqual(report.rounded(0), 0)
        self.assertIsNone(report.rounded(None))


class Reports(unittest.TestCase):
    def setUp(self):
        self.report = report.Report({"commit": "c", "cpu": "x", "date": "d"})

    def test_a_line_has_its_ratio_or_null(self):
        self.report.add("W3", "postgres", "rate", 30, "/s", 120)
        self.report.add("W3", "postgres", "rows", 3, "rows")
        lines = [json.loads(line) for line in self.report.jsonl().splitlines()]
        self.assertEqual(lines[0], {"commit": "c", "cpu": "x", "date": "d"})
        self.assertEqual(lines[1], {"workload": "W3", "store": "postgres", "metric": "rate",
                                    "value": 30, "unit": "/s", "floor": 120, "ratio": 0.25})
        self.assertIsNone(lines[2]["floor"])
        self.assertIsNone(lines[2]["ratio"])

    def test_a_figure_cannot_be_told_twice(self):
        self.report.add("W1", "sqlite", "x", 1, "µs")
        self.report.add("W1", "postgres", "x", 1, "µs")
        with self.assertRaises(ValueError):
            self.report.add("W1", "sqlite", "x", 2, "µs")

    def test_the_table_shows_stores_side_by_side_and_what_is_void(self):
        self.report.add("W1", "sqlite", "x", 1000, "µs", 100)
        self.report.add("W1", "postgres", "x", 2000, "µs", 100)
        self.report.void("W2 sqlite inline", "3 executions do not end")
        lines = self.report.table().splitlines()
        self.assertEqual(lines[1].split(), ["W1", "x", "µs", "1,000", "10", "2,000", "20"])
        self.assertEqual(lines[2], "VOID  W2 sqlite inline: 3 executions do not end")


class Steps(unittest.TestCase):
    def test_what_lies_above_a_step_that_was_too_much_does_not_count(self):
        results = {n: {"sustained": ok} for n, ok in enumerate([True, True, False, True])}
        self.assertEqual(cells._sustained(results, -1), 1)
        self.assertEqual(cells._sustained({3: {"sustained": False}}, -1), -1)


class Flows(unittest.TestCase):
    def test_a_task_reads_the_output_of_the_one_before(self):
        self.assertIn('value: "{{ outputs.t0.value }}"', plant.flow_text("f", "remote", 2))
        self.assertIn('values: {value: "{{ outputs.t0.values.value }}"}',
                      plant.flow_text("f", "inline", 2))
        self.assertEqual(plant.flow_text("f", "remote", 40).count("bench.Noop"), 40)


class Logs(unittest.TestCase):
    def test_the_bytes_of_a_write_ahead_log_are_counted_over_its_beginnings(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.db")
            line = sqlite3.connect(path, isolation_level=None)
            line.execute("PRAGMA journal_mode=WAL")
            line.execute("PRAGMA wal_autocheckpoint=0")
            line.execute("CREATE TABLE t (a)")
            counter = machine.WalCounter(path)
            counter.look()
            size = os.path.getsize(path + "-wal")
            line.execute("INSERT INTO t VALUES (zeroblob(100000))")
            counter.look()
            first = os.path.getsize(path + "-wal") - size
            self.assertGreater(first, 100_000)
            self.assertEqual(counter.total, first)
            line.execute("PRAGMA wal_checkpoint(RESTART)")
            line.execute("INSERT INTO t VALUES (zeroblob(50000))")
            counter.look()
            self.assertGreater(counter.total, first + 50_000)
            self.assertLess(counter.total, first + 70_000)
            line.close()

    def test_used_cpu_is_seen(self):
        before = machine.process_cpu(os.getpid())
        while machine.process_cpu(os.getpid()) - before < 0.05:
            sum(range(100_000))
        self.assertGreaterEqual(machine.family_cpu(os.getpid()), before + 0.05)


class Xml(unittest.TextTestResult):
    """Keeps what passed as well, for whoever counts cases."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.passed = []

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed.append(test)

    def write(self, path):
        suite = xml.Element("testsuite", name="bench_test")
        for test in self.passed:
            xml.SubElement(suite, "testcase", name=test._testMethodName)
        for test, text in self.failures + self.errors:
            case = xml.SubElement(suite, "testcase", name=str(test))
            xml.SubElement(case, "failure").text = text
        root = xml.Element("testsuites")
        root.append(suite)
        xml.ElementTree(root).write(path)


if __name__ == "__main__":
    outcome = unittest.TextTestRunner(resultclass=Xml).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    if os.environ.get("XML_OUTPUT_FILE"):
        outcome.write(os.environ["XML_OUTPUT_FILE"])
    sys.exit(0 if outcome.wasSuccessful() else 1)
