"""What a report is asked for, as the form above it was filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from flask_babel import gettext as _

from messaging.insight.reports import MOST_DAYS, By, Question, Value
from web.context import typed

#: Period → its days with today; "own": from one date to another.
PERIODS = {"today": 1, "7": 7, "30": 30, "90": 90, "own": 0}
_USUAL = "30"
#: By what the page filters, each a field of the form.
FILTERS = (By.LINE, By.TEMPLATE, By.CAMPAIGN, By.ROBOT, By.ORIGIN, By.EMPLOYEE, By.CATEGORY)
_NUMBERS = (By.LINE, By.CAMPAIGN, By.EMPLOYEE)
_LONGEST = 512


@dataclass
class Asked:
    """question: what is asked, with the usual period where a date cannot be read. errors: field → what is wrong with it.

    sort: the column by which the table is sorted, "" as it comes; is_down: the largest first.
    """

    question: Question
    period: str = _USUAL
    first: str = ""
    last: str = ""
    sort: str = ""
    is_down: bool = True
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def by(self) -> tuple[By, ...]:
        return self.question.by

    @property
    def only(self) -> Mapping[By, Value]:
        return self.question.only


def asked(now: datetime, zone: tzinfo) -> Asked:
    """From the form of this request. zone: by which the portal's days are counted."""
    errors: dict[str, str] = {}
    period = typed("period") if typed("period") in PERIODS else _USUAL
    first, last = typed("first").strip(), typed("last").strip()
    until = now.astimezone(zone).date()
    since = until - timedelta(days=PERIODS[period or _USUAL] - 1)
    if period == "own":
        since, until = _own(first, last, until, errors)
    groups = [By(name) for name in (typed("by1") or By.LINE, typed("by2")) if name in set(By)]
    question = Question(since, until, tuple(dict.fromkeys(groups)) or (By.LINE,), _only())
    return Asked(question, period, first, last, typed("sort")[:40], typed("order") != "up", errors)


def _own(first: str, last: str, today: date, errors: dict[str, str]) -> tuple[date, date]:
    """From one typed day to another; what cannot be read is named in `errors`, and the usual period is shown."""
    since, until = _day("first", first, errors), _day("last", last, errors)
    usual = today - timedelta(days=PERIODS[_USUAL] - 1), today
    if errors:
        return usual
    until = until or today
    since = since or until - timedelta(days=PERIODS[_USUAL] - 1)
    if since > until:
        errors["last"] = _("The last day is before the first day. Swap them.")
        return usual
    if (until - since).days >= MOST_DAYS:
        errors["first"] = _("A report covers at most %(days)s days. Choose a later first day.", days=MOST_DAYS)
        return usual
    return since, until


def _day(name: str, given: str, errors: dict[str, str]) -> date | None:
    try:
        day = date.fromisoformat(given) if given else None
    except ValueError:
        day = None
    if given and (day is None or not 2000 <= day.year <= 2100):
        errors[name] = _("“%(typed)s” is not a date. Choose one in the calendar.", typed=given[:20])
        return None
    return day


def _only() -> dict[By, Value]:
    found: dict[By, Value] = {}
    for by in FILTERS:
        given = typed(by).strip()[:_LONGEST]
        if by in _NUMBERS and given.isdecimal() and len(given) < 19:
            found[by] = int(given)
        elif by not in _NUMBERS and given:
            found[by] = given
    return found
