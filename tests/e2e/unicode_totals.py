#!/usr/bin/env python3
"""Recomputes from UnicodeData.txt what the flow examples.unicode_report should have found.

    unicode_totals.py DATA                          prints the totals as JSON
    unicode_totals.py DATA REPORT.csv SUMMARY.json  exits 1, naming each difference, unless all agree

Shares nothing with the flow: it paints every code point of the standard with its category and counts
afterwards, where the flow adds up line by line.
"""

import collections
import csv
import json
import re
import sys

CODE_POINTS = 0x110000
LINE = re.compile(r"^([0-9A-F]{4,6});(?:<(.+), (First|Last)>|([^;]*));([A-Z][a-z]);")


def totals(path):
    category_of = [None] * CODE_POINTS
    names = collections.defaultdict(list)
    lines = 0
    begin = None
    with open(path, encoding="ascii") as data:
        for text in data.read().splitlines():
            match = LINE.match(text)
            if not match:
                raise SystemExit(f"{path}: cannot read the line {text!r}")
            lines += 1
            code, _, edge, name, category = match.groups()
            code = int(code, 16)
            if edge == "First":
                begin = code
            span = range(begin, code + 1) if edge == "Last" else range(code, code + 1)
            for point in span:
                category_of[point] = category
            if name is not None and not name.startswith("<"):
                names[category].append(name)

    points = collections.defaultdict(list)
    for point, category in enumerate(category_of):
        if category is not None:
            points[category].append(point)
    rows = {
        category: {
            "code_points": len(members),
            "named": len(names[category]),
            "first": "%04X" % members[0],
            "last": "%04X" % members[-1],
            "longest_name": max(names[category], key=len, default=""),
        }
        for category, members in points.items()
    }
    every_name = [name for category in sorted(names) for name in names[category]]
    summary = {
        "lines": lines,
        "categories": len(rows),
        "codePoints": sum(len(members) for members in points.values()),
        "named": len(every_name),
        "largestCategory": max(sorted(points), key=lambda category: len(points[category])),
        "longestName": max(every_name, key=len),
    }
    return rows, summary


def differences(path, report, summary):
    rows, totals_expected = totals(path)
    with open(report, newline="", encoding="utf-8") as file:
        found = {row.pop("category"): row for row in csv.DictReader(file)}
    with open(summary, encoding="utf-8") as file:
        totals_found = json.load(file)
    for category in sorted(set(rows) | set(found)):
        expected = {key: str(value) for key, value in rows.get(category, {}).items()}
        if expected != found.get(category):
            yield f"category {category}: expected {expected}, found {found.get(category)}"
    for key in sorted(set(totals_expected) | set(totals_found)):
        if totals_expected.get(key) != totals_found.get(key):
            yield f"{key}: expected {totals_expected.get(key)}, found {totals_found.get(key)}"


def main(arguments):
    if len(arguments) == 1:
        print(json.dumps(totals(arguments[0])[1], indent=2))
        return 0
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    wrong = list(differences(*arguments))
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
