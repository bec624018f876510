"""Refuse commit subjects over 65 columns: `python requirements/subjects.py`, a part of `make lint`.

The NEWEST commits of the repository in the current folder are looked at, merges left out: older ones were written before the
rule. Without git, or without a repository, there is nothing to look at.

Exit status 0: all subjects are short enough. 1: the others are on standard error.
"""

import subprocess
import sys

COLUMNS = 65
NEWEST = 40


def subjects() -> list[str]:
    """The newest commits, each as its short hash, a space and its subject."""
    command = ["git", "log", "--no-merges", f"--max-count={NEWEST}", "--format=%h %s", "--encoding=UTF-8"]
    try:
        asked = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        return []
    return asked.stdout.decode().splitlines() if asked.returncode == 0 else []


def main() -> int:
    too_long = [line for line in subjects() if len(line.partition(" ")[2]) > COLUMNS]
    for line in too_long:
        print(f"waba24: a commit subject has more than {COLUMNS} columns: {line}", file=sys.stderr)
    return 1 if too_long else 0


if __name__ == "__main__":
    sys.exit(main())
