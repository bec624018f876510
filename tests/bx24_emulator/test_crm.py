"""What CRM methods show, in both shapes, and in which words they refuse."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.bx24_emulator.conftest import PortalDriver


def test_what_people_read_on_an_english_portal_is_english() -> None:
    driver = PortalDriver(lang="en")
    portal = driver.portal
    kept = repr(portal.crm.items) + repr(portal.users) + repr(portal.drive) + repr(portal.open_lines.lines)
    told = [
        driver.result(method, asked)
        for method, asked in (("crm.category.list", {"entityTypeId": 183}), ("crm.type.list", {}))
    ]
    assert re.findall(r"[А-Яа-яЁё]+", kept + repr(told)) == []


@pytest.mark.parametrize(
    ("method", "item_id", "shown"),
    [
        ("crm.deal.get", 1, {"CONTACT_ID": "1", "COMPANY_ID": "1", "OPPORTUNITY": "48500.00", "STAGE_ID": "NEW"}),
        ("crm.deal.get", 4, {"CONTACT_ID": None, "COMPANY_ID": "0"}),
        ("crm.lead.get", 1, {"STATUS_ID": "NEW", "SOURCE_ID": "WEB", "NAME": "Елена"}),
        ("crm.contact.get", 1, {"LAST_NAME": "Никитина", "HAS_PHONE": "Y", "COMPANY_ID": "1"}),
        ("crm.company.get", 2, {"TITLE": "ИП Безномерный", "HAS_PHONE": "N"}),
    ],
)
def test_classic_fields_are_upper_case_strings(
    driver: PortalDriver, method: str, item_id: int, shown: dict[str, Any]
) -> None:
    result = driver.result(method, {"id": item_id})
    assert shown.items() <= result.items()
    assert all(value is None or isinstance(value, (str, list, dict)) for value in result.values())
    assert result["ID"] == str(item_id)


def test_phones_are_missing_when_there_are_none(driver: PortalDriver) -> None:
    assert "PHONE" not in driver.result("crm.contact.get", {"ID": 3})
    assert driver.result("crm.contact.get", {"id": 2})["PHONE"][1] == {
        "ID": "1004",
        "VALUE_TYPE": "MOBILE",
        "VALUE": "8 (916) 222-33-44",
        "TYPE_ID": "PHONE",
    }
    assert "PHONE" not in driver.result("crm.lead.get", {"id": 2})


@pytest.mark.parametrize("item_id", ["", None, "x", 0, -1])
@pytest.mark.parametrize("method", ["crm.deal.get", "crm.contact.get", "crm.deal.contact.items.get"])
def test_classic_errors_have_no_code(driver: PortalDriver, method: str, item_id: Any) -> None:
    answer = driver.rest(method, {"id": item_id})
    assert (answer.status_code, answer.json["error"]) == (400, "")
    assert answer.json["error_description"] == "ID is not defined or invalid."


def test_a_missing_item(driver: PortalDriver) -> None:
    assert driver.rest("crm.company.get", {"id": 99}).json["error_description"] == "Not found"
    assert driver.error("crm.item.get", {"entityTypeId": 2, "id": 99}) == (400, "NOT_FOUND")
    assert driver.error("crm.item.get", {"entityTypeId": 999, "id": 1}) == (400, "NOT_FOUND")
    assert driver.error("crm.item.get", {"id": 1}) == (400, "100")
    assert driver.error("crm.item.get", {"entityTypeId": 2}) == (400, "100")
    # Unlike bizproc, CRM minds the case of its parameters.
    assert driver.error("crm.item.get", {"ENTITYTYPEID": 2, "ID": 1}) == (400, "100")


@pytest.mark.parametrize(
    ("entity", "shown"),
    [
        (1, {"name": "Елена", "hasPhone": "Y"}),
        (2, {"contactId": 1, "contactIds": [1], "companyId": 1, "opportunity": 48500}),
        (3, {"lastName": "Никитина", "companyId": 1}),
        (7, {"contactId": 1, "stageId": "DRAFT"}),
        (31, {"contactId": 1, "companyId": 1}),
        (183, {"contactId": 2, "parentId2": 2, "categoryId": 5}),
    ],
)
def test_items_are_camel_case_and_typed(driver: PortalDriver, entity: int, shown: dict[str, Any]) -> None:
    item = driver.result("crm.item.get", {"entityTypeId": entity, "id": 1})["item"]
    assert shown.items() <= item.items()
    assert ("fm" in item) == (entity in (1, 3, 4))


def test_fm_of_an_item(driver: PortalDriver) -> None:
    item = driver.result("crm.item.get", {"entityTypeId": "3", "id": "1"})["item"]
    assert item["fm"][0] == {"id": 1001, "typeId": "PHONE", "valueType": "MOBILE", "value": "+7 (912) 345-67-89"}


def test_contacts_of_a_deal(driver: PortalDriver) -> None:
    assert driver.result("crm.deal.contact.items.get", {"id": 2}) == [
        {"CONTACT_ID": 2, "SORT": 10, "ROLE_ID": 0, "IS_PRIMARY": "Y"},
        {"CONTACT_ID": 4, "SORT": 20, "ROLE_ID": 0, "IS_PRIMARY": "N"},
    ]
    assert driver.result("crm.deal.contact.items.get", {"id": 4}) == []
    assert driver.result("crm.contact.company.items.get", {"id": 1})[0]["COMPANY_ID"] == 1
    assert driver.result("crm.contact.company.items.get", {"id": 3}) == []


def test_lists_page_by_50(driver: PortalDriver) -> None:
    for number in range(60):
        driver.control("deals", {"title": f"Сделка {number}", "contactId": 4})
    token = driver.access_token()
    first = driver.rest("crm.item.list", {"entityTypeId": 2}, token=token).json
    assert (len(first["result"]["items"]), first["total"], first["next"]) == (50, 65, 50)
    last = driver.rest("crm.item.list", {"entityTypeId": 2, "start": 50, "select": ["id", "title"]}, token=token).json
    assert len(last["result"]["items"]) == 15
    assert "next" not in last
    assert set(last["result"]["items"][0]) == {"id", "title"}
    found = driver.result("crm.item.list", {"entityTypeId": 2, "filter": {"=contactId": 1, "@id": [1, 2]}})
    assert [item["id"] for item in found["items"]] == [1]


def test_directories(driver: PortalDriver) -> None:
    assert driver.result("crm.category.list", {"entityTypeId": 183})["categories"][0]["id"] == 5
    assert driver.result("crm.type.list")["types"][0]["entityTypeId"] == 183
    assert driver.result("crm.status.list")[0]["NAME"] == "Новая"


def test_who_has_this_phone(driver: PortalDriver) -> None:
    find = "crm.duplicate.findbycomm"
    assert driver.result(find, {"type": "PHONE", "values": ["89123456789"]}) == {"CONTACT": [1]}
    assert driver.result(find, {"type": "PHONE", "values": ["+10000000000"]}) == []
    assert driver.error(find, {"type": "FAX", "values": ["1"]}) == (400, "")


HEADERS = {"User-Agent": "test", "Accept": "*/*"}


def test_files_are_downloaded_with_the_token_in_the_link_until_it_expires(driver: PortalDriver) -> None:
    shown = driver.result("crm.deal.get", {"id": 1})["UF_CRM_CONTRACT"]
    modern = driver.result("crm.item.get", {"entityTypeId": 2, "id": 1})["item"]["ufCrmContract"]
    disk = driver.result("disk.file.get", {"id": 602})
    assert (disk["NAME"], disk["SIZE"]) == ("shkaf.png", "69")
    base = driver.portal.base_url
    links = [shown["downloadUrl"], modern["urlMachine"].removeprefix(base), disk["DOWNLOAD_URL"].removeprefix(base)]
    for link in links:
        answer = driver.http("GET", link, headers=HEADERS)
        assert answer.status_code == 200, link
        assert answer.data[:4] in (b"%PDF", b"\x89PNG")
        assert driver.http("GET", link, headers={"User-Agent": "test"}).status_code == 404
    assert driver.http("GET", shown["showUrl"], headers=HEADERS).status_code == 404
    driver.now += 3600
    assert driver.http("GET", links[0], headers=HEADERS).status_code == 404


def test_original_names_of_custom_fields(driver: PortalDriver) -> None:
    item = driver.result("crm.item.get", {"entityTypeId": 2, "id": 1, "useOriginalUfNames": "Y"})["item"]
    assert item["UF_CRM_CONTRACT"]["id"] == 501


def test_disk_refuses(driver: PortalDriver) -> None:
    assert driver.error("disk.file.get", {}) == (400, "ERROR_ARGUMENT")
    assert driver.error("disk.file.get", {"id": 1}) == (400, "ERROR_NOT_FOUND")
    link = driver.result("disk.file.getExternalLink", {"id": 601})
    assert link == "https://acme.example/~pub601"
    assert "Прайс-лист.pdf" in driver.http("GET", "/~pub601").text
    assert driver.http("GET", "/~pub1").status_code == 404
    assert driver.error("disk.file.getExternalLink", {"id": 601}, user=2) == (403, "ACCESS_DENIED")


def test_control_adds_items(driver: PortalDriver) -> None:
    contact = driver.control("deals", {"entityTypeId": 3, "name": "Новый", "phones": ["+7 900 000-00-01"]})["item"]
    deal = driver.control("deals", {"title": "Новая", "contactId": contact["id"]})["item"]
    assert driver.result("crm.contact.get", {"id": contact["id"]})["PHONE"][0]["VALUE"] == "+7 900 000-00-01"
    assert driver.result("crm.deal.get", {"id": deal["id"]})["CONTACT_ID"] == str(contact["id"])


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("stage-robots", {"stage": "NOPE"}, 404),
        ("stage-robots", {}, 400),
        ("stage-robots", {"stage": "NEW", "robots": [{"code": "x", "colour": "red"}]}, 400),
        ("deals/99/move", {"stage": "WON"}, 404),
        ("deals/1/move", {"stage": "NOPE"}, 404),
        ("faults", {"no_such_fault": 1}, 400),
        ("faults", {"html_502": "many"}, 400),
        ("run", {}, 400),
    ],
)
def test_control_refuses_nonsense(driver: PortalDriver, path: str, body: dict[str, Any], status: int) -> None:
    assert driver.control(path, body, status=status)["error"]


def test_control_shows_the_whole_state(driver: PortalDriver) -> None:
    state = driver.control("state")
    assert (state["portal"], state["installed"], len(state["deals"])) == ("https://acme.example", False, 5)
    assert driver.control("portals", {"url": "https://second.example", "lang": "en"})["portal"] == (
        "https://second.example"
    )
    assert len(driver.emulator.portals.all) == 2


def test_a_second_portal_in_process_needs_an_address(driver: PortalDriver) -> None:
    with pytest.raises(ValueError, match="base_url"):
        driver.emulator.add_portal()
    with pytest.raises(ValueError, match="url"):
        driver.emulator.rename(driver.portal)
