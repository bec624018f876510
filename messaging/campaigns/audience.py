"""Where a campaign's recipients come from, and how a part of them is read.

A source is read from the front; `cursor` says how far it has come, so a process that dies repeats at most one part.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from messaging.campaigns.recipients import Entry


class Kind(StrEnum):
    """phones: stored when they were given; file: an uploaded spreadsheet; crm: items of the portal; again: those who have not
    got another campaign (messaging.campaigns.repeats)."""

    PHONES = "phones"
    FILE = "file"
    CRM = "crm"
    AGAIN = "again"


#: Sources whose recipients are stored with all their values: another mapping needs no other reading.
WHOLE = frozenset({Kind.PHONES, Kind.AGAIN})


@dataclass(frozen=True)
class Refusal:
    """A row of a file that is no recipient."""

    line_no: int
    text: str
    reason: str


@dataclass(frozen=True)
class Part:
    """Some entries of a source. cursor: where the next part begins, None behind the last one."""

    entries: list[Entry]
    refusals: list[Refusal]
    cursor: Mapping[str, Any] | None


#: Reads a source from a cursor on (None: from the front).
Parts = Generator[Part, None, None]
