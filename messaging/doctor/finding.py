"""What a check of the doctor found."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """UNCHECKED: nobody can tell, because something before it failed or nobody answered; or there is nothing to check yet."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNCHECKED = "unchecked"


#: From the worst to the best.
ORDER = (State.FAILED, State.WARNING, State.UNCHECKED, State.OK)


@dataclass(frozen=True)
class Finding:
    """name, code: words of ours; together they choose the texts (messaging.doctor.texts). `ok` findings have code "".

    facts: numbers, and words of ours or of a vendor's documentation: they may stand in a bug report.
    named: what only this portal's administrator and the operator may read: addresses, names, a vendor's sentences.
    portal_id, line_id: whose it is; None: the installation's, or all of the portal.
    """

    name: str
    state: State = State.OK
    code: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    named: Mapping[str, Any] = field(default_factory=dict)
    portal_id: int | None = None
    line_id: int | None = None


def worst(findings: Iterable[Finding]) -> State:
    """The worst state of these; OK without any."""
    states = {finding.state for finding in findings}
    return next((state for state in ORDER if state in states), State.OK)
