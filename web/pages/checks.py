"""How a page shows a live check of a line: its row, its words, and what to do about it (ui.md 3.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import LazyString, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from messaging.insight.line_checks import Result, known_before
from web.texts import badge, moment, phone

#: The rows' names; `installed` is the portal's, the others are `messaging.insight.line_checks.CHECKS`.
TITLES: dict[str, LazyString] = {
    "installed": _l("The app is installed"),
    "key": _l("The Gupshup key is accepted"),
    "number": _l("The number is connected"),
    "webhook": _l("The webhook answers"),
    "balance": _l("Balance"),
    "templates": _l("Templates"),
    "first": _l("First message"),
}
_BADGES: dict[str, tuple[str, str, LazyString]] = {
    "done": ("ok", "check", _l("Done")),
    "wrong": ("bad", "cross", _l("Needs fixing")),
    "blocked": ("", "clock", _l("Cannot start yet")),
    "open": ("", "minus", _l("Optional")),
    "next": ("info", "clock", _l("Next step")),
    "unknown": ("warn", "warning", _l("No answer")),
    "busy": ("", "refresh", _l("Checking…")),
}


#: Where Gupshup shows what only it knows.
CONSOLE = "https://www.gupshup.io/whatsapp/dashboard"


@dataclass(frozen=True)
class Row:
    """One check as a page draws it. result: None if the check never ran; line_id: None without a line."""

    name: str
    result: Result | None
    line_id: int | None = None
    #: Whether the page shows how many rows are done: then a new result renews that count.
    counted: bool = False

    @property
    def title(self) -> LazyString:
        return TITLES[self.name]

    @property
    def state(self) -> str:
        if self.result is not None:
            return self.result.state
        return "busy" if self.line_id is not None else "blocked"

    @property
    def badge(self) -> Markup:
        if self.name == "balance" and self.state in ("done", "open"):
            return badge("", "question", _("Not known"))
        is_next = (self.name, self.state) == ("first", "open")
        return badge(*_BADGES["next" if is_next else self.state])

    @property
    def console(self) -> str:
        """The address of the Gupshup console, where a look there tells more; else ""."""
        return CONSOLE if self.name == "balance" else ""

    @property
    def detail(self) -> Markup:
        """The result in words: what happened, why, what to do."""
        if self.result is None:
            return Markup("")
        words, known = said(self.name, self.result), known_before(self.result)
        if known is None:
            return words
        before = Markup(_("Before that, %(at)s:")) % {"at": moment(known.at)}
        return Markup("{} {} {} {}").format(words, before, badge(*_BADGES[known.state]), said(self.name, known))


def all_done(rows: list[Row]) -> bool:
    """Whether nothing is left to do."""
    return all(row.state == "done" for row in rows)


def has_fault(rows: list[Row]) -> bool:
    """Whether something is wrong, or waits for what is."""
    return any(row.state in ("wrong", "blocked", "unknown") for row in rows)


def progress(rows: list[Row], *, is_stopped: bool = False) -> str:
    """How many checks are done, in a sentence. is_stopped: whether the line sends nothing all the same."""
    if all_done(rows) and is_stopped:
        return str(_("All checks pass, but the line is stopped."))
    if all_done(rows):
        return str(_("Everything is connected."))
    return str(_("Done: %(done)s of %(all)s", done=sum(row.state == "done" for row in rows), all=len(rows)))


def said(name: str, result: Result) -> Markup:
    """The words of a result."""
    facts = result.facts
    if name == "number" and result.state == "done":
        return phone(facts["phone"])
    if (name == "templates" and result.state == "done") or result.code == "none_approved":
        return _templates(facts)
    times = {
        key: moment(_time(facts[key]), "auto" if key != "since" or name == "installed" else "full")
        for key in ("heard", "since", "paid", "last")
        if facts.get(key)
    }
    return Markup(_sentence(name, result)) % {**_texts(facts), **times}


def _time(iso: str) -> datetime:
    return datetime.fromisoformat(iso)


def _texts(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{"app": "", "said": "", "code": "", "status": "", "heard": "", "since": "", "paid": "", "last": ""},
        **facts,
        "phone": phone(facts["phone"]) if facts.get("phone") else "",
        "answer": _("answer %(status)s", status=facts["status"]) if facts.get("status") else _("no answer"),
    }


def _templates(facts: Mapping[str, Any]) -> Markup:
    parts = [ngettext("%(num)s approved", "%(num)s approved", facts["approved"])]
    if facts["review"]:
        parts.append(ngettext("%(num)s in review", "%(num)s in review", facts["review"]))
    if facts["other"]:
        parts.append(ngettext("%(num)s other", "%(num)s other", facts["other"]))
    words = Markup("{}").format(", ".join(parts))
    if facts["approved"]:
        return words
    return Markup("{}. {}").format(
        words, _("Robots need an approved template to write first. Create one in the Gupshup console.")
    )


def _sentence(name: str, result: Result) -> str:
    """The sentence with its placeholders; `said` fills them in, so that the provider's words cannot be markup."""
    own = _SENTENCES.get((name, result.code)) or _SENTENCES.get(("", result.code))
    return str(own) if own is not None else ""


