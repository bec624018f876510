"""Reports: how many messages came how far, were answered, and what they cost."""

from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24.i18n import Text
from messaging.insight import reports
from messaging.insight.reports import MOST_DAYS, MOST_ROWS, By, Figures, Question, Rows, TooManyRows, Value
from messaging.store import amounts
from messaging.store.campaigns import Campaign
from messaging.store.models import Portal
from messaging.store.reports import STATUSES
from web.api import examples, problems, wording
from web.api.message_schemas import Answer
from web.api.problems import Problem
from web.api.resource import Resource, asks_in_turn, caller, needs
from web.context import runtime

resource = Resource("Reports", "How many messages came how far, were answered, and what they cost.")
#: What the API groups by, in the order of its answers.
GROUPS = (By.DAY, By.LINE, By.TEMPLATE, By.ORIGIN, By.ROBOT, By.CAMPAIGN, By.CATEGORY)
_USUAL_DAYS = 30
_NO_DAY = Text(
    "Give a day, for example 2026-11-23, or a time with its zone, for example 2026-11-23T09:00:00Z.",
    "Укажите день, например 2026-11-23, или время с часовым поясом, например 2026-11-23T09:00:00Z.",
)
_NO_GROUP = Text(
    f"Allowed: {', '.join(GROUPS)}; repeated, or divided by commas.",
    f"Допустимо: {', '.join(GROUPS)}; можно повторить параметр или перечислить через запятую.",
)
_TOO_LONG = Text(
    f"A report covers at most {MOST_DAYS} days. Ask for a longer time in parts.",
    f"Отчёт охватывает не больше {MOST_DAYS} дней. Больший срок запросите по частям.",
)
_TURNED = Text("`until` is before `since`. Swap them.", "`until` раньше, чем `since`. Поменяйте их местами.")
_TOO_MANY = Text(
    f"The report would have more than {MOST_ROWS} rows. Take a shorter period, or group by less.",
    f"В отчёте было бы больше {MOST_ROWS} строк. Возьмите период короче или меньше группировок.",
)


class FiguresSchema(Answer):
    """How many messages came how far. `counts` has one key for each status; a message counts once, under its newest."""

    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    replied = fields.Integer(required=True, metadata={"description": "Messages that the client has answered."})
    opted_out = fields.Integer(
        required=True, metadata={"description": "Messages after which the client asked for no more."}
    )
    cost = fields.List(
        fields.Dict(keys=fields.String(), values=fields.String()),
        required=True,
        metadata={"description": "`{amount, currency}` for each currency; empty if no price is known."},
    )


class RowSchema(FiguresSchema):
    """The messages of one group; it has the keys that were grouped by. null: they have none."""

    day = fields.Date(metadata={"description": "By the portal's clock."})
    line = fields.Integer()
    template = fields.String(allow_none=True)
    origin = fields.String()
    robot = fields.String(allow_none=True, metadata={"description": "The action of a robot or an activity."})
    campaign = fields.String(allow_none=True, metadata={"description": "Id of the campaign."})
    category = fields.String(allow_none=True)


class ReportSchema(Answer):
    """A report. since, until: its first and its last day."""

    since = fields.Date(required=True)
    until = fields.Date(required=True)
    items = fields.List(fields.Nested(RowSchema), required=True)
    total = fields.Nested(FiguresSchema, required=True)


class ReportQuery(Schema):
    """What is asked: a period, and by what its messages are told apart."""

    group_by = fields.List(
        fields.String(validate=validate.Length(max=100)),
        load_default=list,
        validate=validate.Length(max=len(GROUPS)),
        metadata={"description": f"Any of {', '.join(f'`{one}`' for one in GROUPS)}; repeated, or divided by commas."},
    )
    since = fields.String(
        validate=validate.Length(max=40),
        metadata={"description": "The first day (`2026-11-23`), or a time in it; 29 days before `until` by itself."},
    )
    until = fields.String(
        validate=validate.Length(max=40),
        metadata={"description": f"The last day, or a time in it; today by itself. At most {MOST_DAYS} days."},
    )


@resource.route("/reports/messages")
@needs("reports:read")
@asks_in_turn
@resource.arguments(ReportQuery, location="query")
@resource.response(200, ReportSchema, example=examples.REPORT)
def report_messages(asked: dict[str, Any]) -> dict[str, Any]:
    """Add up messages

    A message counts on the day on which it was planned, with all that became of it later. Days are those of the portal's
    clock. Figures of today may be five minutes old.
    """
    now = runtime().clock()
    with runtime().db.read() as session:
        portal = session.get_one(Portal, caller().portal_id)
        question = _question(asked, reports.zone_of(portal), now)
        try:
            found = reports.rows(session, portal, question, reports.live_from(session, portal, now))
        except TooManyRows:
            raise _wrong("group_by", _TOO_MANY) from None
        items = _items(session, portal, question, found)
    total = _figures(reports.total(found))
    return {"since": question.since, "until": question.until, "items": items, "total": total}


def _question(asked: dict[str, Any], zone: tzinfo, now: datetime) -> Question:
    names = [name.strip() for text in asked["group_by"] for name in text.split(",") if name.strip()]
    if any(name not in GROUPS for name in names):
        raise _wrong("group_by", _NO_GROUP)
    until = _day(asked, "until", zone) or now.astimezone(zone).date()
    since = _day(asked, "since", zone) or until - timedelta(days=_USUAL_DAYS - 1)
    if since > until:
        raise _wrong("until", _TURNED)
    question = Question(since, until, tuple(one for one in GROUPS if one in names))
    if question.days > MOST_DAYS:
        raise _wrong("since", _TOO_LONG)
    return question


def _day(asked: dict[str, Any], name: str, zone: tzinfo) -> date | None:
    text = asked.get(name)
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = _day_of_moment(name, text, zone)
    if not 2000 <= day.year <= 2100:
        raise _wrong(name, _NO_DAY)
    return day


def _day_of_moment(name: str, text: str, zone: tzinfo) -> date:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError(text)
        return at.astimezone(zone).date()
    except (ValueError, OverflowError):
        raise _wrong(name, _NO_DAY) from None


def _wrong(field: str, why: Text) -> Problem:
    return problems.invalid({field: [(wording.INVALID, why)]})


def _items(session: Session, portal: Portal, question: Question, found: Rows) -> list[dict[str, Any]]:
    """In the order of what is grouped by."""
    mine = select(Campaign.id, Campaign.key).where(Campaign.portal_id == portal.id)
    keys = {row.id: row.key for row in session.execute(mine)} if By.CAMPAIGN in question.by else {}

    def named(by: By, value: Value) -> Any:
        if by == By.CAMPAIGN:
            return (keys.get(int(str(value))) or str(value)) if value else None
        return value or None

    ordered = sorted(found.items(), key=lambda one: [str(value) for value in one[0]])
    return [
        {**{str(by): named(by, value) for by, value in zip(question.by, values, strict=True)}, **_figures(figures)}
        for values, figures in ordered
    ]


def _figures(one: Figures) -> dict[str, Any]:
    cost = [amounts.shown(amount, currency) for currency, amount in sorted(one.costs.items())]
    counts = {status: one.by_status[status] for status in STATUSES}
    return {"counts": counts, "replied": one.replied, "opted_out": one.opted_out, "cost": cost}
