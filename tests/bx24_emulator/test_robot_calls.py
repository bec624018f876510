"""The POST a robot makes: every field, PHP's vanishing empties, values by type, expressions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from bx24.emulator.state.workflow import PlacedRobot
from tests.bx24_emulator.conftest import AUTH, PORTAL, ROBOT, PortalDriver

FIXTURES = Path(__file__).parents[1] / "fixtures" / "bx24"


def run_robot(driver: PortalDriver, values: dict[str, Any], deal: int = 1, **extra: Any) -> dict[str, str]:
    """Run a robot and return the form of its call."""
    driver.start_workflow(PlacedRobot("robot.say", values, **extra), deal=deal)
    driver.advance_clock()
    return driver.inbox.last.form


def test_every_field_of_a_call(driver: PortalDriver, robot: str) -> None:
    values = {"text": "Здравствуйте, {=Document:CONTACT.NAME}!\nЖдём.", "params": ["a & b", "#2"], "once": "1"}
    form = run_robot(driver, values, title="Сказать", name="A11_22_33_44", timeout_s=3600)
    auth = {key: form.pop(key) for key in list(form) if key.startswith("auth[")}
    token = form.pop("event_token")
    workflow_id = form.pop("workflow_id")
    assert re.fullmatch(r"[0-9a-f]{14}\.\d{8}", workflow_id)
    assert re.fullmatch(re.escape(workflow_id) + r"\|A11_22_33_44\|[A-Za-z0-9]{32}\.[0-9a-f]{64}", token)
    assert form == {
        "code": "robot.say",
        "document_id[0]": "crm",
        "document_id[1]": "CCrmDocumentDeal",
        "document_id[2]": "DEAL_1",
        "document_type[0]": "crm",
        "document_type[1]": "CCrmDocumentDeal",
        "document_type[2]": "DEAL",
        "properties[text]": "Здравствуйте, Ольга!\nЖдём.",
        "properties[params][0]": "a & b",
        "properties[params][1]": "#2",
        "properties[once]": "Y",
        "use_subscription": "Y",
        "timeout_duration": "3600",
        "ts": "1790000000",
    }
    assert auth.pop("auth[access_token]") != auth.pop("auth[refresh_token]")
    assert auth == {
        "auth[expires]": "1790003600",
        "auth[expires_in]": "3600",
        "auth[scope]": "bizproc,crm,disk,im,placement,user_brief",
        "auth[domain]": "acme.example",
        "auth[client_endpoint]": f"{PORTAL}/rest/",
        "auth[server_endpoint]": f"{AUTH}/rest/",
        "auth[member_id]": driver.portal.member_id,
        "auth[status]": "L",
        "auth[user_id]": "1",
        "auth[application_token]": driver.portal.installation.application_token,
    }
    assert driver.inbox.last.headers["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {"text": "", "params": "", "once": "N"}),
        ({"params": []}, {"text": "", "once": "N"}),
        ({"params": ["", "b", ""]}, {"text": "", "params][0": "b", "once": "N"}),
        ({"params": "one"}, {"text": "", "params][0": "one", "once": "N"}),
        ({"text": ["first", "second"]}, {"text": "first", "params": "", "once": "N"}),
        ({"once": "", "params": []}, {"text": "", "once": ""}),
        ({"once": "{=Variable:nothing}", "params": []}, {"text": "", "once": ""}),
        (
            {"TEXT": "codes are matched without case", "params": []},
            {"text": "codes are matched without case", "once": "N"},
        ),
    ],
)
def test_empties_vanish_or_stay(
    driver: PortalDriver, robot: str, values: dict[str, Any], expected: dict[str, str]
) -> None:
    form = run_robot(driver, values)
    assert {key[11:-1]: value for key, value in form.items() if key.startswith("properties[")} == expected


def test_properties_that_all_vanish_leave_no_key(driver: PortalDriver) -> None:
    driver.result("bizproc.robot.add", {**ROBOT, "PROPERTIES": {"params": {"Name": "P", "Multiple": "Y"}}})
    assert not [key for key in run_robot(driver, {"params": []}) if key.startswith("properties")]


@pytest.mark.parametrize(
    ("deal", "expression", "sent"),
    [
        (1, "{=Document:TITLE}", "Шкаф-купе на заказ"),
        (1, "№{=Document:ID} — {=Document:OPPORTUNITY}", "№1 — 48500"),
        (1, "{=Document:ASSIGNED_BY_ID}", "user_1"),
        (1, "{=Document:CONTACT.LAST_NAME} {=Document:COMPANY.TITLE}", "Никитина ООО «Ромашка»"),
        (1, "{=Document:UF_CRM_CONTRACT}", "501"),
        (2, "{=Document:TITLE}", 'Кухня «Лофт» "под ключ"'),
        (2, "{=Document:CONTACT.PHONE_WORK}", "8 495 123-45-67"),
        (
            2,
            "Звоните: {=Document:CONTACT.PHONE_PRINTABLE}",
            "Звоните: 8 495 123-45-67, 8 (916) 222-33-44, добавочный 12",
        ),
        (4, "{=Document:CONTACT.NAME}", ""),
        (4, "Имя: {=Document:CONTACT.NAME}.", "Имя: ."),
        (1, "{=Document:NO_SUCH_FIELD}", ""),
        (1, "{{Сделка: Название}} {= not one", "{{Сделка: Название}} {= not one"),
        (1, "{=Document:TITLE > printable}", "Шкаф-купе на заказ"),
    ],
)
def test_expressions(driver: PortalDriver, robot: str, deal: int, expression: str, sent: str) -> None:
    assert run_robot(driver, {"text": expression}, deal)["properties[text]"] == sent


def test_an_expression_with_several_values_expands_in_a_multiple_property(driver: PortalDriver, robot: str) -> None:
    driver.portal.crm.items[3, 2]["fm"][0]["valueType"] = "MOBILE"
    form = run_robot(driver, {"params": ["{=Document:CONTACT.PHONE_MOBILE}", "last"]}, deal=2)
    assert [form[f"properties[params][{index}]"] for index in range(3)] == [
        "8 495 123-45-67",
        "8 (916) 222-33-44",
        "last",
    ]


def test_variables_of_a_run(driver: PortalDriver, robot: str) -> None:
    driver.control("run", {"code": robot, "values": {"text": "{=Variable:who}"}, "variables": {"who": "Ира"}})
    driver.advance_clock()
    assert driver.inbox.last.form["properties[text]"] == "Ира"


@pytest.mark.parametrize(
    ("registered", "placed", "sent"),
    [("Y", "N", "Y"), ("N", "Y", "N"), (None, None, None), (None, "Y", "Y"), ("", "Y", "Y")],
)
def test_use_subscription(driver: PortalDriver, registered: str | None, placed: str | None, sent: str | None) -> None:
    data = {key: value for key, value in {**ROBOT, "USE_SUBSCRIPTION": registered}.items() if value is not None}
    driver.result("bizproc.robot.add", data)
    assert run_robot(driver, {}, use_subscription=placed).get("use_subscription") == sent


def test_without_a_living_user_only_the_guaranteed_part_of_auth_is_sent(driver: PortalDriver, robot: str) -> None:
    driver.portal.faults.dismissed = [1]
    keys = {key[5:-1] for key in run_robot(driver, {}) if key.startswith("auth[")}
    assert keys == {"domain", "client_endpoint", "server_endpoint", "member_id", "application_token"}


def test_reserved_codes_are_not_properties(driver: PortalDriver) -> None:
    properties = {"Title": {"Name": "T"}, "TimeoutDuration": {"Name": "D"}, "x": {"Name": "X"}}
    driver.result("bizproc.robot.add", {**ROBOT, "PROPERTIES": properties})
    form = run_robot(driver, {"Title": "a", "x": "b"})
    assert [key for key in form if key.startswith("properties")] == ["properties[x]"]


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ({"entityTypeId": 1, "id": 1}, ("CCrmDocumentLead", "LEAD_1")),
        ({"entityTypeId": 7, "id": 1}, ("Bitrix\\Crm\\Integration\\BizProc\\Document\\Quote", "QUOTE_1")),
        ({"entityTypeId": 31}, ("Bitrix\\Crm\\Integration\\BizProc\\Document\\SmartInvoice", "SMART_INVOICE_1")),
        ({"entityTypeId": 183}, ("Bitrix\\Crm\\Integration\\BizProc\\Document\\Dynamic", "DYNAMIC_183_1")),
        (
            {
                "document_type": ["lists", "BizprocDocument", "iblock_16"],
                "document_id": ["lists", "BizprocDocument", "7"],
            },
            ("BizprocDocument", "7"),
        ),
    ],
)
def test_every_kind_of_document(
    driver: PortalDriver, robot: str, path: dict[str, Any], document: tuple[str, str]
) -> None:
    driver.control("run", {"code": robot, "values": {"text": "{=Document:ID}"}, **path})
    driver.advance_clock()
    form = driver.inbox.last.form
    assert (form["document_id[1]"], form["document_id[2]"]) == document


@pytest.mark.parametrize(
    ("fixture", "event"),
    [
        ("run__deal.form", ""),
        ("event__onappinstall.form", "ONAPPINSTALL"),
        ("event__onappupdate.form", "ONAPPUPDATE"),
        ("event__onappuninstall.form", "ONAPPUNINSTALL"),
    ],
)
def test_the_emulator_sends_the_keys_of_the_recorded_fixtures(driver: PortalDriver, fixture: str, event: str) -> None:
    recorded = {key for key, _ in parse_qsl((FIXTURES / fixture).read_text().strip(), keep_blank_values=True)}
    if not event:
        driver.result("bizproc.robot.add", ROBOT)
        sent = set(run_robot(driver, {"params": ["a"]}, timeout_s=60))
    else:
        driver.install(finish=False)
        driver.result("event.bind", {"event": event, "handler": "https://app.example/events"})
        driver.control("finish", {})
        {
            "ONAPPUPDATE": lambda: driver.control("update", {}),
            "ONAPPUNINSTALL": lambda: driver.control("uninstall", {"clean": 1}),
        }.get(event, dict)()
        driver.advance_clock()
        sent = set(driver.inbox.last.form)
    assert {key for key in sent ^ recorded if not key.startswith("properties[")} == set()


@pytest.mark.parametrize(
    ("expression", "sent"),
    [
        ("{=Document:PHONE_WORK}", "89261112233"),
        ("{=Document:PHONE_PRINTABLE}", "89261112233"),
        ("{=Document:EMAIL}", ""),
        ("{=Document:STATUS_ID}", "NEW"),
        ("{=Document:NAME}", "Елена"),
    ],
)
def test_a_lead_has_its_own_phones(driver: PortalDriver, robot: str, expression: str, sent: str) -> None:
    driver.control("run", {"code": robot, "entityTypeId": 1, "values": {"text": expression}})
    driver.advance_clock()
    assert driver.inbox.last.form["properties[text]"] == sent


def test_the_multifield_itself_is_no_phone(driver: PortalDriver, robot: str) -> None:
    driver.control("run", {"code": robot, "entityTypeId": 1, "values": {"text": "Тел. {=Document:PHONE}"}})
    driver.advance_clock()
    assert driver.inbox.last.form["properties[text]"] == "Тел. 89261112233, WORK"
