"""What WhatsApp refuses in a template, told before it is submitted: where, what, and what to do.

Sources: Gupshup docs "Create template" and "Template Button List" (reference gupshup.md 5.2, 5.3; gupshup-2.md 2, 2.1); Meta
docs "Template guidelines". A soft problem is what moderators often refuse; it does not hinder the submission.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from gupshup import limits
from gupshup.reading import is_blank
from gupshup.template_button_rules import wrong_buttons
from gupshup.template_drafts import CATEGORIES, KINDS, Draft
from gupshup.template_problems import (
    EMOJI,
    SHORTENERS,
    VARIABLE,
    WA_ME,
    Place,
    Problem,
    no_variables,
    one_line,
    plain,
    short_link,
    too_long,
)
from gupshup.templates import TemplateInfo, variables

NAME_LIMIT = 180
SAMPLE_LIMIT = 300
#: Meta docs: more fixed text and more emoji are often refused by moderators.
FIXED_TEXT_ADVISED, EMOJI_ADVISED, WORDS_PERVARIABLE = 550, 10, 3

_NAME = re.compile(r"[a-z0-9_]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,4})?")
_ANY_BRACES = re.compile(r"\{\{|\}\}")
_NAMED = re.compile(r"\{\{\s*[A-Za-z_][A-Za-z0-9_]{0,60}\s*\}\}")


_NAME_PLACE = Place("name", "Name", "Название")
_LANGUAGE_PLACE = Place("language", "Language", "Язык")
_CATEGORY = Place("category", "Category", "Категория")
_KIND = Place("kind", "Header", "Заголовок")
_HEADER = Place("header", "Header", "Заголовок")
_HEADER_SAMPLE = Place("header_sample", "Sample of the header", "Пример для заголовка")
_MEDIA = Place("media", "File of the header", "Файл заголовка")
_BODY = Place("body", "Text", "Текст")
_FOOTER = Place("footer", "Footer", "Подпись")
_BUTTONS = Place("buttons", "Buttons", "Кнопки")


def problems(draft: Draft, others: Iterable[TemplateInfo] = (), *, is_edit: bool = False) -> list[Problem]:
    """Everything wrong with a draft, in the order of the form; it is tidied first. others: the line's other templates.

    is_edit: it changes a template that exists, so name and file are there already.
    """
    one = draft.tidied()
    found = [
        *(() if is_edit else _name(one, others)),
        *_kind_of(one),
        *_header(one, is_edit=is_edit),
        *_body(one, others),
        *_samples(one),
        *_footer(one),
        *wrong_buttons(one),
    ]
    return sorted(found, key=lambda problem: problem.is_soft)


def hard(found: Iterable[Problem]) -> list[Problem]:
    """Those that hinder the submission."""
    return [problem for problem in found if not problem.is_soft]


def _name(draft: Draft, others: Iterable[TemplateInfo]) -> Iterator[Problem]:
    if not draft.name:
        yield _NAME_PLACE.wrong("empty", "Enter a name.", "Введите название.")
    elif not _NAME.fullmatch(draft.name):
        yield _NAME_PLACE.wrong(
            "name",
            "Only small Latin letters, digits and the underscore are allowed, for example visit_reminder.",
            "Можно только строчные латинские буквы, цифры и подчёркивание, например visit_reminder.",
        )
    elif len(draft.name) > NAME_LIMIT:
        yield too_long(_NAME_PLACE, len(draft.name), NAME_LIMIT)
    elif any((one.name, one.language) == (draft.name, draft.language) for one in others):
        yield _NAME_PLACE.wrong(
            "name_taken",
            "The line has a template with this name and language. Choose another name, for example with _v2 at its end.",
            "У линии уже есть шаблон с таким названием на этом языке. Выберите другое, например добавьте в конце _v2.",
        )
    if not _LANGUAGE.fullmatch(draft.language):
        yield _LANGUAGE_PLACE.wrong(
            "language",
            "This is not a language code. Choose a language of the list.",
            "Это не код языка. Выберите язык из списка.",
        )


def _kind_of(draft: Draft) -> Iterator[Problem]:
    if draft.category not in CATEGORIES:
        yield _CATEGORY.wrong("category", "Choose a category of the list.", "Выберите категорию из списка.")
    if draft.kind not in KINDS:
        yield _KIND.wrong(
            "kind",
            "Such a template cannot be made here. Choose another header.",
            "Такой шаблон здесь создать нельзя. Выберите другой заголовок.",
        )
    if draft.category == "AUTHENTICATION":
        yield from _authentication(draft)


def _authentication(draft: Draft) -> Iterator[Problem]:
    if [button.type for button in draft.buttons] != ["OTP"]:
        yield _BUTTONS.wrong(
            "otp",
            "A template of the category Authentication has exactly one button: the one that copies the code.",
            "У шаблона категории «Код подтверждения» ровно одна кнопка: та, что копирует код.",
        )
    if draft.header or draft.footer or draft.kind != "TEXT":
        yield _KIND.wrong(
            "otp",
            "A template of the category Authentication has neither header nor footer. Remove them.",
            "У шаблона категории «Код подтверждения» нет ни заголовка, ни подписи. Уберите их.",
        )
    if variables(draft.body) != ("1",):
        yield _BODY.wrong(
            "otp",
            "A template of the category Authentication has exactly one variable: {{1}}, the code.",
            "В шаблоне категории «Код подтверждения» ровно одна переменная: {{1}}, сам код.",
        )


def _header(draft: Draft, *, is_edit: bool) -> Iterator[Problem]:
    if draft.kind != "TEXT":
        if draft.kind in KINDS and draft.media is None and not is_edit:
            yield _MEDIA.wrong(
                "no_media",
                "WhatsApp wants a sample of the file. Choose one.",
                "WhatsApp требует пример файла. Выберите его.",
            )
        return
    if not draft.header:
        return
    yield from plain(_HEADER, draft.header, limits.HEADER_LIMIT)
    yield from _braces(_HEADER, draft.header)
    names = variables(draft.header)
    if len(names) > 1:
        yield _HEADER.wrong(
            "variables",
            "It may have one variable. Remove the others.",
            "Здесь можно одну переменную. Уберите остальные.",
        )
    elif names and names != ("1",):
        yield _HEADER.wrong("numbering", "Its variable must be {{1}}.", "Переменная здесь должна быть {{1}}.")
    elif names:
        yield from _sample(_HEADER_SAMPLE, draft.header_sample)


def _body(draft: Draft, others: Iterable[TemplateInfo]) -> Iterator[Problem]:
    body = draft.body
    if is_blank(body):
        yield _BODY.wrong("empty", "Enter a text.", "Введите текст.")
        return
    if len(body) > limits.TEMPLATE_TEXT_LIMIT:
        yield too_long(_BODY, len(body), limits.TEMPLATE_TEXT_LIMIT)
    elif len(draft.filled()) > limits.TEMPLATE_TEXT_LIMIT:
        yield _BODY.wrong(
            "too_long",
            f"With its samples it has {len(draft.filled())} characters, 1024 are allowed. Shorten it.",
            f"С примерами в нём {len(draft.filled())} знаков, можно 1024. Сократите.",
        )
    yield from _braces(_BODY, body)
    if draft.category != "AUTHENTICATION":
        yield from _edges(body)
    yield from _numbering(body)
    if "\n\n\n" in body:
        yield _BODY.wrong(
            "line_breaks",
            "More than two line breaks follow each other. Leave one empty line at most.",
            "Больше двух переносов строки подряд. Оставьте не больше одной пустой строки.",
        )
    yield from _advice(draft, others)


def _edges(body: str) -> Iterator[Problem]:
    """Meta docs: a text neither begins nor ends with a variable, nor do two stand side by side."""
    found = list(VARIABLE.finditer(body))
    if found and not _has_words(body[: found[0].start()]):
        yield _BODY.wrong(
            "leading",
            f"It begins with the variable {found[0][0]}. Put a word before it.",
            f"В начале стоит переменная {found[0][0]}. Добавьте слово перед ней.",
        )
    if found and not _has_words(body[found[-1].end() :]):
        yield _BODY.wrong(
            "trailing",
            f"It ends with the variable {found[-1][0]}. Put a word after it.",
            f"В конце стоит переменная {found[-1][0]}. Добавьте слово после неё.",
        )
    for first, second in pairwise(found):
        if not body[first.end() : second.start()].strip():
            yield _BODY.wrong(
                "adjacent",
                f"The variables {first[0]} and {second[0]} stand side by side. Put a word between them.",
                f"Переменные {first[0]} и {second[0]} стоят подряд. Добавьте слово между ними.",
            )
            return


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))


def _numbering(body: str) -> Iterator[Problem]:
    names = [name for name in variables(body) if name.isdecimal()]
    missing = [str(number) for number in range(1, len(names) + 1) if str(number) not in names]
    if missing:
        yield _BODY.wrong(
            "numbering",
            f"The variables are numbered with gaps: {{{{{missing[0]}}}}} is missing. Number them 1, 2, 3 …",
            f"В нумерации переменных пропуск: нет {{{{{missing[0]}}}}}. Нумеруйте подряд: 1, 2, 3 …",
        )


def _braces(place: Place, text: str) -> Iterator[Problem]:
    if named := _NAMED.search(text):
        yield place.wrong(
            "named",
            f"{named[0]} has a name. Use numbers: {{{{1}}}}, {{{{2}}}} …",
            f"{named[0]}: переменная с именем. Используйте номера: {{{{1}}}}, {{{{2}}}} …",
        )
    elif _ANY_BRACES.search(VARIABLE.sub("", text)):
        yield place.wrong(
            "braces",
            "Braces that are no variable. Write variables as {{1}}.",
            "Скобки не образуют переменную. Пишите переменные так: {{1}}.",
        )


def _samples(draft: Draft) -> Iterator[Problem]:
    for name in variables(draft.body):
        if name.isdecimal():
            place = Place(f"sample_{name}", f"Sample of {{{{{name}}}}}", f"Пример для {{{{{name}}}}}")
            yield from _sample(place, draft.samples.get(name, ""))


def _sample(place: Place, value: str) -> Iterator[Problem]:
    if is_blank(value):
        yield place.wrong(
            "no_sample",
            "Without a sample WhatsApp refuses the template. Enter a value as a client might get it, without real data.",
            "Без примера WhatsApp не примет шаблон. Введите значение, какое мог бы получить клиент, но без настоящих данных.",
        )
    elif "{{" in value or "\n" in value:
        yield place.wrong(
            "sample",
            "A sample has no variables and no line breaks.",
            "В примере не бывает переменных и переносов строки.",
        )
    elif len(value) > SAMPLE_LIMIT:
        yield too_long(place, len(value), SAMPLE_LIMIT)


def _footer(draft: Draft) -> Iterator[Problem]:
    if len(draft.footer) > limits.FOOTER_LIMIT:
        yield too_long(_FOOTER, len(draft.footer), limits.FOOTER_LIMIT)
    if "{{" in draft.footer:
        yield no_variables(_FOOTER)
    if "\n" in draft.footer:
        yield one_line(_FOOTER)


def _advice(draft: Draft, others: Iterable[TemplateInfo]) -> Iterator[Problem]:
    """What moderators often refuse."""
    yield from _advice_on_text(draft)
    if WA_ME.search(draft.body) or SHORTENERS.search(draft.body):
        yield short_link(_BODY)
    same = (one for one in others if one.name != draft.name and (one.body, one.footer) == (draft.body, draft.footer))
    twin = next(same, None)
    if twin is not None:
        yield _BODY.wrong(
            "twin",
            f"The template {twin.name} says the same; WhatsApp may refuse a second one.",
            f"Тот же текст у шаблона {twin.name}; второй такой WhatsApp может отклонить.",
            is_soft=True,
        )


def _advice_on_text(draft: Draft) -> Iterator[Problem]:
    """Too much fixed text, too many emoji, too few words around the variables."""
    fixed = VARIABLE.sub("", draft.body)
    names, emoji = variables(draft.body), len(EMOJI.findall(draft.body.replace("\ufe0f", "")))
    if len(fixed) > FIXED_TEXT_ADVISED:
        yield _BODY.wrong(
            "long_text",
            f"{len(fixed)} characters of fixed text: moderators often refuse more than 550.",
            f"Постоянного текста {len(fixed)} знаков: больше 550 модерация часто отклоняет.",
            is_soft=True,
        )
    if emoji > EMOJI_ADVISED:
        yield _BODY.wrong(
            "many_emoji",
            f"{emoji} emoji: moderators often refuse more than 10.",
            f"Эмодзи: {emoji}. Больше 10 модерация часто отклоняет.",
            is_soft=True,
        )
    if draft.category != "AUTHENTICATION" and names and len(fixed.split()) < WORDS_PERVARIABLE * len(names):
        yield _BODY.wrong(
            "few_words",
            "There are few words around the variables. Add text, or moderators will not see what the message is about.",
            "Вокруг переменных мало слов. Добавьте текст, иначе модерация не поймёт, о чём сообщение.",
            is_soft=True,
        )
