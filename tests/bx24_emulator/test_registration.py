"""`bizproc.robot.*` and `bizproc.activity.*`: what is refused, in whose words, and what a list shows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bx24_emulator.conftest import APP, ROBOT, PortalDriver

INVALID = "ERROR_ACTIVITY_VALIDATION_FAILURE"


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"CODE": ""}, INVALID, "Empty activity code!"),
        ({"CODE": "с кириллицей"}, INVALID, "Wrong activity code!"),
        ({"CODE": "x" * 129}, "ERROR_ACTIVITY_ADD_FAILURE", "Activity save error!"),
        ({"HANDLER": None}, "ERROR_WRONG_HANDLER_URL", "Wrong handler URL"),
        ({"HANDLER": "https://localhost/x"}, "ERROR_WRONG_HANDLER_URL", "Wrong handler URL"),
        ({"HANDLER": "ftp://app.example/x"}, "ERROR_UNSUPPORTED_PROTOCOL", "Unsupported event handler protocol"),
        ({"HANDLER": f"{APP}/{'x' * 1000}"}, "ERROR_ACTIVITY_ADD_FAILURE", "Activity save error!"),
        ({"NAME": ""}, INVALID, "Empty activity NAME!"),
        ({"NAME": {}}, INVALID, "Empty activity NAME!"),
        ({"PROPERTIES": "x"}, INVALID, "Wrong properties array!"),
        ({"PROPERTIES": {"1x": {"Name": "N"}}}, INVALID, "Wrong property key (1x)!"),
        ({"PROPERTIES": {"a-b": {"Name": "N"}}}, INVALID, "Wrong property key (a-b)!"),
        ({"PROPERTIES": {"x": {"Type": "string"}}}, INVALID, "Empty property NAME (x)!"),
        ({"PROPERTIES": {"x": "string"}}, INVALID, "Empty property NAME (x)!"),
        ({"RETURN_PROPERTIES": {"x": {"Name": ""}}}, INVALID, "Empty property NAME (x)!"),
        ({"DOCUMENT_TYPE": ["crm", "CCrmDocumentDeal"]}, INVALID, "Wrong activity DOCUMENT_TYPE!"),
        ({"DOCUMENT_TYPE": ["crm", "CCrmDocumentDeal", "LEAD"]}, INVALID, "Wrong activity DOCUMENT_TYPE!"),
        ({"FILTER": "b24"}, INVALID, "Wrong activity FILTER!"),
        ({"PROPERTIES": {"x": {"Name": "я" * 33_000}}}, "ERROR_ACTIVITY_ADD_FAILURE", "Activity save error!"),
        ({"USE_PLACEMENT": "Y"}, "ERROR_WRONG_HANDLER_URL", "Wrong handler URL"),
    ],
)
@pytest.mark.parametrize("kind", ["robot", "activity"])
def test_what_add_refuses(driver: PortalDriver, kind: str, changes: dict[str, Any], error: str, words: str) -> None:
    answer = driver.rest(f"bizproc.{kind}.add", {**ROBOT, **changes})
    assert (answer.status_code, answer.json["error"], answer.json["error_description"]) == (400, error, words)
    assert driver.result(f"bizproc.{kind}.list") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"CODE": "A-b_c.9"},
        {"HANDLER": "http://127.0.0.1:8080/x"},
        {"NAME": "plain"},
        {"PROPERTIES": []},
        {"PROPERTIES": {"x": {"name": "lower-case keys are fine", "options": {"a_B": "t"}}}},
        {"DOCUMENT_TYPE": ["crm", "CCrmDocumentDeal", "DEAL"]},
        {"DOCUMENT_TYPE": ["crm", "Bitrix\\Crm\\Integration\\BizProc\\Document\\Dynamic", "DYNAMIC_183"]},
        {"DOCUMENT_TYPE": ["lists", "BizprocDocument", "iblock_16"]},
        {"FILTER": {"INCLUDE": [["crm", "CCrmDocumentDeal"]]}},
        {"USE_PLACEMENT": "Y", "PLACEMENT_HANDLER": f"{APP}/settings"},
    ],
)
def test_what_add_accepts(driver: PortalDriver, changes: dict[str, Any]) -> None:
    assert driver.result("bizproc.robot.add", {**ROBOT, **changes}) is True


def test_parameter_names_do_not_mind_the_case_but_property_codes_and_options_keep_theirs(driver: PortalDriver) -> None:
    data = {key.lower(): value for key, value in ROBOT.items()}
    data["properties"] = {"camelCase": {"name": {"en": "N"}, "options": {"keyA": "A"}}}
    driver.result("bizproc.robot.add", data)
    fields = driver.control("robots")["robots"][0]["fields"]
    assert fields["PROPERTIES"] == {"camelCase": {"NAME": {"EN": "N"}, "OPTIONS": {"keyA": "A"}}}


def test_robots_and_activities_share_codes_but_not_lists(driver: PortalDriver, robot: str) -> None:
    assert driver.error("bizproc.activity.add", ROBOT) == (400, "ERROR_ACTIVITY_ALREADY_INSTALLED")
    assert driver.error("bizproc.robot.add", ROBOT) == (400, "ERROR_ACTIVITY_ALREADY_INSTALLED")
    driver.result("bizproc.activity.add", {**ROBOT, "CODE": "activity.say"})
    assert driver.result("bizproc.robot.list") == [robot]
    assert driver.result("bizproc.activity.list") == ["activity.say"]
    assert driver.error("bizproc.activity.delete", {"CODE": robot}) == (400, "ERROR_ACTIVITY_NOT_FOUND")
    assert driver.error("bizproc.activity.update", {"CODE": robot, "FIELDS": {"NAME": "x"}}) == (
        400,
        "ERROR_ACTIVITY_NOT_FOUND",
    )


@pytest.mark.parametrize("method", ["add", "update", "delete", "list"])
@pytest.mark.parametrize("kind", ["robot", "activity"])
def test_registration_is_for_administrators(driver: PortalDriver, kind: str, method: str) -> None:
    assert driver.error(f"bizproc.{kind}.{method}", ROBOT, user=2) == (403, "ACCESS_DENIED")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        (None, INVALID),
        ({}, INVALID),
        ({"CODE": "other"}, INVALID),
        ({"PLACEMENT_HANDLER": f"{APP}/settings"}, INVALID),
        ({"NAME": ""}, INVALID),
        ({"HANDLER": "nonsense"}, "ERROR_WRONG_HANDLER_URL"),
        ({"PROPERTIES": {"x": {}}}, INVALID),
        ({"RETURN_PROPERTIES": {"x": {"Name": "я" * 33_000}}}, INVALID),
        ({"DOCUMENT_TYPE": ["a", "b", "c"]}, INVALID),
        ({"FILTER": "x"}, INVALID),
        ({"USE_PLACEMENT": "Y", "PLACEMENT_HANDLER": "x"}, "ERROR_WRONG_HANDLER_URL"),
    ],
)
def test_what_update_refuses(driver: PortalDriver, robot: str, fields: Any, error: str) -> None:
    before = driver.control("robots")
    assert driver.error("bizproc.robot.update", {"CODE": robot, "FIELDS": fields}) == (400, error)
    assert driver.control("robots") == before


def test_update_changes_only_what_it_was_given(driver: PortalDriver, robot: str) -> None:
    fields = {
        "name": {"ru": "Новое"},
        "PROPERTIES": {"y": {"Name": "Y"}},
        "FILTER": {"EXCLUDE": ["box"]},
        "DOCUMENT_TYPE": ["crm", "CCrmDocumentDeal", "DEAL"],
    }
    assert driver.result("bizproc.robot.update", {"CODE": robot, "FIELDS": fields}) is True
    shown = driver.control("robots")["robots"][0]["fields"]
    assert shown["NAME"] == {"RU": "Новое"}
    assert shown["PROPERTIES"] == {"y": {"NAME": "Y"}}
    assert shown["HANDLER"] == ROBOT["HANDLER"]
    driver.result("bizproc.robot.update", {"CODE": robot, "FIELDS": {"FILTER": [], "DOCUMENT_TYPE": ""}})
    assert not {"FILTER", "DOCUMENT_TYPE"} & set(driver.control("robots")["robots"][0]["fields"])


def test_settings_pages_are_unique_per_code_and_come_and_go(driver: PortalDriver, robot: str) -> None:
    page = {"USE_PLACEMENT": "Y", "PLACEMENT_HANDLER": f"{APP}/settings"}
    driver.result("bizproc.robot.update", {"CODE": robot, "FIELDS": page})
    assert driver.error("bizproc.robot.add", {**ROBOT, **page, "CODE": "second"}) == (400, "ERROR_CORE")
    assert driver.result("bizproc.robot.list") == [robot]
    driver.result("bizproc.robot.update", {"CODE": robot, "FIELDS": page})
    assert driver.control("robots")["robots"][0]["placement_handler"] == f"{APP}/settings"
    driver.result("bizproc.robot.update", {"CODE": robot, "FIELDS": {"USE_PLACEMENT": "N"}})
    assert driver.control("robots")["robots"][0]["placement_handler"] == ""


def test_delete(driver: PortalDriver, robot: str) -> None:
    assert driver.result("bizproc.robot.delete", {"code": robot}) is True
    assert driver.error("bizproc.robot.delete", {"CODE": robot}) == (400, "ERROR_ACTIVITY_NOT_FOUND")
    assert driver.error("bizproc.robot.delete", {}) == (400, INVALID)
