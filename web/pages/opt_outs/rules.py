"""The rules: which words stop and allow messages, what still goes then, and how much marketing a client gets in a row."""

from typing import Any

from flask import Response
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from messaging.policy import rules, words
from messaging.policy.rules import BOUNDS, MOST_WORDS, Rules, words_of
from messaging.policy.settings import Policy
from messaging.policy.words import LONGEST
from messaging.store.models import Portal
from web.context import runtime, typed
from web.frames import Viewer, page
from web.pages.shell import blueprint, changes, reads, show

LABELS = {
    "stop_words": _l("Words that stop messages"),
    "start_words": _l("Words that allow them again"),
    "cap_in_a_row": _l("Marketing templates in a row"),
    "cap_rest_h": _l("Hours without marketing after WhatsApp's refusal 131049"),
}
_PROBLEMS = {
    "no_words": _l("Enter at least one word"),
    "too_many_words": _l("At most %(words)s words"),
    "word_too_long": _l("A word may have %(longest)s characters at most"),
    "empty_word": _l("A line holds signs only: nobody's message would be compared with it"),
    "in_both": _l("The same word stands among those that stop messages"),
    "out_of_range": _l("Enter a number from %(least)s to %(most)s"),
}


@blueprint.get("/opt-outs/rules", endpoint="opt_out_rules")
@reads
def form(viewer: Viewer, portal: Portal) -> Response:
    policy = Policy.of(portal)
    return _draw(viewer, {name: _text(getattr(policy, name)) for name in LABELS}, policy.stops_utility)


@blueprint.post("/opt-outs/rules", endpoint="save_opt_out_rules")
@changes
def save(viewer: Viewer, portal: Portal) -> Response:
    given, stops_utility = {name: typed(name) for name in LABELS}, bool(typed("stops_utility"))
    wanted = _rules(given, stops_utility)
    if problems := wanted.problems():
        return _draw(viewer, given, stops_utility, errors={name: _problem(name, problems[name]) for name in problems})
    rules.save(runtime(), portal.id, wanted, viewer.user_id)
    shown = {name: _text(getattr(wanted, name)) for name in LABELS}
    return _draw(viewer, shown, stops_utility, said=_("The rules are saved. They hold from the next message on."))


@blueprint.post("/opt-outs/rules/try", endpoint="try_opt_out_rules")
@reads
def try_out(viewer: Viewer, portal: Portal) -> Response:
    """What a client's message would do under the words in the form, saved or not."""
    text = typed("message")[:1000]
    given = {name: typed(name) for name in LABELS}
    policy = Policy(stop_words=words_of(given["stop_words"]), start_words=words_of(given["start_words"]))
    if not viewer.is_admin:
        policy = Policy.of(portal)
    return page("pages/opt_outs_tried.html", viewer, text=text.strip(), word=words.find(policy, [text]))


def _rules(given: dict[str, str], stops_utility: bool) -> Rules:
    numbers = {name: _number(given[name]) for name in BOUNDS}
    return Rules(words_of(given["stop_words"]), words_of(given["start_words"]), stops_utility, **numbers)


def _number(text: str) -> int:
    """A number that was typed; -1, which is out of every range, for anything else."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else -1


def _text(value: object) -> str:
    return "\n".join(value) if isinstance(value, tuple) else str(value)


def _problem(name: str, code: str) -> str:
    least, most = BOUNDS.get(name, (0, 0))
    return str(_PROBLEMS[code]) % {"words": MOST_WORDS, "longest": LONGEST, "least": least, "most": most}


def _draw(viewer: Viewer, given: dict[str, str], stops_utility: bool, **more: Any) -> Response:
    values = {"given": given, "stops_utility": stops_utility, "labels": LABELS, "bounds": BOUNDS, "errors": {}, **more}
    return show("pages/opt_outs_rules.html", viewer, section="opt_outs", **values)
