"""Tables of error codes: our own, the refusals of Gupshup and WhatsApp, and those that stop a whole line."""

import re
from collections.abc import Sequence
from itertools import groupby

from activities.errors import CARD_CLOSED, CATALOGUE, FIELD_TOO_LONG, FILES_FULL, TIER_FULL
from bx24.i18n import Text
from docs.tables.words import codes, heads, table
from gupshup.consequences import Probe, Stop, stop_of, why
from gupshup.refusals import KNOWN_CODES, Kind, Refusal, refusal

_CODE = Text("Code", "Код")
#: Texts that other parts of the product give under the same code.
_ALSO = {"no_phone": [CARD_CLOSED], "text_too_long": [FIELD_TOO_LONG], "limit_reached": [FILES_FULL, TIER_FULL]}
#: Codes whose text is made on the spot, of the very value that is wrong.
_ON_THE_SPOT = {
    "template_params": Text(
        "Says which variable of the template, or which file, has no value or is one too many, or that the template needs "
        "something that no field of the robot can give.",
        "Называет переменную шаблона или файл, у которых нет значения или которые лишние, либо то, что нужно шаблону и чего "
        "нет среди полей робота.",
    ),
    "buttons_invalid": Text(
        "Says which button is wrong, and why.", "Называет кнопку, которая записана неверно, и причину."
    ),
    "list_invalid": Text(
        "Says which row is wrong, and why.", "Называет строку списка, которая записана неверно, и причину."
    ),
}
_AGAIN = {
    Kind.RETRY: Text("later", "позже"),
    Kind.DELAYED: Text("after a day or more", "через сутки или позже"),
    Kind.PERMANENT: Text("no, it would be refused again", "нет, откажут снова"),
    Kind.CONFIG: Text("after the repair", "когда исправите"),
    Kind.WINDOW: Text("as a template", "шаблоном"),
    Kind.UNCLEAR: Text("ask the client first", "сначала спросите клиента"),
}
_PROVIDERS_WORDS = Text("their words", "их слова")


def catalogue(lang: str) -> str:
    """Our own codes, with the text that the workflow's log shows."""
    rows = [(codes([name]), _said(name, text).to(lang)) for name, text in CATALOGUE.items()]
    return table(heads(lang, _CODE, Text("What the robot says", "Что говорит робот")), rows)


def _said(name: str, text: Text) -> Text:
    if name in _ON_THE_SPOT:
        return _ON_THE_SPOT[name]
    parts = [text, *_ALSO.get(name, ())]
    return Text(
        *(" *Or:* ".join(_open(one.to("en")) for one in parts), " *Или:* ".join(_open(one.to("ru")) for one in parts))
    )


def _open(text: str) -> str:
    """The text with its places left open."""
    return re.sub(r"\{\w+\}", "…", text)


def refusals(lang: str) -> str:
    """Refusals of Gupshup and WhatsApp: codes that say the same share a row."""
    sorted_codes = sorted(KNOWN_CODES, key=_order)
    rows: dict[tuple[str, Kind], list[str]] = {}
    for one in sorted_codes:
        found = refusal(one, _PROVIDERS_WORDS.to(lang))
        rows.setdefault((_cause(found, lang), found.kind), []).append(one)
    columns = heads(lang, _CODE, Text("What it means", "Что это значит"), Text("Send again?", "Отправить снова?"))
    return table(columns, [(_ranges(group), text, _AGAIN[kind].to(lang)) for (text, kind), group in rows.items()])


def _order(one: str) -> tuple[int, str]:
    return (int(one), "") if one.isdigit() else (10**9, one)


def _ranges(group: list[str]) -> str:
    """Codes as people read them: three or more in a row become a range."""
    numbers = [int(one) for one in group if one.isdigit()]
    words = [one for one in group if not one.isdigit()]
    shown: list[str] = []
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        row = [str(number) for _, number in run]
        shown += [f"`{row[0]}`–`{row[-1]}`"] if len(row) > 2 else [codes(row)]
    return " ".join([*shown, *([codes(words)] if words else [])])


def stops(lang: str) -> str:
    """Refusals that stop a whole line, and how waba24 finds out that it works again."""
    found = [(one, stop_of(one)) for one in sorted(KNOWN_CODES, key=_order)]
    rows: dict[tuple[str, str], list[str]] = {}
    for one, stop in found:
        if stop is not None:
            cause = _cause(refusal(one, _PROVIDERS_WORDS.to(lang)), lang)
            rows.setdefault((cause, _probe(stop, lang)), []).append(one)
    columns = heads(
        lang, _CODE, Text("Cause and remedy", "Причина и что делать"), Text("Checked by itself", "Проверяется само")
    )
    return table(columns, [(_ranges(group), cause, probe) for (cause, probe), group in rows.items()])


def _cause(found: Refusal, lang: str) -> str:
    english, russian = why(found)
    return russian if lang == "ru" else english


def _probe(stop: Stop, lang: str) -> str:
    pauses, last = _minutes(stop.pauses), _minutes(stop.pauses[-1:])
    asked = Text(
        f"the key is checked after {pauses.en}, then every {last.en}",
        f"ключ проверяется через {pauses.ru}, потом каждые {last.ru}",
    )
    tried = Text(
        f"one message is tried after {pauses.en}, then every {last.en}",
        f"одно сообщение на пробу через {pauses.ru}, потом каждые {last.ru}",
    )
    return (asked if stop.probe is Probe.ASK else tried).to(lang)


def _minutes(pauses: Sequence[int]) -> Text:
    """Minutes, or hours where all of them are whole hours."""
    hours = all(pause % 60 == 0 for pause in pauses)
    numbers = ", ".join(str(pause // 60 if hours else pause) for pause in pauses)
    return Text(f"{numbers} {'h' if hours else 'min'}", f"{numbers} {'ч' if hours else 'мин'}")
