"""The template macro of other products inside a text: read, sent as that template, or refused with the place."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activities.errors import Refused
from activities.macro import Macro, parse
from gupshup.templates import TemplateButton, TemplateInfo
from tests.activities.desk import FILES, FakeDesk, planned, refusal, sent

INFO = TemplateInfo(
    "t-1", "invitation", "ru", "APPROVED", "MARKETING", "IMAGE", body="{{1}}, скидка {{2}}", body_vars=("1", "2"),
    buttons=(
        TemplateButton("QUICK_REPLY", "Хочу"),
        TemplateButton("URL", "Сайт", "https://example.org/{{1}}", has_variable=True),
        TemplateButton("QUICK_REPLY", "Нет"),
    ),
)  # fmt: skip
PLAIN = TemplateInfo("t-2", "payment", "ru", "APPROVED", "UTILITY", "TEXT", body="Оплатите счёт")
DESK = {"invitation": INFO, "payment": PLAIN}
WHOLE = (
    "[template=ru]invitation[/template]\n[body]Ольга[/body][body]15%[/body]\r\n"
    "[header=image]DISK_3283[/header] [buttons=url]path/суффикс[/buttons]"
)


@pytest.mark.parametrize(
    ("text", "macro"),
    [
        ("[template=ru]payment_by_invoice[/template]", Macro("payment_by_invoice", "ru")),
        (
            "[template=ru]kartinka[/template][header=image]DISK_3283[/header]",
            Macro("kartinka", "ru", header="3283", header_kind="image"),
        ),
        (
            "[template=ru]dyn[/template][body]any text[/body][buttons=url]path/suffix[/buttons]",
            Macro("dyn", "ru", ("any text",), button_params=("path/suffix",)),
        ),
        (
            "[template=ru]i[/template][body]Анна[/body][body]15%[/body][header=image]https://a.org/[x].png[/header]",
            Macro("i", "ru", ("Анна", "15%"), "https://a.org/[x].png", "image"),
        ),
        ("  \r\n[template=pt_BR] a \n[/template]\n\n[body] b\nc [/body]\n ", Macro("a", "pt_br", ("b\nc",))),
        ("[TEMPLATE=RU]a[/Template][Body]b[/BODY]", Macro("a", "ru", ("b",))),
        ("[template=en]a[/template][body][/body][body]2[/body]", Macro("a", "en", ("", "2"))),
        ("[template=en]a[/template][header=document][/header]", Macro("a", "en", header_kind="document")),
        ("[template=en]a[/template][body][1] раз[/body]", Macro("a", "en", ("[1] раз",))),
        ("\ufeff[template=en]a[/template]", Macro("a", "en")),
    ],
)
def test_a_macro_is_read(text: str, macro: Macro) -> None:
    assert parse(text) == macro


@pytest.mark.parametrize(
    "text", ["", "Добрый день", "[1] Анна", "[b]важно[/b]", "шаблон template=ru", "[body] and soul"]
)
def test_other_texts_hold_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "line", "column", "fragment", "words"),
    [
        ("Привет! [template=ru]a[/template]", 1, 1, "Привет!", "ничего не должно быть"),
        ("[template=ru]a[/template]\nЖдём вас", 2, 1, "Ждём вас", "ничего не должно быть"),
        ("[template=ru]a[/template] [body]1[/body],\n[body]2[/body]", 1, 41, ",", "ничего не должно быть"),
        ("[template=ru]a", 1, 1, "[template=ru]a", "не закрыт"),
        ("\n\n  [template=ru]a[/template][body]Анна", 3, 28, "[body]Анна", "[body] не закрыт"),
        ("[template=ru]a[/template]\r\n[body]1[body]2[/body]", 2, 8, "[body]2[/body]", "[/body]"),
        ("[template=ru]a[body]1[/body]", 1, 15, "[body]1[/body]", "[/template]"),
        ("[template=ru]a[/template", 1, 15, "[/template", "[/template]"),
        ("template=ru]a[/template]", 1, 1, "template=ru]a[/template]", "ничего не должно быть"),
        ("[body]1[/body][template=ru]a[/template]", 1, 1, "[body]1[/body]", "должен начинаться"),
        ("[body]1[/body]", 1, 1, "[body]1[/body]", "должен начинаться"),
        ("[template]a[/template]", 1, 1, "[template]a[/template]", "язык шаблона"),
        ("[template=]a[/template]", 1, 1, "[template=]a[/template]", "язык шаблона"),
        ("[template=русский]a[/template]", 1, 1, "[template=русский]", "язык шаблона"),
        ("[template=ru] [/template]", 1, 1, "[template=ru] [/template]", "название шаблона"),
        ("[template=ru]a[/template][template=ru]b[/template]", 1, 26, "[template=ru]b", "второй [template]"),
        ("[template=ru]a[/template][header=audio]u[/header]", 1, 26, "[header=audio]", "[header=image]"),
        ("[template=ru]a[/template][header]u[/header]", 1, 26, "[header]u", "[header=image]"),
        (
            "[template=ru]a[/template][header=image]u[/header][header=image]v[/header]", 1, 50, "[header=image]v",
            "второй [header]",
        ),
        ("[template=ru]a[/template][buttons=call]u[/buttons]", 1, 26, "[buttons=call]", "[buttons=url]"),
        ("[template=ru]a[/template][body=1]u[/body]", 1, 26, "[body=1]", "[body]"),
        ("[template=ru]a[/template][footer]u[/footer]", 1, 26, "[footer]u", "ничего не должно быть"),
        ("[ template=ru]a[/template]", 1, 1, "[ template=ru]", "ничего не должно быть"),
    ],
)  # fmt: skip
def test_a_broken_one_is_refused_with_its_place(text: str, line: int, column: int, fragment: str, words: str) -> None:
    error = refusal("send_text", FakeDesk(templates=DESK), text=text)
    assert error.code == "value_invalid"
    assert f"Строка {line}, символ {column}: " in error.text.ru
    assert f"Line {line}, character {column}: " in error.text.en
    assert f"«{fragment}" in error.text.ru
    assert words in error.text.ru


def test_it_is_sent_as_the_template_robot_would() -> None:
    macro = planned("send_text", FakeDesk(templates=DESK), text=WHOLE, until="replied", wait_minutes="5")
    robot = planned(
        "send_template", FakeDesk(templates=DESK), template="invitation", language="ru", params=["Ольга", "15%"],
        header="3283", button_params=["path/суффикс"], until="replied", wait_minutes="5",
    )  # fmt: skip
    assert macro == robot
    assert macro.choices == (("1", "Хочу"), ("2", "Нет"))


def test_the_request_itself() -> None:
    desk = FakeDesk(templates=DESK)
    assert sent("send_text", desk, text=WHOLE) == {
        "template": {"id": "t-1", "params": ["Ольга", "15%", "path/%D1%81%D1%83%D1%84%D1%84%D0%B8%D0%BA%D1%81"]},
        "message": {"type": "image", "image": {"link": f"{FILES}token"}},
        "postbackTexts": [{"index": 0, "text": "1"}, {"index": 1, "text": "2"}],
    }
    assert desk.asked == [("template", "invitation", "ru"), ("file", "3283", "image", "")]


def test_a_template_may_be_sent_while_the_window_is_closed() -> None:
    message = planned("send_text", FakeDesk(templates=DESK), text="[template=ru]payment[/template]").message
    assert message is not None
    assert not message.is_session


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("[template=ru]other[/template]", "template_not_found", "«other»"),
        ("[template=ru]invitation[/template][body]Ольга[/body]", "template_params", "Переменной 2"),
        ("[template=ru]invitation[/template][body][/body][body]15%[/body]", "template_params", "Переменной 1"),
        ("[template=ru]payment[/template][body]x[/body]", "template_params", "«[body]»: 1, переменных в шаблоне: 0"),
        (
            "[template=ru]invitation[/template][body]a[/body][body]b[/body][buttons=url]c[/buttons]",
            "template_params", "поле «[header]» пустое",
        ),
        ("[template=ru]invitation[/template][body]a[/body][body]b[/body]", "template_params", "«[buttons=url]»"),
    ],
)  # fmt: skip
def test_a_macro_that_does_not_fit_its_template(text: str, code: str, words: str) -> None:
    error = refusal("send_text", FakeDesk(templates=DESK), text=text)
    assert error.code == code
    assert words.lower() in error.text.ru.lower()
    assert "Вместо пустой переменной" not in error.text.ru


TAGS = st.sampled_from(
    ["[template=ru]", "[/template]", "[body]", "[/body]", "[header=image]", "[/header]", "[buttons=url]", "[/buttons]",
     "DISK_1", "x", " ", "\n", "[", "]", "/", "template", "[template", "[/body"]
)  # fmt: skip


@given(st.lists(TAGS | st.text(max_size=3), max_size=12).map("".join))
@example("[template=ru]x[/template]" * 2)
def test_whatever_stands_there_it_is_read_refused_or_plain(text: str) -> None:
    with contextlib.suppress(Refused):
        macro = parse(text)
        assert macro.template if macro else "[template" not in text.lower()


VALUE = st.text(st.characters(codec="utf-8", exclude_characters="[]"), max_size=20).map(str.strip)


@given(
    st.text("abc_123", min_size=1, max_size=20), st.lists(VALUE, max_size=4), st.lists(VALUE, max_size=2),
    st.sampled_from(["", "\n", " \r\n\t"]),
)  # fmt: skip
def test_what_is_written_is_what_is_read(name: str, body: list[str], buttons: list[str], gap: str) -> None:
    parts = [f"[template=ru]{name}[/template]", *(f"[body]{value}[/body]" for value in body)]
    parts += [f"[buttons=url]{value}[/buttons]" for value in buttons]
    assert parse(gap.join(parts)) == Macro(name, "ru", tuple(body), button_params=tuple(buttons))


def test_a_long_text_is_read_in_no_time() -> None:
    with pytest.raises(Refused):
        parse("[template=ru]a[/template]" + "[body]" * 20_000)
    assert parse("[template=ru]a[/template]" + "[body]1[/body]" * 5_000)
