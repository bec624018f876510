"""Lists: which filters find what, what is refused, what is left out; duplicates by phone; users and departments."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bx24_emulator.conftest import APP, PortalDriver


def ids(driver: PortalDriver, entity: int = 2, user: int = 1, **params: Any) -> list[int]:
    found = driver.result("crm.item.list", {"entityTypeId": entity, **params}, user=user)
    return [item["id"] for item in found["items"]]


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({">id": 3}, [4, 5]),
        ({">id": ""}, [1, 2, 3, 4, 5]),
        ({">=opportunity": 48500, "<opportunity": 312000}, [1, 3]),
        ({"@id": [1, 4]}, [1, 4]),
        ({"!@id": [1, 4]}, [2, 3, 5]),
        ({"id": ["2", "3"]}, [2, 3]),
        ({"%title": "лофт"}, [2]),
        ({"=%title": "%офиса"}, [3]),
        ({"!%title": "е"}, [2, 4]),
        ({"!contactId": 1}, [2, 3, 4, 5]),
        ({"!=stageId": "NEW"}, []),
        ({"contactIds": 4}, [2]),
        ({"ufCrmExpress": 1}, [1]),
        ({"ufCrmExpress": "Y"}, []),
        ({"UF_CRM_PAYMENT": "71"}, [2]),
        ({"companyId": 1, "0": {"logic": "OR", "0": {"id": 1}, "1": {"id": 2}}}, [1]),
        ({"parentId183": 1}, []),
    ],
)
def test_what_a_filter_finds(driver: PortalDriver, criteria: dict[str, Any], found: list[int]) -> None:
    assert ids(driver, filter=criteria) == found


def test_phones_are_compared_as_they_are_stored(driver: PortalDriver) -> None:
    assert ids(driver, 3, filter={"=phone": "+7 (912) 345-67-89"}) == [1]
    assert ids(driver, 3, filter={"=phone": "+79123456789"}) == []
    assert ids(driver, 3, filter={"hasPhone": "Y"}) == [1, 2, 4]


@pytest.mark.parametrize("criteria", [{"colour": 1}, {">=ufCrmNope": 1}, {"0": {"hasPhone": "Y"}}, {"phone": "1"}])
def test_an_unknown_field_in_a_filter_is_refused(driver: PortalDriver, criteria: dict[str, Any]) -> None:
    answer = driver.rest("crm.item.list", {"entityTypeId": 2, "filter": criteria})
    name = next(iter(criteria.get("0", criteria))).lstrip(">=")
    assert (answer.status_code, answer.json) == (
        400,
        {"error": "INVALID_ARG_VALUE", "error_description": f"Invalid filter: field '{name}' is not allowed in filter"},
    )


def test_start_minus_one_counts_nothing(driver: PortalDriver) -> None:
    for number in range(60):
        driver.control("deals", {"title": f"Сделка {number}"})
    body = driver.rest("crm.item.list", {"entityTypeId": 2, "start": -1, "filter": {">id": 5}}).json
    assert (len(body["result"]["items"]), body["total"], "next" in body) == (50, 0, False)
    assert body["result"]["items"][0]["id"] == 6
    assert ids(driver, order={"id": "desc"})[:2] == [65, 64]
    assert ids(driver, order={"opportunity": "DESC", "id": "ASC"})[:3] == [2, 3, 1]


@pytest.mark.parametrize(
    ("select", "there", "missing"),
    [(["*"], "fm", ""), (None, "lastName", "fm"), (["name", "fm", "nope"], "name", "fm"), (["name"], "id", "lastName")],
)
def test_phones_come_only_with_all_fields(driver: PortalDriver, select: Any, there: str, missing: str) -> None:
    params = {"entityTypeId": 3, **({"select": select} if select else {})}
    item = driver.result("crm.item.list", params)["items"][0]
    assert there in item
    assert missing not in item
    assert "nope" not in item


def test_some_see_only_their_own_items(driver: PortalDriver) -> None:
    driver.control("faults", {"own_items": [3]})
    assert ids(driver, user=3) == [3]
    assert ids(driver, user=2) == [1, 2, 3, 4, 5]
    assert driver.error("crm.item.get", {"entityTypeId": 2, "id": 1}, user=3) == (403, "ACCESS_DENIED")
    assert driver.error("crm.deal.get", {"id": 1}, user=3) == (400, "")


FIND = "crm.duplicate.findbycomm"


def test_duplicates_by_phone(driver: PortalDriver) -> None:
    phone = "+7 900 000-00-01"
    for entity in (1, 3, 4):
        driver.control("deals", {"entityTypeId": entity, "title": "x", "phones": [phone], "emails": ["a@example.com"]})
    assert driver.result(FIND, {"type": "PHONE", "values": ["89000000001"]}) == {
        "LEAD": [3],
        "CONTACT": [5],
        "COMPANY": [3],
    }
    assert driver.result(FIND, {"type": "PHONE", "values": ["89000000001"], "entity_type": "contact"}) == {
        "CONTACT": [5]
    }
    assert driver.result(FIND, {"type": "EMAIL", "values": ["A@example.com"], "entity_type": "LEAD"}) == {"LEAD": [3]}
    assert driver.result(FIND, {"type": "EMAIL", "values": ["89000000001"]}) == [], "a phone is no e-mail"
    beyond = [f"+7901{number:07d}" for number in range(20)]
    assert driver.result(FIND, {"type": "PHONE", "values": [*beyond, phone]}) == [], "only 20 values count"
    for _ in range(20):
        driver.control("deals", {"entityTypeId": 1, "title": "x", "phones": [phone]})
    found = driver.result(FIND, {"type": "PHONE", "values": [phone]})
    assert (list(found), len(found["LEAD"])) == (["LEAD"], 20)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"values": ["1"]}, "Communication type is not defined."),
        ({"type": "FAX", "values": ["1"]}, "Communication type 'FAX' is not supported in current context."),
        ({"type": "PHONE"}, "Communication values is not defined."),
        ({"type": "PHONE", "values": ["1"], "entity_type": "DEAL"}, "Entity type 'DEAL' is not supported"),
    ],
)
def test_duplicates_refuse_with_a_text(driver: PortalDriver, params: dict[str, Any], text: str) -> None:
    answer = driver.rest(FIND, params)
    assert (answer.status_code, answer.json["error"]) == (400, "")
    assert answer.json["error_description"].startswith(text)


def test_users_and_departments(driver: PortalDriver) -> None:
    driver.install(scope=["user_brief", "department"])
    token = driver.access_token()

    def names(**params: Any) -> list[str]:
        return [row["NAME"] for row in driver.result("user.get", params, token=token)]

    assert names() == ["Анна", "Пётр", "Мария"]
    assert names(FILTER={"UF_DEPARTMENT": 2}) == ["Пётр", "Мария"]
    assert names(ID=[1, 3], ORDER="DESC") == ["Мария", "Анна"]
    driver.control("faults", {"dismissed": [2]})
    assert names(FILTER={"ACTIVE": "Y"}) == ["Анна", "Мария"]
    assert [row["UF_HEAD"] for row in driver.result("department.get", token=token)] == ["1", "3"]
    assert driver.result("department.get", {"PARENT": 1}, token=token)[0]["NAME"] == "Отдел продаж"


def test_placements_of_the_crm_keep_no_options(driver: PortalDriver) -> None:
    driver.install()
    known = driver.result("placement.list")
    assert "CRM_CONTACT_ACTIVITY_TIMELINE_MENU" not in known
    assert {"CRM_FUNNELS_TOOLBAR", "CRM_DYNAMIC_183_ACTIVITY_TIMELINE_MENU", "IMMOBILE_CONTEXT_MENU"} <= set(known)
    options = {"OPTIONS": {"useBuiltInInterface": "Y"}}
    for code in ("CRM_DEAL_DETAIL_TAB", "CRM_DEAL_DETAIL_ACTIVITY"):
        driver.result("placement.bind", {"PLACEMENT": code, "HANDLER": f"{APP}/{code}", **options})
    assert [row["options"] for row in driver.result("placement.get")] == [[], {"useBuiltInInterface": "Y"}]
    worker = {"PLACEMENT": "PAGE_BACKGROUND_WORKER", "HANDLER": f"{APP}/worker"}
    assert driver.error("placement.bind", worker) == (400, "EMPTY_ERROR_HANDLER_URL")


def test_thousands_of_items_are_read_by_keyset(driver: PortalDriver) -> None:
    made = driver.control("items/seed", {"count": 3000})
    assert (made["first"], made["last"]) == (6, 3005)
    page = {"start": -1, "order": {"id": "ASC"}}
    assert ids(driver, filter={">id": 2950}, **page) == list(range(2951, 3001))
    assert ids(driver, filter={">id": 2950, "<=id": 2960, "stageId": "NEW"}, **page) == [2954, 2958]
    assert ids(driver, filter={"@id": [3005, 7, 9999], ">id": 7}, **page) == [3005]
    counted = driver.rest("crm.item.list", {"entityTypeId": 2, "filter": {"stageId": "WON"}, "select": ["id"]}).json
    assert counted["total"] == 750
    client = driver.result("crm.item.get", {"entityTypeId": 3, "id": 3004})["item"]
    assert (client["fm"][0]["value"], client["hasPhone"]) == ("+79000003004", "Y")
    del driver.portal.crm.items[2, 2951]
    assert ids(driver, filter={">id": 2950}, **page)[0] == 2952


def test_fields_of_a_type_are_described(driver: PortalDriver) -> None:
    fields = driver.result("crm.item.fields", {"entityTypeId": 2})["fields"]
    told = {code: (fields[code]["type"], fields[code]["upperName"]) for code in ("stageId", "ufCrm_1712043311")}
    assert told == {"stageId": ("crm_status", "STAGE_ID"), "ufCrm_1712043311": ("string", "UF_CRM_1712043311")}
    assert fields["ufCrmPayment"]["items"][0] == {"ID": "71", "VALUE": "Полная оплата"}
    assert (fields["ufCrmColors"]["isMultiple"], fields["ufCrmColors"]["title"]) == (True, "Цвета фасадов")
    rows = driver.result("crm.status.list", {"filter": {"ENTITY_ID": fields["sourceId"]["statusType"]}})
    assert [row["NAME"] for row in rows] == ["Сайт", "Звонок", "Рекомендация"]
