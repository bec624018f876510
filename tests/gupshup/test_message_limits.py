"""Limits of messages: the message just inside is accepted, the message just beyond is refused in words."""

import re
from collections.abc import Callable

import pytest

from gupshup.errors import InvalidMessage
from gupshup.messages import (
    Button,
    Contact,
    File,
    ListMenu,
    Location,
    MediaHeader,
    Message,
    Phone,
    QuickReply,
    Row,
    Section,
    Template,
    Text,
)
from tests.gupshup.message_samples import ID, URL, menu

# message with n of something, its limit, code, field
LENGTHS: list[tuple[Callable[[int], Message], int, str, str]] = [
    (lambda n: Text("я" * n), 4096, "text_too_long", "text"),
    (lambda n: Text("😀" * n), 4096, "text_too_long", "text"),
    (lambda n: File("image", URL, "x" * n), 1024, "text_too_long", "caption"),
    (lambda n: File("video", URL, "x" * n), 1024, "text_too_long", "caption"),
    (lambda n: File("document", URL, "x" * n), 1024, "text_too_long", "caption"),
    (lambda n: File("document", URL, "", "x" * n), 240, "text_too_long", "file_name"),
    (lambda n: QuickReply("x" * n, (Button("a"),)), 1024, "text_too_long", "text"),
    (lambda n: QuickReply("x", (Button("a"),), header="x" * n), 60, "text_too_long", "header"),
    (lambda n: QuickReply("x", (Button("a"),), footer="x" * n), 60, "text_too_long", "footer"),
    (lambda n: QuickReply("x", (Button("a" * n),)), 20, "text_too_long", "buttons"),
    (lambda n: QuickReply("x", (Button("a", "i" * n),)), 256, "buttons_invalid", "buttons"),
    (lambda n: QuickReply("x", tuple(Button(str(i)) for i in range(n))), 3, "buttons_invalid", "buttons"),
    (lambda n: ListMenu("x" * n, "b", (Section("", (Row("r"),)),)), 1024, "text_too_long", "text"),
    (lambda n: ListMenu("x", "b" * n, (Section("", (Row("r"),)),)), 20, "text_too_long", "button"),
    (lambda n: menu(header="x" * n), 60, "text_too_long", "header"),
    (lambda n: menu(footer="x" * n), 60, "text_too_long", "footer"),
    (lambda n: menu(Row("r" * n)), 24, "text_too_long", "items"),
    (lambda n: menu(Row("r", "d" * n)), 72, "text_too_long", "items"),
    (lambda n: menu(Row("r", "", "i" * n)), 200, "list_invalid", "items"),
    (lambda n: menu(*(Row(f"r{i}") for i in range(n))), 10, "list_invalid", "items"),
    (lambda n: ListMenu("x", "b", (Section("s" * n, (Row("r"),)),)), 24, "text_too_long", "items"),
    (
        lambda n: ListMenu("x", "b", tuple(Section(f"s{i}", (Row(f"r{i}"),)) for i in range(n))),
        10, "list_invalid", "items",
    ),
    (lambda n: Location(0, 0, "p" * n), 1000, "text_too_long", "place"),
    (lambda n: Location(0, 0, "p", "a" * n), 1000, "text_too_long", "address"),
    (lambda n: Template(ID, postbacks=("p" * n,)), 256, "buttons_invalid", "buttons"),
    (lambda n: Template(ID, header=MediaHeader("document", URL, file_name="x" * n)), 240, "text_too_long", "file_name"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "limit", "code", "field"), LENGTHS)
def test_a_limit_is_kept_to_the_character(make: Callable[[int], Message], limit: int, code: str, field: str) -> None:
    make(limit).form()
    with pytest.raises(InvalidMessage) as caught:
        make(limit + 1)
    error = caught.value
    assert (error.code, error.field, error.limit, error.actual) == (code, field, limit, limit + 1)
    assert f"{limit:,}" in error.en
    assert f"{limit:,}".replace(",", "\u00a0") in error.ru
    assert f"{limit + 1:,}" in error.en
    assert f"{limit + 1:,}".replace(",", "\u00a0") in error.ru


def sections(*titles: str) -> Callable[[], Message]:
    return lambda: ListMenu("x", "b", tuple(Section(title, (Row(f"row {title}"),)) for title in titles))


