"""What the picker of a settings page offers, from what Bitrix24 tells about the document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bx24.fields_catalogue import Group, Item, groups

DEAL = ["crm", "CCrmDocumentDeal", "DEAL"]
FIELDS: dict[str, Any] = {
    "ID": {"Name": "ID", "Type": "int"},
    "TITLE": {"Name": "Название", "Type": "string"},
    "OPPORTUNITY": {"Name": "Сумма", "Type": "double"},
    "ASSIGNED_BY_ID": {"Name": "Ответственный", "Type": "user"},
    "ASSIGNED_BY_PRINTABLE": {"Name": "Ответственный (текст)", "Type": "string"},
    "ASSIGNED_BY.EMAIL": {"Name": "Ответственный: E-mail", "Type": "string"},
    "ORIGIN_ID": {"Name": "Внешний код", "Type": "string"},
    "UF_CRM_CONTRACT": {"Name": "Договор", "Type": "file"},
    "UF_CRM_CONTRACT_PRINTABLE": {"Name": "Договор (текст)", "Type": "string"},
    "UF_CRM_ORDER_ID": {"Name": "Номер заказа", "Type": "string"},
    "CONTACT.NAME": {"Name": "Контакт: Имя", "Type": "string"},
    "CONTACT.PHONE": {"Name": "Контакт: Телефон", "Type": "phone", "Multiple": True},
    "CONTACT.PHONE_PRINTABLE": {"Name": "Контакт: Телефон (текст)", "Type": "string", "Multiple": "N"},
    "COMPANY.TITLE": {"Name": "Компания: Название", "Type": "string"},
}


def by_id(found: list[Group]) -> dict[str, list[str]]:
    return {group.id: [item.id for item in group.items] for group in found}


def item_of(found: list[Group], id: str, group: str | None = None) -> Item:
    return next(item for part in found if group in (None, part.id) for item in part.items if item.id == id)


def test_the_groups_of_a_deal_in_their_order() -> None:
    found = groups(FIELDS, [], DEAL, "ru")
    assert [(group.id, group.title) for group in found] == [
        ("frequent", "Часто"),
        ("client", "Клиент"),
        ("item", "Сделка"),
        ("all", "Все поля"),
    ]
    assert by_id(found) == {
        "frequent": ["CONTACT.NAME", "TITLE", "OPPORTUNITY", "ASSIGNED_BY_PRINTABLE", "CONTACT.PHONE_PRINTABLE"],
        "client": ["CONTACT.NAME", "CONTACT.PHONE_PRINTABLE", "COMPANY.TITLE"],
        "item": ["ID", "TITLE", "OPPORTUNITY", "ASSIGNED_BY_PRINTABLE", "UF_CRM_CONTRACT", "UF_CRM_ORDER_ID"],
        "all": ["ASSIGNED_BY_ID", "ASSIGNED_BY.EMAIL", "ORIGIN_ID", "UF_CRM_CONTRACT_PRINTABLE", "CONTACT.PHONE"],
    }


def test_an_item_as_the_page_gets_it() -> None:
    client = next(group for group in groups(FIELDS, [], DEAL, "ru") if group.id == "client").to_dict()
    assert json.loads(json.dumps(client))["items"][0] == {
        "expression": "{=Document:CONTACT.NAME}",
        "id": "CONTACT.NAME",
        "name": "Контакт: Имя",
        "type": "string",
        "multiple": False,
        "technical": False,
        "twin": "",
    }


def test_a_field_and_its_printable_twin_are_one_thing() -> None:
    found = groups(FIELDS, [], DEAL, "ru")
    phone = item_of(found, "CONTACT.PHONE_PRINTABLE")
    assert (phone.name, phone.type, phone.multiple, phone.technical) == ("Контакт: Телефон", "phone", True, False)
    assert phone.expression == "{=Document:CONTACT.PHONE_PRINTABLE}"
    assert phone.twin == "{=Document:CONTACT.PHONE}"
    person = item_of(found, "ASSIGNED_BY_PRINTABLE")
    assert (person.name, person.type, person.twin) == ("Ответственный", "user", "{=Document:ASSIGNED_BY_ID}")
    file = item_of(found, "UF_CRM_CONTRACT")
    assert (file.expression, file.twin) == (
        "{=Document:UF_CRM_CONTRACT}",
        "{=Document:UF_CRM_CONTRACT_PRINTABLE}",
    )
    assert item_of(found, "CONTACT.PHONE").technical
    assert item_of(found, "UF_CRM_CONTRACT_PRINTABLE").technical


def test_a_printable_field_alone_is_an_ordinary_one() -> None:
    found = groups({"ASSIGNED_BY_PRINTABLE": {"Name": "Responsible (text)", "Type": "string"}}, [], DEAL)
    assert not item_of(found, "ASSIGNED_BY_PRINTABLE", "item").technical


@pytest.mark.parametrize(
    ("id", "kind", "technical"),
    [
        ("ID", "int", False),
        ("ORIGIN_ID", "string", True),
        ("XML_ID", "string", True),
        ("CONTACT_ID", "int", True),
        ("CONTACT.ID", "int", True),
        ("CONTACT_IDS", "int", True),
        ("STAGE_ID", "select", False),
        ("UF_CRM_ORDER_ID", "string", False),
        ("VALID", "string", False),
        ("UTM_SOURCE", "string", False),
    ],
)
def test_what_is_technical(id: str, kind: str, technical: bool) -> None:
    found = groups({id: {"Name": "x", "Type": kind}}, None, DEAL)
    assert item_of(found, id).technical is technical
    assert any(group.id == "all" for group in found) is technical


def test_what_the_portal_uses_most_comes_first_and_eight_at_most() -> None:
    fields = FIELDS | {f"UF_{n}": {"Name": f"Поле {n}", "Type": "string"} for n in range(20)}
    learnt = ["UF_7", "GONE", "CONTACT.PHONE", *(f"UF_{n}" for n in range(20))]
    first = by_id(groups(fields, [], DEAL, "ru", learnt=learnt))["frequent"]
    assert first == ["UF_7", "CONTACT.PHONE_PRINTABLE", "UF_0", "UF_1", "UF_2", "UF_3", "UF_4", "UF_5"]


def test_steps_variables_and_constants() -> None:
    template = {
        "PARAMETERS": {"P": {"NAME": {"RU": "Параметр", "EN": "Parameter"}, "TYPE": "string"}},
        "variables": {"V": {"Name": "Скидка", "Type": "double"}},
        "constants": {"C": {"Name": "", "Type": "string"}},
        "global_variables": {"Variable1": {"Name": "Курс", "Multiple": "Y"}},
        "GlobalConstants": {"Constant1": {"Name": "Адрес"}},
        "return_activities": [
            {"Id": "A1_2", "Title": "Запрос", "Return": [{"Id": "code", "Name": "Код", "Type": "int"}]},
            {"Id": "A2_2", "Title": "Отправить", "Return": {"0": {"Id": "status", "Name": "Статус"}}},
            {"Id": "A3_2", "Title": "Отправить", "Return": [{"Id": "status", "Name": "Статус"}]},
        ],
    }
    steps, variables = groups([], template, DEAL, "ru", own={"status"})
    assert [(item.expression, item.name) for item in steps.items] == [
        ("{=A2_2:status}", "Отправить: Статус"),
        ("{=A3_2:status}", "Отправить (2): Статус"),
        ("{=A1_2:code}", "Запрос: Код"),
    ]
    assert [(item.expression, item.name, item.multiple) for item in variables.items] == [
        ("{=Template:P}", "Параметр", False),
        ("{=Variable:V}", "Скидка", False),
        ("{=Constant:C}", "C", False),
        ("{=GlobalVar:Variable1}", "Курс", True),
        ("{=GlobalConst:Constant1}", "Адрес", False),
    ]


@pytest.mark.parametrize(
    ("document_type", "lang", "title"),
    [
        (DEAL, "ru", "Сделка"),
        (["crm", "CCrmDocumentLead", "LEAD"], "ua", "Лид"),
        ({"0": "crm", "1": "x", "2": "COMPANY"}, "en", "Company"),
        (["crm", "x", "DYNAMIC_183"], "de", "Item"),
        ([], "ru", "Элемент"),
        (None, None, "Item"),
        (["crm", "x", {"a": 1}], "ru", "Элемент"),
    ],
)
def test_the_group_of_the_item_bears_its_kind(document_type: Any, lang: str | None, title: str) -> None:
    found = groups({"UF_X": {"Name": "x"}}, [], document_type, lang)
    assert [(group.id, group.title) for group in found] == [("item", title)]


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ({"NAME": "Имя"}, "Имя"),
        ({"name": {"ru": "Имя", "en": "Name"}}, "Имя"),
        ({"Name": {"EN": "Name", "DE": "Vorname"}}, "Name"),
        ({"Name": {"DE": "Vorname"}}, "Vorname"),
        ({"Name": []}, "UF_X"),
        ({"Name": 5}, "UF_X"),
        ({"Name": " a\n b "}, "a b"),
        ({"Name": "ж" * 999}, "ж" * 255),
        ({}, "UF_X"),
    ],
)
def test_names_however_they_come(description: dict[str, Any], name: str) -> None:
    assert item_of(groups({"UF_X": description}, [], DEAL, "ru"), "UF_X").name == name


@pytest.mark.parametrize("empty", [None, [], {}, "", "x", 0, [[]], [None], {"A": None}, {"A": []}, {5: {"Id": []}}])
def test_nothing_gives_nothing(empty: Any) -> None:
    assert groups(empty, empty, empty, "ru") == []
    assert groups(empty, {"variables": empty, "return_activities": empty, "constants": empty}) == []


@pytest.mark.parametrize("id", ["A}{=Document:B", "A B", "A>x", "", "Ж", "A\n", "x" * 256])
def test_an_id_the_host_would_not_evaluate_is_left_out(id: str) -> None:
    assert groups({id: {"Name": "x"}}, {"variables": {id: {"Name": "x"}}}, DEAL) == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["Name", "TYPE", "Id", "Multiple", "A", "A_PRINTABLE", "Return", "return_activities", "0"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(fields=_JSON, template=_JSON, document_type=_JSON, learnt=st.lists(st.text(max_size=3), max_size=3))
def test_whatever_comes_is_read_or_left_out(fields: Any, template: Any, document_type: Any, learnt: list[str]) -> None:
    found = groups(fields, template, document_type, "ru", learnt=learnt)
    assert json.dumps([group.to_dict() for group in found])
    assert all(group.items for group in found)
