"""Templates: files as headers, what a tap on their buttons means, and what cannot be sent."""

from typing import Any

import pytest

from activities.base import Shared
from gupshup.templates import TemplateButton, TemplateCard, TemplateInfo
from tests.activities.desk import FILES, FakeDesk, content, planned, refusal, sent

EXAMPLE = {"template": "promo", "params": ["a"], "button_params": ["b"], "header": "1"}
URL = f"{FILES}token"


def info(kind: str = "TEXT", **parts: Any) -> TemplateInfo:
    return TemplateInfo("t-1", "promo", "ru", "APPROVED", "MARKETING", kind, **parts)


def desk(kind: str = "TEXT", **parts: Any) -> FakeDesk:
    return FakeDesk(templates={"promo": info(kind, **parts)})


def test_its_fields() -> None:
    assert content("send_template") == [
        "template string!", "language string", "params string*", "header string", "button_params string*", "if_empty string",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "asked", "message"),
    [
        ("IMAGE", "image", {"type": "image", "image": {"link": URL}}),
        ("VIDEO", "video", {"type": "video", "video": {"link": URL}}),
        ("DOCUMENT", "document", {"type": "document", "document": {"link": URL, "filename": "price.pdf"}}),
        ("GIF", "video", {"type": "gif", "gif": {"link": URL}}),
    ],
)
def test_a_file_header_comes_from_the_desk(kind: str, asked: str, message: dict[str, Any]) -> None:
    table = desk(kind)
    assert sent("send_template", table, template="promo", header=" UF_CRM_1 ") == {
        "template": {"id": "t-1", "params": []},
        "message": message,
    }
    assert table.asked[1] == ("file", "UF_CRM_1", asked, "")


def test_a_documents_name_is_the_desks() -> None:
    table = desk("DOCUMENT")
    table.shared = Shared("document", URL, "Счёт 5.pdf", "application/pdf", 5)
    assert sent("send_template", table, template="promo", header="1")["message"]["document"]["filename"] == "Счёт 5.pdf"


@pytest.mark.parametrize("kind", ["IMAGE", "VIDEO", "DOCUMENT", "GIF"])
def test_a_media_template_without_its_file_is_refused(kind: str) -> None:
    error = refusal("send_template", desk(kind), template="promo")
    assert error.code == "template_params"
    assert "поле «Файл заголовка» пустое" in error.text.ru


def test_a_header_for_a_template_without_is_left_out() -> None:
    table = desk()
    assert "message" not in sent("send_template", table, template="promo", header="https://example.org/a.jpg")
    assert table.asked == [("template", "promo", "")]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (desk("CAROUSEL"), "карусель"),
        (desk(card_vars=1), "карусель"),
        (desk("CAROUSEL", cards=(TemplateCard("IMAGE"), TemplateCard("VIDEO"))), "карусель"),
        (desk("CAROUSEL", cards=(TemplateCard("PRODUCT"),) * 2), "карусель"),
        (desk(cards=(TemplateCard("IMAGE"),) * 2), "карусель"),
        (desk("PRODUCT"), "список товаров"),
        (desk("CATALOG"), "каталог"),
        (desk(buttons=(TemplateButton("MPM", "Товары"),)), "список товаров"),
        (desk(buttons=(TemplateButton("QUICK_REPLY", "Да"), TemplateButton("CATALOG", "Каталог"))), "каталог"),
        (desk(buttons=(TemplateButton("ORDER_DETAILS", "Оплатить"),)), "данные заказа"),
        (desk(is_offer=True), "предложение с ограниченным сроком"),
    ],
)
def test_what_cannot_be_sent_is_said(table: FakeDesk, words: str) -> None:
    error = refusal("send_template", table, template="promo", header="https://example.org/a.jpg")
    assert error.code == "template_params"
    assert words in error.text.ru


@pytest.mark.parametrize(
    ("header", "location"),
    [
        ("54.9885, 73.3686", {"longitude": 73.3686, "latitude": 54.9885}),
        ("54,9885; 73,3686", {"longitude": 73.3686, "latitude": 54.9885}),
        ("-33.5, 0|Офис", {"longitude": 0, "latitude": -33.5, "name": "Офис"}),
        (
            "54.9, 73.3 | Офис | ул. Ленина, 1",
            {"longitude": 73.3, "latitude": 54.9, "name": "Офис", "address": "ул. Ленина, 1"},
        ),
        (
            "54.9, 73.3\nОфис\nул. Ленина, 1",
            {"longitude": 73.3, "latitude": 54.9, "name": "Офис", "address": "ул. Ленина, 1"},
        ),
        ("Омск, Ленина 1|54.9;73.3|12", {"longitude": 73.3, "latitude": 54.9, "name": "Омск, Ленина 1"}),
        ("(54.9° −73.3°)", {"longitude": -73.3, "latitude": 54.9}),
    ],
)
def test_a_point_on_the_map_is_read_out_of_the_header(header: str, location: dict[str, Any]) -> None:
    table = desk("LOCATION")
    assert sent("send_template", table, template="promo", header=header) == {
        "template": {"id": "t-1", "params": []},
        "message": {"type": "location", "location": location},
    }
    assert table.asked == [("template", "promo", "")], "no file is fetched"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "54.9885, 73.3686|Офис|ул. Ленина, 1"),
        ("Омск, Ленина 1", "её нет"),
        ("https://maps.example/1", "её нет"),
        ("91, 0", "90"),
        ("0, -181", "180"),
        ("54.9, 73.3|" + "x" * 1001, "1000"),
    ],
)
def test_a_header_that_is_no_point_is_refused_at_its_field(header: str, words: str) -> None:
    error = refusal("send_template", desk("LOCATION"), template="promo", header=header)
    assert (error.at, words in error.text.ru.replace("\u00a0", "")) == ("header", True), error.text.ru