REFUSED: list[tuple[Callable[[], object], str, str, int | None, str]] = [
    (lambda: Text(""), "value_missing", "text", None, "Text is empty"),
    (lambda: Text(" \n "), "value_missing", "text", None, "Text is empty"),
    (lambda: QuickReply(" ", (Button("a"),)), "value_missing", "text", None, "Text is empty"),
    (lambda: QuickReply("x", ()), "buttons_invalid", "buttons", None, "0 buttons"),
    (lambda: QuickReply("x", (Button("a"), Button(" "))), "buttons_invalid", "buttons", 2, "button 2 has no title"),
    (lambda: QuickReply("x", (Button("Да"), Button("Да "))), "buttons_invalid", "buttons", 2, '"Да"'),
    (lambda: QuickReply("x", (Button("a", "y"), Button("b", "y"))), "buttons_invalid", "buttons", 2, 'id "y"'),
    (lambda: QuickReply("x", (Button("a", "2"), Button("b"))), "buttons_invalid", "buttons", 2, 'id "2"'),
    (lambda: ListMenu("", "b", (Section("", (Row("r"),)),)), "value_missing", "text", None, "Text"),
    (lambda: ListMenu("x", " ", (Section("", (Row("r"),)),)), "value_missing", "button", None, "List button"),
    (lambda: ListMenu("x", "b", ()), "list_invalid", "items", None, "0 rows"),
    (lambda: ListMenu("x", "b", (Section("s", ()),)), "list_invalid", "items", None, "0 rows"),
    (
        lambda: ListMenu("x", "b", (Section("a", (Row("r"),)), Section("b", ()))),
        "list_invalid", "items", 2, 'section 2 "b" has no rows',
    ),
    (sections("a", " "), "list_invalid", "items", 2, "section 2 has no title"),
    (lambda: menu(Row("a"), Row("")), "list_invalid", "items", 2, "row 2"),
    (lambda: menu(Row("a", "d"), Row("a", "d")), "list_invalid", "items", 2, '"a"'),
    (lambda: menu(Row("a", "", "i"), Row("b", "", "i")), "list_invalid", "items", 2, 'id "i"'),
    (lambda: File("picture", URL), "value_invalid", "kind", None, "image, video, audio, document"),
    (lambda: File("image", " "), "value_missing", "file", None, "File is empty"),
    (lambda: File("image", "a.jpg"), "value_invalid", "file", None, '"a.jpg"'),
    (lambda: File("image", "ftp://example.org/a.jpg"), "value_invalid", "file", None, "no link"),
    (lambda: File("image", "https://"), "value_invalid", "file", None, "no link"),
    (lambda: File("image", "https://[::1/a.jpg"), "value_invalid", "file", None, "no link"),
    (lambda: File("image", "https://example.org/a b.jpg"), "value_invalid", "file", None, "no link"),
    (lambda: File("image", "https://example.org/a\x00.jpg"), "value_invalid", "file", None, "no link"),
    (lambda: Contact(" ", (Phone("+7900"),)), "value_missing", "contact_name", None, "Contact's name"),
    (lambda: Contact("O", ()), "value_missing", "contact_phone", None, "Contact's phone"),
    (lambda: Contact("O", (Phone("+79001234567"), Phone(" "))), "value_missing", "contact_phone", 2, "phone"),
    (lambda: Contact("O", (Phone("none"),)), "value_invalid", "contact_phone", 1, '"none"'),
    (lambda: Location(90.01, 0), "value_invalid", "latitude", None, "90.01"),
    (lambda: Location(-90.01, 0), "value_invalid", "latitude", None, "−90 to 90"),
    (lambda: Location(0, 180.01), "value_invalid", "longitude", None, "−180 to 180"),
    (lambda: Location(0, -181), "value_invalid", "longitude", None, "-181"),
    (lambda: Location(float("nan"), 0), "value_invalid", "latitude", None, "nan"),
    (lambda: Location(0, float("inf")), "value_invalid", "longitude", None, "inf"),
    (lambda: Template(" "), "value_missing", "template", None, "Template is empty"),
    (lambda: Template(ID, ("a", "")), "template_params", "params", 2, "value 2"),
    (lambda: Template(ID, ("\n\t ",)), "template_params", "params", 1, "value 1"),
    (lambda: MediaHeader("image"), "template_params", "header", None, "an image"),
    (lambda: MediaHeader("video", " ", " "), "template_params", "header", None, "a video"),
    (lambda: MediaHeader("image", URL, "42"), "value_invalid", "header", None, "both"),
    (lambda: MediaHeader("audio", URL), "value_invalid", "header", None, "image, video, document, gif"),
    (lambda: MediaHeader("image", "a.jpg"), "value_invalid", "header", None, '"a.jpg"'),
]  # fmt: skip


@pytest.mark.parametrize(("make", "code", "field", "position", "words"), REFUSED)
def test_what_whatsapp_would_refuse_is_refused_here_in_words(
    make: Callable[[], object], code: str, field: str, position: int | None, words: str
) -> None:
    with pytest.raises(InvalidMessage) as caught:
        make()
    error = caught.value
    assert (error.code, error.field, error.position) == (code, field, position)
    assert words in error.en
    assert str(error) == error.en
    assert re.match(r"Not sent: .+[.:] .+\.$", error.en)
    assert re.match(r"Не отправили: .+[.:] .+\.$", error.ru)


def test_russian_numbers_decline_their_nouns() -> None:
    with pytest.raises(InvalidMessage, match="21 characters") as caught:
        QuickReply("x", (Button("a" * 21),))
    assert caught.value.ru == "Не отправили: название кнопки 1 — 21 знак, можно 20. Сократите текст."
    with pytest.raises(InvalidMessage) as caught:
        Text("a" * 4310)
    assert caught.value.ru == "Не отправили: поле «Текст» — 4\u00a0310 знаков, можно 4\u00a0096. Сократите текст."
    with pytest.raises(InvalidMessage) as caught:
        menu(*(Row(f"r{i}") for i in range(12)))
    assert caught.value.ru == "Не отправили: в списке 12 строк, можно от 1 до 10. Уберите лишние."
    with pytest.raises(InvalidMessage) as caught:
        menu(Row("r" * 32))
    assert "32 знака" in caught.value.ru


def test_rows_with_one_title_are_fine_when_something_else_tells_them_apart() -> None:
    menu(Row("10:00", "Monday"), Row("10:00", "Tuesday"))
    ListMenu("x", "b", (Section("Monday", (Row("10:00"),)), Section("Tuesday", (Row("10:00"),))))
