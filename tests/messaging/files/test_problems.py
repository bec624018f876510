"""The texts in which a problem with a file is told."""

from __future__ import annotations

import re

import pytest

from messaging.files import problems
from messaging.files.problems import megabytes


@pytest.mark.parametrize(
    ("size", "text"), [(1, "0.1 MB"), (5 * 1024**2, "5 MB"), (5 * 1024**2 + 1, "5.1 MB"), (7_654_321, "7.3 MB")]
)
def test_sizes_are_rounded_up(size: int, text: str) -> None:
    assert megabytes(size).en == text
    assert megabytes(size).ru == text.replace(".", ",").replace("MB", "МБ")


def test_every_reason_reads_well_in_both_languages() -> None:
    values = {"again": "later", "status": 500, "answer": "NO", "field": "UF"}
    for reason, text in problems.REASONS.items():
        shown = text.format(**values)
        assert re.search("[а-я]", shown.ru), reason
        for side in (shown.en, shown.ru):
            assert side == side.strip(), reason
            assert not side.endswith("."), reason
            assert "  " not in side, reason
