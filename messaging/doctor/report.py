"""The report for a bug report: findings, answers to open points, shapes. Nothing of a person, a portal or a key is in it.

Of findings it takes the facts alone, and of these only numbers and short words; portals and lines stand by their numbers in
this database.
"""

import platform
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import metadata
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from messaging.doctor.finding import Finding, worst
from messaging.doctor.open_points import answered
from messaging.insight import observations
from messaging.runtime import Runtime
from messaging.store.observations import Observation
from messaging.system import logs

#: What a fact may be: a word or a list of words, none of which the log would mask.
_WORDS = re.compile(r"[A-Za-z0-9_.,: %()/-]{0,300}")


def build(runtime: Runtime, findings: Sequence[Finding], portal_ids: Sequence[int] | None = None) -> dict[str, Any]:
    """The report, as JSON has it. portal_ids: of these portals alone; None: of all."""
    seen = _seen(runtime, portal_ids)
    return {
        "waba24": _version(),
        "made_at": runtime.clock().isoformat(timespec="minutes"),
        "python": platform.python_version(),
        "database": runtime.db.engine.dialect.name,
        "redis": "embedded" if runtime.config.is_embedded else "own",
        "emulators": runtime.config.allow_http,
        "worst": str(worst(findings)),
        "checks": [_check(finding) for finding in findings],
        "points": [
            {
                "point": point.id,
                "question": point.question.en,
                "settled": point.how.en,
                "answers": [
                    {"answer": one.answer, "count": one.count, "first": _day(one.first), "last": _day(one.last)}
                    for one in answers
                ],
            }
            for point, answers in answered(seen[0])
        ],
        "shapes": [shape_row(row) for row in seen[1]],
    }


def _seen(runtime: Runtime, portal_ids: Sequence[int] | None) -> tuple[list[Observation], list[Observation]]:
    """Answers and shapes; none while the database is away."""
    try:
        with runtime.db.read() as session:
            return observations.answers(session, portal_ids), observations.shapes(session, portal_ids)
    except SQLAlchemyError:
        return [], []


def shape_row(row: Observation) -> dict[str, Any]:
    """A shape as it is printed. portal: its number in this database, 0 if it was not known."""
    return {
        "kind": row.kind,
        "why": row.name,
        "shape": row.what or "(more of them, whose shapes are not kept)",
        "portal": row.portal_id,
        "count": row.count,
        "first": _day(row.first_seen),
        "last": _day(row.last_seen),
    }


def _check(finding: Finding) -> dict[str, Any]:
    of = (
        f"line {finding.line_id}"
        if finding.line_id
        else f"portal {finding.portal_id}"
        if finding.portal_id
        else "server"
    )
    facts = _clean(finding.facts)
    return {"check": finding.name, "of": of, "state": str(finding.state), "code": finding.code, "facts": facts}


def _clean(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, bool | int | float) else _word(str(value)) for name, value in facts.items()
    }


def _word(text: str) -> str:
    """A vendor's code, or a word of ours; anything else is left out."""
    return text if _WORDS.fullmatch(text) and logs.scrub(text) == text else "…"


def _day(at: datetime) -> str:
    return str(at.date())


def _version() -> str:
    try:
        return metadata.version("waba24")
    except metadata.PackageNotFoundError:
        return "dev"
