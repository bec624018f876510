"""How the start page words what needs a person (messaging.insight.attention): what is wrong, what to do, where to go."""

from dataclasses import dataclass, field
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup

from messaging.insight import crm_work, line_checks, reasons
from messaging.insight.attention import Kind, Problem
from messaging.lines import circuit_breaker
from messaging.store.models import Line
from web.context import runtime
from web.pages import checks
from web.pages.campaigns.words import PAUSES
from web.pages.messages import NO_LINE
from web.template_words import CATEGORIES
from web.texts import moment, money, number

#: Names of templates told one by one.
NAMES = 3


@dataclass(frozen=True)
class Item:
    """mood: bad or warn. link: what its button says and where it goes; sent: the form that goes along, None: none does."""

    mood: str
    title: str
    text: Markup
    link: str
    url: str
    code: str = ""
    sent: dict[str, Any] | None = field(default=None)


def item(problem: Problem, language: str) -> Item:
    """A problem in words."""
    worded = _WORDS[problem.kind]
    return worded(problem, language)


def _name(problem: Problem) -> str:
    return problem.line.name or problem.line.app_name if problem.line is not None else ""


def _since(problem: Problem, words: str) -> Markup:
    """The words with the time in the place of %(since)s."""
    return Markup(words) % {"since": moment(problem.since, "full")}


def _of_line(problem: Problem, mood: str, title: str, text: Markup) -> Item:
    line_id = problem.line.id if problem.line is not None else 0
    return Item(mood, title, text, _("Open the line"), url_for("pages.line", line_id=line_id))


def _stopped(problem: Problem, language: str) -> Item:
    line = _line(problem)
    text = Markup("{} {}").format(circuit_breaker.why(line).to(language), _since(problem, _("Since %(since)s.")))
    return _of_line(problem, "bad", _("The line %(line)s is stopped", line=_name(problem)), text)


def _line(problem: Problem) -> Line:
    if problem.line is None:
        raise ValueError(f"{problem.kind} without a line")
    return problem.line


def _broken(problem: Problem, language: str) -> Item:
    title = ngettext(
        "Needs fixing: the line %(line)s, %(num)s check",
        "Needs fixing: the line %(line)s, %(num)s checks",
        problem.count,
        line=_name(problem),
    )
    known = line_checks.last(runtime(), _line(problem).id)
    wrong = [checks.said(name, known[name]) for name in line_checks.CHECKS if name in known]
    states = [known[name].state for name in line_checks.CHECKS if name in known]
    first = next((words for words, state in zip(wrong, states, strict=True) if state == "wrong"), Markup(""))
    return _of_line(problem, "bad", title, first)


def _silent(problem: Problem, language: str) -> Item:
    words = _(
        "Gupshup has reported nothing about its messages since %(since)s. "
        "Robots that wait for statuses or replies keep waiting."
    )
    return _of_line(problem, "warn", _("No webhooks on the line %(line)s", line=_name(problem)), _since(problem, words))


def _paused(problem: Problem, language: str) -> Item:
    waiting = ngettext(
        "%(num)s message waits for the end of the pause.",
        "%(num)s messages wait for the end of the pause.",
        problem.count,
    )
    since = _since(problem, _("Since %(since)s."))
    text = Markup("{} {}").format(since, waiting) if problem.count else since
    return _of_line(problem, "warn", _("The line %(line)s is on pause", line=_name(problem)), text)


def _gupshup(problem: Problem, language: str) -> Item:
    words = _(
        "It did not answer our last check of the line, %(since)s. "
        "We will ask again automatically; you need not change anything."
    )
    title = _("Gupshup does not answer: the line %(line)s", line=_name(problem))
    return _of_line(problem, "warn", title, _since(problem, words))


def _robots(problem: Problem, language: str) -> Item:
    title = (
        ngettext("%(num)s robot is not registered", "%(num)s robots are not registered", problem.count)
        if problem.count
        else _("The robots could not be registered")
    )
    text = Markup("{}").format(
        _("Bitrix24 refused them. The page Robots says why, and there you can register them again.")
    )
    return Item("bad", title, text, _("Open Robots"), url_for("pages.robots"), problem.code)


