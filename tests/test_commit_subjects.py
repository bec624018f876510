"""`make lint` refuses commit subjects over 65 columns (requirements/subjects.py)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "requirements" / "subjects.py"
LONGEST = "Й" * 65

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def git(folder: Path, *arguments: str) -> None:
    person = ["-c", "user.name=Tester", "-c", "user.email=tester@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *person, *arguments], cwd=folder, check=True, capture_output=True)


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("message", "expected"),
    [(LONGEST, 0), (LONGEST + "!", 1), (f"{LONGEST}\n\n{'A long line of the body. ' * 9}", 0)],
    ids=["the longest", "one column more", "a long body"],
)
def test_only_the_subject_is_measured_in_columns(message: str, expected: int, tmp_path: Path) -> None:
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "-m", "Begin")
    git(tmp_path, "commit", "--allow-empty", "-m", message)
    ran = check(tmp_path)
    assert (ran.returncode, bool(ran.stderr)) == (expected, bool(expected)), ran.stderr


def test_without_a_repository_there_is_nothing_to_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert check(tmp_path).returncode == 0
