"""Lists: the lines of `items`, every limit, the JSON for Gupshup, and what a choice means."""

from typing import Any

import pytest

from activities.send_list import parse
from gupshup.messages import Row, Section
from tests.activities.desk import content, planned, refusal, sent

EXAMPLE = {"text": "?", "button": "Выбрать", "items": "# A\nОдин|два|три"}
ASK = {"text": "Что вас интересует?", "button": "Выбрать", "items": "Ремонт\nЗамер"}


def test_its_fields() -> None:
    assert content("send_list") == ["header string", "text string!", "footer string", "button string!", "items text!"]


def test_the_whole_message() -> None:
    items = "# Ремонт\nТелефон|От 1 дня|phone\nНоутбук|От 3 дней\n# Другое\nЗамер||visit\nВопрос"
    assert sent("send_list", header="Услуги", text="Что нужно?", footer="9–18", button="Выбрать", items=items) == {
        "message": {
            "type": "list",
            "title": "Услуги",
            "body": "Что нужно?",
            "footer": "9–18",
            "msgid": "run-7",
            "globalButtons": [{"type": "text", "title": "Выбрать"}],
            "items": [
                {
                    "title": "Ремонт",
                    "subtitle": "",
                    "options": [
                        {"type": "text", "title": "Телефон", "description": "От 1 дня", "postbackText": "phone"},
                        {"type": "text", "title": "Ноутбук", "description": "От 3 дней", "postbackText": "2"},
                    ],
                },
                {
                    "title": "Другое",
                    "subtitle": "",
                    "options": [
                        {"type": "text", "title": "Замер", "postbackText": "visit"},
                        {"type": "text", "title": "Вопрос", "postbackText": "4"},
                    ],
                },
            ],
        }
    }


def test_a_choice_means_the_id_else_the_position_in_the_whole_list() -> None:
    plan = planned("send_list", **{**ASK, "items": "# A\nОдин|x|one\nДва\n# B\nТри"})
    assert plan.choices == (("one", "Один"), ("2", "Два"), ("3", "Три"))


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("Один", [Section("", (Row("Один"),))]),
        ("\r\n Один \r\n\r\nДва\r\n", [Section("", (Row("Один"), Row("Два")))]),
        ("#A\nОдин", [Section("A", (Row("Один"),))]),
        ("#  A \nОдин", [Section("A", (Row("Один"),))]),
        ("Один\n# A\nДва", [Section("", (Row("Один"),)), Section("A", (Row("Два"),))]),
        ("Один | подробнее | id-1 ", [Section("", (Row("Один", "подробнее", "id-1"),))]),
        ("Один|", [Section("", (Row("Один"),))]),
        ("Один||", [Section("", (Row("Один"),))]),
        ("Место #1|C# и Go", [Section("", (Row("Место #1", "C# и Go"),))]),
        ("# A", [Section("A", ())]),
        ("", []),
    ],
)
def test_how_lines_are_read(text: str, sections: list[Section]) -> None:
    assert list(parse(text)) == sections


TEN = "\n".join(f"Строка {n}" for n in range(1, 11))


@pytest.mark.parametrize(
    "raw",
    [
        {"text": "x" * 1024}, {"header": "x" * 60}, {"footer": "x" * 60}, {"button": "x" * 20}, {"items": TEN},
        {"items": "x" * 24 + "|" + "y" * 72 + "|" + "z" * 200}, {"items": f"# {'s' * 24}\nОдин"}, {"items": "#\nОдин"},
        {"items": "10:00|Пн\n10:00|Вт"}, {"items": "# A\n10:00\n# B\n10:00"},
        {"items": "\n".join(f"# {n}\nСтрока {n}" for n in range(10))},
    ],
)  # fmt: skip
def test_inside_the_limits(raw: dict[str, str]) -> None:
    assert sent("send_list", **{**ASK, **raw})


@pytest.mark.parametrize(
    ("raw", "code", "words"),
    [
        ({"text": "x" * 1025}, "text_too_long", "«Текст»"),
        ({"header": "x" * 61}, "text_too_long", "«Заголовок»"),
        ({"footer": "x" * 61}, "text_too_long", "«Нижняя строка»"),
        ({"button": "x" * 21}, "text_too_long", "«Кнопка списка»"),
        ({"text": ""}, "value_missing", "«Текст»"),
        ({"button": " "}, "value_missing", "«Кнопка списка»"),
        ({"items": " \n "}, "value_missing", "«Строки списка»"),
        ({"items": "# A"}, "list_invalid", "0 строк, можно от 1 до 10"),
        ({"items": TEN + "\nЕщё"}, "list_invalid", "11 строк, можно от 1 до 10"),
        ({"items": "Один\n" + "x" * 25}, "text_too_long", "название строки 2 — 25 знаков, можно 24"),
        ({"items": "Один|" + "x" * 73}, "text_too_long", "описание строки 1 — 73 знака, можно 72"),
        ({"items": "Один||" + "x" * 201}, "list_invalid", "id строки 1 — 201 знак, можно 200"),
        ({"items": f"# {'s' * 25}\nОдин"}, "text_too_long", "название раздела 1 — 25 знаков, можно 24"),
        ({"items": "Один\n# A\nДва"}, "list_invalid", "у раздела 1 нет названия"),
        ({"items": "# A\nОдин\n#\nДва"}, "list_invalid", "у раздела 2 нет названия"),
        ({"items": "# A\nОдин\n# B"}, "list_invalid", "в разделе 2 «B» нет строк"),
        ({"items": "# A\n# B\nОдин"}, "list_invalid", "в разделе 1 «A» нет строк"),
        ({"items": "Один\n|описание"}, "list_invalid", "у строки 2 в списке нет названия"),
        ({"items": "Один\nДва|a|b|c"}, "list_invalid", "в строке 2 списка больше двух черт"),
        ({"items": "Один\nОдин"}, "list_invalid", "две одинаковые строки «Один»"),
        ({"items": "Один||a\nДва||a"}, "list_invalid", "id «a» встречается дважды"),
        ({"items": "Один||2\nДва"}, "list_invalid", "id «2» встречается дважды"),
    ],
)  # fmt: skip
def test_beyond_them_the_fault_is_named(raw: dict[str, Any], code: str, words: str) -> None:
    error = refusal("send_list", **{**ASK, **raw})
    assert error.code == code
    assert words in error.text.ru.replace("\u00a0", " ")
    assert error.text.en != error.text.ru