def _tier(problem: Problem, language: str) -> Item:
    title = _(
        "The line %(line)s: %(count)s of %(limit)s new clients in 24 hours",
        line=_name(problem),
        count=number(problem.count),
        limit=number(int(problem.code)),
    )
    words = _("WhatsApp lets a line write first to so many clients a day. Those who have written to you do not count.")
    return _of_line(problem, "warn", title, Markup("{}").format(words))


def _balance(problem: Problem, language: str) -> Item:
    left = money(max(0, problem.count), problem.code)
    title = _("The line %(line)s: %(left)s left at Gupshup", line=_name(problem), left=left)
    words = _("Top up the wallet in Gupshup's console, or messages will fail. Told %(since)s.")
    if problem.limit >= 0 and problem.count > 0:
        words = f"{_lasts(problem.limit)} {words}"
    return _of_line(problem, "bad" if problem.count <= 0 else "warn", title, _since(problem, words))


def _lasts(days: int) -> str:
    if not days:
        return str(_("At the pace of the last seven days that is less than a day."))
    return str(
        ngettext(
            "At the pace of the last seven days that is about %(num)s day.",
            "At the pace of the last seven days that is about %(num)s days.",
            days,
        )
    )


def _budget(problem: Problem, language: str) -> Item:
    spent, limit = money(problem.count, problem.code), money(problem.limit, problem.code)
    title = _(
        "The line %(line)s: %(spent)s of %(limit)s of today's budget", line=_name(problem), spent=spent, limit=limit
    )
    words = _("When it is used up, campaigns wait for the next day; robots and people go on.")
    return _of_line(problem, "warn", title, Markup("{}").format(words))


def _campaign(problem: Problem, language: str) -> Item:
    key, name = problem.names
    why = PAUSES[problem.code]
    title = _("The campaign “%(name)s” is paused: %(why)s", name=name, why=_lowered(str(why.title)))
    url = url_for("pages.campaign", key=key)
    return Item("warn", title, Markup("{}").format(why.remedy), _("Open the campaign"), url)


def _lowered(words: str) -> str:
    """A sentence as the end of another one; a name at its beginning stays."""
    return words if words.startswith("WhatsApp") else words[:1].lower() + words[1:]


def _triggers(problem: Problem, language: str) -> Item:
    title = ngettext("%(num)s trigger is not registered", "%(num)s triggers are not registered", problem.count)
    text = Markup("{}").format(crm_work.remedy(problem.code).to(language))
    return Item("warn", title, text, _("Open Triggers"), url_for("pages.triggers"), problem.code)


def _given_up(problem: Problem, language: str) -> Item:
    title = ngettext(
        "%(num)s entry was not written to the CRM", "%(num)s entries were not written to the CRM", problem.count
    )
    text = Markup("{}").format(crm_work.remedy(problem.code).to(language))
    return Item("warn", title, text, _("Open Health"), url_for("pages.health"), problem.code)


def _webhook_off(problem: Problem, language: str) -> Item:
    title = _("The webhook %(host)s is switched off", host=problem.names[0])
    words = _("No events are sent to it since %(since)s. Repair the receiver, then switch the webhook on again.")
    return Item("bad", title, _since(problem, words), _("Open Webhooks"), url_for("pages.webhooks"))


def _webhook_failing(problem: Problem, language: str) -> Item:
    title = _("The webhook %(host)s takes nothing", host=problem.names[0])
    words = _("Since %(since)s. We try again and again, and switch it off after three days.")
    return Item("warn", title, _since(problem, words), _("Open Webhooks"), url_for("pages.webhooks"))