SHOP = TemplateButton("URL", "Купить", "https://a.org/{{1}}", has_variable=True)
CARD = TemplateCard("IMAGE", "{{1}} за {{2}}", (SHOP, TemplateButton("QUICK_REPLY", "Нет")), ("1", "2"))


def cards(count: int = 2, **parts: Any) -> FakeDesk:
    return desk("CAROUSEL", body="{{1}}, смотрите", body_vars=("1",), cards=(CARD,) * count, **parts)


def test_a_carousel_takes_its_values_card_by_card_and_a_file_for_each() -> None:
    table = cards()
    values = {"params": ["Ольга", "Стол", "5", "Шкаф", "7"], "button_params": ["a", "б"]}
    form = sent("send_template", table, template="promo", header="https://a.org/1.jpg | 12", **values)
    assert form["template"]["params"] == ["Ольга", "Стол", "5", "a", "Шкаф", "7", "%D0%B1"]
    assert form["message"] == {"type": "carousel", "cardHeaderType": "IMAGE", "cards": [{"link": URL}, {"link": URL}]}
    assert table.asked[1:] == [("file", "https://a.org/1.jpg", "image", ""), ("file", "12", "image", "")]
    again = cards()
    sent("send_template", again, template="promo", header="5\n5", **values)
    assert len(again.asked) == 2, "a file of two cards is fetched once"


def test_what_is_missing_or_too_long_in_a_carousel_is_said() -> None:
    values = {"params": ["Ольга", "Стол", "5", "Шкаф", "7"], "button_params": ["a", "b"], "header": "1|2"}
    for lacking, at in (({"params": ["Ольга"]}, "params"), ({"button_params": ["a"]}, "button_params")):
        assert refusal("send_template", cards(), template="promo", **(values | lacking)).at == at
    for header in ("", "1", "1|2|3"):
        error = refusal("send_template", cards(), template="promo", **(values | {"header": header}))
        assert (error.code, error.at, "карточек: 2" in error.text.ru) == ("template_params", "header", True)
    assert sent("send_template", cards(), template="promo", **(values | {"params": ["О", "x" * 155, "5", "Ш", "7"]}))
    error = refusal(
        "send_template", cards(), template="promo", **(values | {"params": ["О", "x" * 156, "5", "Ш", "7"]})
    )
    assert (error.code, "карточка 1" in error.text.ru) == ("text_too_long", True)


def test_no_file_is_fetched_for_a_template_with_wrong_values() -> None:
    table = desk("IMAGE", body="{{1}}", body_vars=("1",))
    assert refusal("send_template", table, template="promo", header="1").code == "template_params"
    assert table.asked == [("template", "promo", "")]


def test_quick_replies_send_back_their_position() -> None:
    buttons = (TemplateButton("URL", "Сайт", "https://a.org"), TemplateButton("QUICK_REPLY", "Да"),
               TemplateButton("QUICK_REPLY", "Нет"))  # fmt: skip
    table = desk(buttons=buttons)
    assert sent("send_template", table, template="promo")["postbackTexts"] == [
        {"index": 0, "text": "1"},
        {"index": 1, "text": "2"},
    ]
    assert planned("send_template", table, template="promo").choices == (("1", "Да"), ("2", "Нет"))


def test_a_template_without_them_has_no_choices() -> None:
    assert planned("send_template", desk(), template="promo").choices == ()


def test_the_tail_of_a_link_is_made_ready_for_a_browser() -> None:
    url = TemplateButton("URL", "Сайт", "https://a.org/{{1}}", has_variable=True)
    params = sent("send_template", desk(buttons=(url,)), template="promo", button_params="заказ 5")["template"][
        "params"
    ]
    assert params == ["%D0%B7%D0%B0%D0%BA%D0%B0%D0%B7%205"]


@pytest.mark.parametrize(("code", "outcome"), [("x" * 15, None), ("x" * 16, "text_too_long")])
def test_a_code_to_copy_has_a_limit(code: str, outcome: str | None) -> None:
    table = desk(buttons=(TemplateButton("COPY_CODE", "Код", has_variable=True),))
    if outcome is None:
        assert sent("send_template", table, template="promo", button_params=[code])
    else:
        assert refusal("send_template", table, template="promo", button_params=[code]).code == outcome


@pytest.mark.parametrize(("length", "outcome"), [(1014, None), (1015, "text_too_long")])
def test_body_with_values_has_a_limit(length: int, outcome: str | None) -> None:
    table = desk(body="Ждём вас, {{1}}"[:10] + "{{1}}", body_vars=("1",))
    if outcome is None:
        assert sent("send_template", table, template="promo", params=["x" * length])
    else:
        assert refusal("send_template", table, template="promo", params=["x" * length]).code == outcome


def test_a_template_nobody_can_look_up_is_tried_by_its_id() -> None:
    table = FakeDesk(is_listed=False)
    form = sent("send_template", table, template="t-9", params=["[2] b", "[1] a"], button_params=["c"])
    assert form == {"template": {"id": "t-9", "params": ["a", "b", "c"]}}
    assert planned("send_template", table, template="t-9").choices == ()


def test_its_header_cannot_be_known() -> None:
    error = refusal("send_template", FakeDesk(is_listed=False), template="t-9", header="https://a.org/a.jpg")
    assert error.code == "template_not_found"
