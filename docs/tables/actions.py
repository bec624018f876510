"""Tables of the robots and activities, and of their fields, as they are registered in Bitrix24."""

from collections.abc import Callable, Iterable
from typing import Any

from activities import ACTIONS, ACTIVITIES
from activities.base import Action, SendAction, Until
from activities.send_template import SendTemplate
from bx24.i18n import Text
from docs.tables.words import code, heads, table
from robots import ROBOTS
from web.settings.fields import properties

#: What an action's own fields come between: to whom, when the workflow goes on, when the message may leave, where it is shown.
_ENDING = ("until", "wait_minutes", "timeline")
_RULES = ("if_closed", "fallback_template", "fallback_params", "quiet")
_TO_WHOM = ("line", "phone")
_FIELD, _CODE, _VALUE, _HINT = (
    Text("Field", "Поле"),
    Text("Code", "Код"),
    Text("Value", "Значение"),
    Text("What it means", "Что это"),
)
_TYPES = {
    "string": Text("text", "текст"),
    "text": Text("text, several lines", "текст, можно в несколько строк"),
    "int": Text("whole number", "целое число"),
    "double": Text("number", "число"),
    "select": Text("one of", "одно из"),
    "bool": Text("`Y` or `N`", "`Y` или `N`"),
}
_SEVERAL = Text("several texts", "несколько строк текста")
_LIMIT = Text("up to {limit} characters", "до {limit} символов")
_DEFAULT = Text("default: {default}", "по умолчанию {default}")
_LINES = Text("a line of the portal", "линия портала")


def _own(action: Action, lang: str) -> list[dict[str, Any]]:
    """The properties that only this action has; `until` of one that sends nothing has statuses of its own."""
    shared = [*_TO_WHOM, *_ENDING, *_RULES]
    if not isinstance(action, SendAction):
        shared.remove("until")
    return [one for one in properties("robots", action, lang) if one["code"] not in shared]


#: Names of the actions that have fields of their own, in the order of the robots' list.
WITH_FIELDS = tuple(name for name in ROBOTS if _own(ACTIONS[name], "en"))


def _activity(action: Action, lang: str) -> str:
    return action.title.to(lang) if action.name in ACTIVITIES else "—"


def overview(lang: str) -> str:
    """Every action with its names on both sides, and whether WhatsApp's window must be open."""
    columns = heads(
        lang,
        _CODE,
        Text("Robot in CRM", "Робот в CRM"),
        Text("Activity in the designer", "Действие в дизайнере"),
        Text("What it does", "Что делает"),
        Text("24-hour window", "Окно 24 часа"),
    )
    rows = [
        (code(name), title.to(lang), _activity(action, lang), action.description.to(lang), _window(action).to(lang))
        for name, (action, title) in ROBOTS.items()
    ]
    return table(columns, rows)


def _window(action: Action) -> Text:
    if isinstance(action, SendAction) and not isinstance(action, SendTemplate):
        return Text("must be open", "должно быть открыто")
    return Text("not needed", "не нужно")


def common_fields(lang: str) -> str:
    """Line and phone of all actions; when the workflow goes on, of the sends."""
    send = ACTIONS["send_text"]
    assert issubclass(send.Ending, Until)
    shared = [one for one in properties("robots", send, lang) if one["code"] in (*_TO_WHOM, *_ENDING)]
    return _fields(shared, lang)


def rules(lang: str) -> str:
    """When a message may leave, of all sends; `quiet` alone of the template."""
    return _fields([one for one in properties("robots", ACTIONS["send_text"], lang) if one["code"] in _RULES], lang)


def own_fields(name: str) -> Callable[[str], str]:
    """The table of one action's own fields."""
    return lambda lang: _fields(_own(ACTIONS[name], lang), lang)


def _fields(described: Iterable[dict[str, Any]], lang: str) -> str:
    rows = [
        (f"{one['title']} *" if one["required"] else one["title"], code(one["code"]), _value(one, lang), one["hint"])
        for one in described
    ]
    return table(heads(lang, _FIELD, _CODE, _VALUE, _HINT), rows)


def _value(one: dict[str, Any], lang: str) -> str:
    """What may stand in a field: its kind, its choices, its limit, what holds if it is empty."""
    if one["code"] == "line":
        return _LINES.to(lang)
    kind = _SEVERAL if one["multiple"] else _TYPES[one["type"]]
    parts = [kind.to(lang)]
    if one["options"]:
        parts[0] += ": " + ", ".join(f"{code(value)} ({words})" for value, words in one["options"])
    if one["limit"] and str(one["limit"]) not in one["hint"]:
        parts.append(_LIMIT.to(lang).format(limit=one["limit"]))
    if one["default"] not in ("", None):
        parts.append(_DEFAULT.to(lang).format(default=code(one["default"])))
    return "; ".join(parts)