def _templates(problem: Problem, language: str) -> Item:
    count = problem.count
    title, remedy = {
        "REJECTED": (
            ngettext("WhatsApp rejected %(num)s template", "WhatsApp rejected %(num)s templates", count),
            _("Open it to see why, correct it and submit it again."),
        ),
        "PAUSED": (
            ngettext("WhatsApp paused %(num)s template", "WhatsApp paused %(num)s templates", count),
            _("Robots that use it fail. Wait for the end of the pause, or choose another template in them."),
        ),
        "FAILED": (
            ngettext("%(num)s template was not submitted", "%(num)s templates were not submitted", count),
            _("Make a copy of it and submit that."),
        ),
    }.get(problem.code) or (
        ngettext("WhatsApp switched off %(num)s template", "WhatsApp switched off %(num)s templates", count),
        _("Robots that use it fail. Choose another template in them."),
    )
    names = Markup(", ").join(Markup("<code>{}</code>").format(name) for name in problem.names[:NAMES])
    if len(problem.names) > NAMES:
        names = Markup(_("%(names)s and %(count)s more")) % {"names": names, "count": len(problem.names) - NAMES}
    line = _line(problem)
    text = Markup(_("Line %(line)s: %(names)s. %(remedy)s")) % {
        "line": line.name or line.app_name,
        "names": names,
        "remedy": remedy,
    }
    url = url_for("pages.templates", line=line.id, status=problem.code)
    return Item("warn", title, text + _used(problem), _("Open Templates"), url)


def _used(problem: Problem) -> Markup:
    """How much of what robots do is concerned."""
    if not problem.runs:
        return Markup("")
    words = ngettext(
        "%(num)s run of robots in the last 30 days.", "%(num)s runs of robots in the last 30 days.", problem.runs
    )
    return Markup(" {}").format(words)


def _recategorised(problem: Problem, language: str) -> Item:
    line = _line(problem)
    title = ngettext(
        "WhatsApp changes the category of %(num)s template",
        "WhatsApp changes the category of %(num)s templates",
        problem.count,
    )
    names = Markup(", ").join(Markup("<code>{}</code>").format(name) for name in problem.names[:NAMES])
    category = CATEGORIES.get(problem.code, problem.code)
    words = _("The price of its messages changes with the category.")
    text = Markup("{}: {} → {}. {}").format(line.name or line.app_name, names, category, words)
    url = url_for("pages.templates", line=line.id, category=problem.code)
    return Item("warn", title, text + _used(problem), _("Open Templates"), url)


def _waiting(problem: Problem, language: str) -> Item:
    title = ngettext("%(num)s message waits to be sent", "%(num)s messages wait to be sent", problem.count)
    text = _since(problem, _("The oldest since %(since)s. If the number does not fall, look at Health."))
    return Item("warn", title, text, _("Open Health"), url_for("pages.health"))


def _reason(problem: Problem, language: str) -> Item:
    why = reasons.explained(problem.code, "", "")
    title = _("%(reason)s (%(count)s in 24 hours)", reason=reasons.short(why).to(language), count=problem.count)
    line = str(problem.line.id) if problem.line is not None else NO_LINE
    return Item(
        "warn",
        title,
        Markup("{}").format(reasons.remedy(why).to(language)),
        _("Show the messages"),
        url_for("pages.messages"),
        problem.code,
        {"status": "failed", "code": problem.code, "period": "24h", "line": line},
    )


_WORDS = {
    Kind.LINE_STOPPED: _stopped,
    Kind.LINE_BROKEN: _broken,
    Kind.LINE_SILENT: _silent,
    Kind.LINE_PAUSED: _paused,
    Kind.GUPSHUP_SILENT: _gupshup,
    Kind.ROBOTS: _robots,
    Kind.TIER: _tier,
    Kind.BALANCE: _balance,
    Kind.BUDGET: _budget,
    Kind.CAMPAIGN: _campaign,
    Kind.TRIGGERS: _triggers,
    Kind.WEBHOOK_OFF: _webhook_off,
    Kind.WEBHOOK_FAILING: _webhook_failing,
    Kind.CRM: _given_up,
    Kind.TEMPLATES: _templates,
    Kind.RECATEGORISED: _recategorised,
    Kind.WAITING: _waiting,
    Kind.REASON: _reason,
}
