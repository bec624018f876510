"""Which of the registered robots may be placed on which documents."""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.state.crm import Triple
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import RobotRecord


def robots_for(portal: Portal, triple: Triple) -> list[RobotRecord]:
    """Robots, not activities, whose FILTER does not exclude this type of document."""
    return [record for record in portal.robots.values() if record.is_robot and _passes(record, triple)]


def _passes(record: RobotRecord, triple: Triple) -> bool:
    rules = record.fields.get("FILTER")
    if not isinstance(rules, dict):
        return True
    include, exclude = (php.values(rules.get(key)) for key in ("INCLUDE", "EXCLUDE"))
    if include and not any(_matches(rule, triple) for rule in include):
        return False
    return not any(_matches(rule, triple) for rule in exclude)


def _matches(rule: Any, triple: Triple) -> bool:
    # A string names an edition, and `b24` is the cloud; a list is the beginning of the document's type.
    if isinstance(rule, str):
        return rule == "b24"
    wanted = [str(part) for part in php.values(rule)]
    return bool(wanted) and wanted == list(triple[: len(wanted)])
