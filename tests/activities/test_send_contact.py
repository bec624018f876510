"""Contact cards: of a CRM contact, or typed in."""

from typing import Any

import pytest

from activities.base import Card
from tests.activities.desk import FakeDesk, content, refusal, sent

EXAMPLE = {"contact": "12"}
OLGA = Card(
    "Ольга", "Петрова", ("8 (999) 123-45-67", "+7 495 123-45-67 доб. 12", "101"), ("olga@example.org",), "Ромашка", "Менеджер"
)  # fmt: skip
CARD = {
    "message": {
        "type": "contact",
        "contact": {
            "name": {"firstName": "Ольга", "lastName": "Петрова", "formattedName": "Ольга Петрова"},
            "phones": [
                {"phone": "+79991234567", "type": "WORK", "wa_id": "79991234567"},
                {"phone": "+74951234567 доб. 12", "type": "WORK", "wa_id": "74951234567"},
                {"phone": "101", "type": "WORK"},
            ],
            "emails": [{"email": "olga@example.org", "type": "WORK"}],
            "org": {"company": "Ромашка", "title": "Менеджер"},
        },
    }
}


def test_its_fields() -> None:
    assert content("send_contact") == [
        "contact string", "contact_name string", "contact_phone string", "contact_email string", "contact_company string",
    ]  # fmt: skip


@pytest.mark.parametrize("reference", ["12", " 12 ", "C_12", "CONTACT_12", ["12"], {"0": "12"}])
def test_a_contact_of_crm(reference: Any) -> None:
    desk = FakeDesk(contacts={"12": OLGA, "C_12": OLGA, "CONTACT_12": OLGA})
    assert sent("send_contact", desk, contact=reference) == CARD


def test_the_id_wins_over_typed_fields() -> None:
    desk = FakeDesk(contacts={"12": OLGA})
    typed = {"contact_name": "Иван", "contact_phone": "+79130000000", "contact_company": "Другая"}
    assert sent("send_contact", desk, contact="12", **typed) == CARD


def test_a_missing_contact_is_not_replaced_by_typed_fields() -> None:
    assert refusal("send_contact", contact="13", contact_name="Иван", contact_phone="1").code == "contact_not_found"


def test_typed_fields() -> None:
    assert sent(
        "send_contact", contact_name=" Иван  Ильин ", contact_phone="8 913 765-43-21; +7 999 123 45 67, 8 (913) 765 43 21",
        contact_email="a@example.org, b@example.org", contact_company="Ромашка",
    )["message"]["contact"] == {
        "name": {"firstName": "Иван Ильин", "formattedName": "Иван Ильин"},
        "phones": [
            {"phone": "+79137654321", "type": "WORK", "wa_id": "79137654321"},
            {"phone": "+79991234567", "type": "WORK", "wa_id": "79991234567"},
        ],
        "emails": [{"email": "a@example.org", "type": "WORK"}, {"email": "b@example.org", "type": "WORK"}],
        "org": {"company": "Ромашка"},
    }  # fmt: skip


@pytest.mark.parametrize("empty", ["", " ", "0", "C_0", "CONTACT_0", None, []])
def test_an_empty_contact_field_means_typed(empty: Any) -> None:
    desk = FakeDesk()
    assert sent("send_contact", desk, contact=empty, contact_name="Иван", contact_phone="+79137654321")
    assert desk.asked == []


def test_national_numbers_are_of_the_portals_country() -> None:
    desk = FakeDesk(region="DE")
    phones = sent("send_contact", desk, contact_name="Olga", contact_phone="01512 3456789")["message"]["contact"][
        "phones"
    ]
    assert phones == [{"phone": "+4915123456789", "type": "WORK", "wa_id": "4915123456789"}]


@pytest.mark.parametrize(
    ("card", "name"),
    [
        (Card("Ольга", "", ("+79991234567",)), {"firstName": "Ольга", "formattedName": "Ольга"}),
        (Card("", "Петрова", ("+79991234567",)), {"lastName": "Петрова", "formattedName": "Петрова"}),
        (Card("", "", ("+79991234567",), company="Ромашка"), {"firstName": "Ромашка", "formattedName": "Ромашка"}),
        (Card("", "", ("+79991234567",)), {"firstName": "+79991234567", "formattedName": "+79991234567"}),
    ],
)
def test_a_card_always_has_a_name(card: Card, name: dict[str, str]) -> None:
    assert sent("send_contact", FakeDesk(contacts={"1": card}), contact="1")["message"]["contact"]["name"] == name


@pytest.mark.parametrize(
    ("raw", "code", "words"),
    [
        ({}, "value_missing", "«Контакт»"),
        ({"contact": "0"}, "value_missing", "«Контакт»"),
        ({"contact_email": "a@example.org"}, "value_missing", "«Контакт»"),
        ({"contact_name": "Иван"}, "value_missing", "«Телефон контакта»"),
        ({"contact_phone": "+79137654321"}, "value_missing", "«Имя контакта»"),
        ({"contact_name": "Иван", "contact_phone": "позже"}, "value_invalid", "«позже»"),
        ({"contact_name": "Иван", "contact_phone": "+79137654321", "contact_email": "нет"}, "value_invalid", "«нет»"),
    ],
)
def test_what_is_missing_or_wrong_is_named(raw: dict[str, str], code: str, words: str) -> None:
    error = refusal("send_contact", **raw)
    assert error.code == code
    assert words in error.text.ru


def test_a_crm_contact_without_a_number_is_refused() -> None:
    desk = FakeDesk(contacts={"1": Card("Ольга", "", ("нет телефона",))})
    assert refusal("send_contact", desk, contact="1").code == "value_missing"
