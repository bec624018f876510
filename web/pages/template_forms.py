"""The form of a template as it is sent, and what the page needs to draw it again."""

from dataclasses import dataclass, field
from typing import Any

from flask import request

from gupshup.template_button_rules import BUTTONS_LIMIT
from gupshup.template_drafts import CATEGORIES, KINDS, Draft, DraftButton, SampleFile
from gupshup.template_problems import Problem
from gupshup.templates import variables
from web.context import clean, typed

#: Characters of one field that are read; what is longer is wrong anyhow, and shown as cut.
MOST_TEXT, MOST_LINE = 4096, 2100
#: Buttons that are read; more are wrong anyhow.
MOST_BUTTONS = 2 * BUTTONS_LIMIT


@dataclass
class Form:
    """line_id: of the line, 0 if none was chosen. draft_id: of a stored draft, 0 for none. template_id: what is changed.

    errors: field → what is wrong with it; told: a sentence about the whole, with its mood (`bad`, `warn`).
    """

    draft: Draft
    line_id: int = 0
    draft_id: int = 0
    template_id: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    told: tuple[str, str, str] | None = None

    def wrong(self, problems: list[Problem], language: str) -> None:
        """Put problems at their fields; the first one of a field is shown there."""
        for problem in problems:
            is_russian = language == "ru"
            self.labels.setdefault(problem.field, problem.place_ru if is_russian else problem.place_en)
            self.errors.setdefault(problem.field, problem.ru if is_russian else problem.en)


def read() -> Form:
    """What was typed."""
    body = typed("body").replace("\r\n", "\n")[:MOST_TEXT]
    draft = Draft(
        name=_line("name"),
        language=_line("language")[:16],
        category=_one_of("category", CATEGORIES, "UTILITY"),
        kind=_one_of("kind", KINDS, "TEXT"),
        header=_line("header"),
        header_sample=_line("header_sample"),
        body=body,
        footer=_line("footer"),
        samples={name: _line(f"sample_{name}") for name in variables(body)[:99]},
        buttons=_buttons(),
        media=_media(),
        may_recategorise=bool(typed("may_recategorise")),
    )
    return Form(draft, _number("line"), _number("draft"), typed("template")[:64])


def _line(name: str) -> str:
    return typed(name)[:MOST_LINE]


def _one_of(name: str, known: tuple[str, ...], default: str) -> str:
    value = typed(name)
    return value if value in known else default


def _number(name: str) -> int:
    value = typed(name)
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else 0


def _buttons() -> tuple[DraftButton, ...]:
    """Rows of four fields; a row that somebody has added and left empty is none."""
    columns = [
        [clean(value)[:MOST_LINE] for value in request.form.getlist(f"button_{name}")[:MOST_BUTTONS]]
        for name in ("type", "text", "value", "sample")
    ]
    return tuple(DraftButton(*row) for row in zip(*columns, strict=False))


def _media() -> SampleFile | None:
    media_id = _line("media_id")[:256]
    if not media_id:
        return None
    kind = _one_of("media_kind", KINDS, "")
    return SampleFile(media_id, _line("media_url"), _line("media_name")[:100], _number("media_size"), kind)


def checks_of(problems: list[Problem], language: str) -> list[dict[str, Any]]:
    """Problems as the list beside the form shows them."""
    is_russian = language == "ru"
    return [
        {
            "field": problem.field,
            "place": problem.place_ru if is_russian else problem.place_en,
            "words": problem.ru if is_russian else problem.en,
            "is_soft": problem.is_soft,
        }
        for problem in problems
    ]
