"""What web and worker processes import: most of their memory is code, so what nobody uses stays out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ALWAYS = (
    *(
        "alembic",
        "mako",
        "psycopg",
        "phonenumbers.geocoder",
        "phonenumbers.carrier",
        "bx24.emulator",
        "openpyxl",
        "xlsxwriter",
    ),
    *("gupshup.emulator", "obstore", "playwright", "b24pysdk", "pygal", "celery"),
)


@pytest.mark.parametrize(
    ("entry", "left_out"),
    [("app", ALWAYS), ("worker", (*ALWAYS, "flask", "werkzeug", "jinja2", "prometheus_client"))],
)
def test_what_a_process_leaves_out(entry: str, left_out: tuple[str, ...]) -> None:
    asked = f"import sys, {entry}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = set(ran.stdout.split())
    assert {"messaging.runtime", "sqlalchemy.orm", "requests"} <= imported
    assert imported & set(left_out) == set()
    assert ran.stderr == ""
