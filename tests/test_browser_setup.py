"""`make browser` on a bare system: which library is missing, and what installs it, before any test runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import browser


def test_a_missing_system_library_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "playwright"
    program.write_text(
        "#!/bin/sh\necho 'node: error while loading shared libraries: libatomic.so.1: no such file' >&2\nexit 127\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(browser, "PLAYWRIGHT", [str(program)])
    monkeypatch.setenv("PATH", str(tmp_path))  # no apt-get there
    assert browser.main() == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert "libatomic.so.1" in said
    assert "apt-get install libatomic1" in said