#: (check, code) → words; "" stands for every check.
_SENTENCES: dict[tuple[str, str], LazyString] = {
    ("installed", ""): _l("%(since)s"),
    ("installed", "not_finished"): _l(
        "Bitrix24 has not finished the installation. Open the app's card and install it again."
    ),
    ("key", ""): _l("app %(app)s"),
    ("key", "key_refused"): _l(
        "Gupshup refused the key. Check that it is the App API Key of %(app)s and that you copied all of it."
    ),
    ("key", "name_unknown"): _l("This account has no app called %(app)s. Capital letters matter."),
    ("number", "other_number"): _l(
        "The app %(app)s has a number other than %(phone)s. Copy the number from the app's settings in the Gupshup console."
    ),
    ("webhook", ""): _l("Gupshup knows our address, and the address answers"),
    ("webhook", "heard"): _l("last notification: %(heard)s"),
    ("webhook", "silent"): _l(
        "No webhooks since %(since)s, although messages were sent. Check that our address is set in the Gupshup console."
    ),
    ("webhook", "unreachable"): _l(
        "Our address could not be opened from outside (%(answer)s), so Gupshup cannot open it either. "
        "Check the server's address, certificate and firewall."
    ),
    ("webhook", "not_set"): _l("Gupshup does not know our address yet, so no statuses and no replies will come."),
    ("webhook", "paste"): _l(
        "Enter our address in the Gupshup console: no notification has come yet. The check passes when the first one arrives."
    ),
    ("webhook", "inactive"): _l("Our address is switched off at Gupshup."),
    ("webhook", "modes"): _l("Gupshup does not send us all the events that robots wait for."),
    ("balance", "paid"): _l(
        "Gupshup accepted the last message %(paid)s. Your balance is shown only in the Gupshup console."
    ),
    ("balance", "empty"): _l(
        "The Gupshup wallet has been empty since %(since)s. Top it up in the Gupshup console, under Wallet."
    ),
    ("balance", "untold"): _l(
        "Your balance is shown only in the Gupshup console. If a message is refused for lack of money, it will say so here."
    ),
    ("templates", "no_app_id"): _l("Enter the line's App ID, and its templates will be shown here."),
    ("templates", "app_unknown"): _l(
        "Gupshup does not know this App ID. Copy it from the app's settings in the Gupshup console."
    ),
    ("first", ""): _l("last one: %(last)s"),
    ("first", "earlier"): _l("sent some time ago"),
    ("first", "none"): _l("nothing has been sent yet"),
    ("", "key"): _l("Waits until Gupshup accepts the key."),
    ("", "busy"): _l("Gupshup asks us to wait: too many questions in a minute. We will ask again automatically."),
    ("", "down"): _l(
        "Gupshup has not answered since %(since)s. We will ask again automatically; you need not change the key."
    ),
    ("", "refused"): _l("Gupshup refused: %(said)s (%(code)s)."),
}
