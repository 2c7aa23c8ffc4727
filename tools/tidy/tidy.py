#!/usr/bin/env python3
"""tidy checks the house rules that a compiler cannot see.

  tools/tidy/tidy.py [ROOT]

Each finding is `file:line: [rule] what is wrong; the way out`. Exits with 1 when there is any; warnings
alone do not count. The rules stand in rules.py, the rooms and their arrows in rooms.py.
"""

import pathlib
import subprocess
import sys

import rules

SKIPPED_FOLDERS = {".git", "dist", "node_modules", "__pycache__"}


def list_files(root):
    """Paths below `root`, relative: what git tracks or would, or without git whatever is there."""
    try:
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"],
            cwd=root, capture_output=True, check=True).stdout.decode()
        paths = sorted(set(path for path in listed.split("\0") if path))
    except (OSError, subprocess.CalledProcessError):
        paths = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    return [path for path in paths
            if not SKIPPED_FOLDERS & set(path.split("/")) and not path.startswith("bazel-") and
            (root / path).is_file() and not (root / path).is_symlink()]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    if len(sys.argv) < 2:
        root = root.parent.parent.parent
    paths = list_files(root)
    findings = rules.check_tree(paths)
    for path in paths:
        if rules.is_text(path):
            text = (root / path).read_text(encoding="utf-8", errors="replace")
            findings += rules.check_file(path, text)
    for finding in findings:
        print(finding)
    errors = sum(not finding.is_warning for finding in findings)
    print("tidy: %d files, %d errors, %d warnings" %
          (len(paths), errors, len(findings) - errors))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
