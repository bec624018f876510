"""What the page Health says of the app's other doors: events told to customers' systems, messages handed over by Bitrix24."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import ngettext

from messaging.insight import reasons
from messaging.insight.hourly import Figures
from messaging.store.callback_queue import host_of
from messaging.store.callbacks import Endpoint, EndpointState
from web.pages.charts import Series

#: What is counted when a message is handed over, before anything has become of it; and when it is queued.
_TAKEN, _QUEUED = ("stored", "repeated"), "queued"


@dataclass(frozen=True)
class Trouble:
    """An address that takes nothing. mood, sign, words: its state; since when; waiting: events."""

    key: str
    host: str
    mood: str
    sign: str
    words: str
    since: datetime | None
    waiting: int


def troubles(found: Sequence[Endpoint]) -> list[Trouble]:
    """The addresses of customers' systems that take nothing, or are switched off."""
    told = []
    for one in found:
        if one.state == EndpointState.OFF:
            told.append(_trouble(one, "bad", "cross", _("Switched off"), one.off_at))
        elif one.failing_since is not None:
            told.append(_trouble(one, "warn", "warning", _("Takes nothing"), one.failing_since))
    return told


def _trouble(one: Endpoint, mood: str, sign: str, words: str, since: datetime | None) -> Trouble:
    return Trouble(one.key, host_of(one), mood, sign, str(words), since, one.waiting)


def told(found: Figures) -> list[Series]:
    """Tries to deliver events, by what came of them."""
    names = {"taken": (_("Taken"), "ok"), "refused": (_("Not taken"), "bad")}
    return [Series(str(names[key][0]), found.callbacks[key], names[key][1]) for key in names if key in found.callbacks]


def handed_over(found: Figures) -> list[Series]:
    """Messages that Bitrix24 has handed over, by what became of them."""
    refused = [counts for outcome, counts in found.handed_over.items() if outcome not in (*_TAKEN, _QUEUED)]
    series = []
    if _QUEUED in found.handed_over:
        series.append(Series(_("Queued for sending"), found.handed_over[_QUEUED], "ok"))
    if refused:
        series.append(Series(_("Refused"), [sum(hour) for hour in zip(*refused, strict=True)], "bad"))
    return series


def refusals(found: Figures, language: str) -> list[tuple[str, str, int]]:
    """Why messages that Bitrix24 has handed over were refused: meaning, code, how many; the most frequent first."""
    counted = {outcome: sum(counts) for outcome, counts in found.handed_over.items()}
    rows = [(code, count) for code, count in counted.items() if count and code not in (*_TAKEN, _QUEUED)]
    rows.sort(key=lambda row: (-row[1], row[0]))
    return [(reasons.short(reasons.explained(code, "", "")).to(language), code, count) for code, count in rows]


def repeated(found: Figures) -> str:
    """How often Bitrix24 has handed the same message over again; "" if never."""
    count = sum(found.handed_over.get("repeated", ()))
    if not count:
        return ""
    return str(
        ngettext(
            "%(num)s was handed over again and is not sent twice.",
            "%(num)s were handed over again and are not sent twice.",
            count,
        )
    )
