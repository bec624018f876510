"""Configurable activities, as strict as the portal's own classes; the other entries of a timeline; clicks in it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bx24_emulator.conftest import APP, PortalDriver
from tests.bx24_emulator.layouts import ABSENT, LAYOUT, changed

ADD, UPDATE = "crm.activity.configurable.add", "crm.activity.configurable.update"
EVENT = "onCrmTimelineItemAction"


def add(driver: PortalDriver, layout: Any = LAYOUT, owner: tuple[int, int] = (2, 1), **fields: Any) -> int:
    params = {"ownerTypeId": owner[0], "ownerId": owner[1], "fields": fields, "layout": layout}
    return int(driver.result(ADD, params)["activity"]["id"])


def timeline(driver: PortalDriver, entity: int = 2, item: int = 1) -> dict[str, Any]:
    return driver.control(f"timeline?entityTypeId={entity}&id={item}")


def test_an_activity_is_added_found_changed_and_deleted(driver: PortalDriver) -> None:
    made = add(driver, completed="Y", originId="m1", originatorId="waba24")
    twin = add(driver, originId="m1")
    found = driver.result("crm.activity.list", {"filter": {"PROVIDER_ID": "CONFIGURABLE_REST_APP", "ORIGIN_ID": "m1"}})
    assert [row["ID"] for row in found] == [str(made), str(twin)], "originId is not unique"
    assert (found[0]["COMPLETED"], found[0]["RESPONSIBLE_ID"], found[0]["OWNER_ID"]) == ("Y", "1", "1")
    layout = changed("header/tags/status/type", "success")
    assert driver.result(UPDATE, {"id": made, "layout": layout}) == {"activity": {"id": made}}
    got = driver.result("crm.activity.configurable.get", {"id": made})["activity"]
    assert got["layout"] == layout
    assert got["fields"]["originId"] == "m1"
    assert got["fields"]["completed"] is True
    assert driver.result(UPDATE, {"id": made, "fields": {"completed": False}}) == {"activity": {"id": made}}
    newest, older = timeline(driver)["activities"]
    assert (newest["id"], older["id"], older["completed"], older["updates"]) == (twin, made, False, 2)
    assert driver.result("crm.activity.delete", {"id": made}) is True
    assert driver.error("crm.activity.configurable.get", {"id": made}) == (400, "NOT_FOUND")
    assert driver.rest("crm.activity.configurable.delete", {"id": twin}).status_code == 404, "there is no such method"


MANY_BLOCKS = {f"b{number}": {"type": "text", "properties": {"value": "x"}} for number in range(21)}
TEXT = {"type": "text", "properties": {"value": "x"}}
BUTTON = LAYOUT["footer"]["buttons"]["resend"]
PARAMS = "footer/buttons/resend/action/actionParams"
SLIDER = "footer/buttons/story/action/sliderParams"
LINE = "body/blocks/line/properties/blocks"


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("icon", ABSENT, "FIELD_IS_REQUIRED"),
        ("icon/code", ABSENT, "FIELD_IS_REQUIRED"),
        ("icon/size", "xl", "FIELD_IS_REDUNDANT"),
        ("colour", "red", "FIELD_IS_REDUNDANT"),
        ("header/title", "", "FIELD_IS_REQUIRED"),
        ("header/title", {"xx": "?"}, "WRONG_LANG"),
        ("header/title", {"ru": 5}, "WRONG_FIELD_VALUE"),
        ("header/titleAction", "open", "WRONG_FIELD_VALUE"),
        ("header/tags/status/type", "purple", "ENUM_FIELD"),
        ("header/tags/status/type", ABSENT, "FIELD_IS_REQUIRED"),
        ("header/tags/status/scope", "web", "FIELD_IS_REDUNDANT"),
        ("header/tags/статус", {"title": "x", "type": "success"}, "KEY_CONTAIN_WRONG_SYMBOLS"),
        ("header/tags", {key: {"title": "x", "type": "success"} for key in "abc"}, "TOO_MANY_ITEMS"),
        ("body/logo", ABSENT, "FIELD_IS_REQUIRED"),
        ("body/blocks", {}, "FIELD_IS_REQUIRED"),
        ("body/blocks", MANY_BLOCKS, "TOO_MANY_ITEMS"),
        ("body/blocks/text/type", "image", "ENUM_FIELD"),
        ("body/blocks/text/properties/value", ABSENT, "FIELD_IS_REQUIRED"),
        ("body/blocks/text/properties/size", "xl", "ENUM_FIELD"),
        ("body/blocks/text/properties/color", "red", "ENUM_FIELD"),
        ("body/blocks/text/properties/html", "<b>", "FIELD_IS_REDUNDANT"),
        ("body/blocks/text/properties/scope", "fridge", "ENUM_FIELD"),
        ("body/blocks/template/properties/block", {**TEXT, "type": "largeText"}, "WRONG_FIELD_VALUE"),
        (f"{LINE}/nested", {"type": "lineOfBlocks", "properties": {"blocks": {"a": TEXT}}}, "WRONG_FIELD_VALUE"),
        (LINE, MANY_BLOCKS, "TOO_MANY_ITEMS"),
        (f"{LINE}/file/properties/action", ABSENT, "FIELD_IS_REQUIRED"),
        (f"{LINE}/file/properties/action/uri", ABSENT, "FIELD_IS_REQUIRED"),
        (f"{LINE}/file/properties/action/target", "_blank", "FIELD_IS_REDUNDANT"),
        ("footer/buttons", dict.fromkeys("abc", BUTTON), "TOO_MANY_ITEMS"),
        ("footer/buttons/resend/type", "danger", "ENUM_FIELD"),
        ("footer/buttons/resend/scope", "tv", "ENUM_FIELD"),
        ("footer/buttons/resend/action/id", ABSENT, "FIELD_IS_REQUIRED"),
        ("footer/buttons/resend/action/type", "explode", "ENUM_FIELD"),
        ("footer/buttons/resend/action/type", ABSENT, "FIELD_IS_REQUIRED"),
        ("footer/buttons/resend/action/animationType", "spin", "ENUM_FIELD"),
        (PARAMS, {f"k{number}": 1 for number in range(21)}, "TOO_MANY_ITEMS"),
        (f"{PARAMS}/deep", {"a": 1}, "WRONG_FIELD_VALUE"),
        (f"{PARAMS}/a b", 1, "KEY_CONTAIN_WRONG_SYMBOLS"),
        (f"{SLIDER}/labelColor", "red", "WRONG_FIELD_VALUE"),
        (f"{SLIDER}/labelBgColor", "black", "ENUM_FIELD"),
        (f"{SLIDER}/height", 5, "FIELD_IS_REDUNDANT"),
        ("footer/menu/items", {f"i{number}": BUTTON for number in range(11)}, "TOO_MANY_ITEMS"),
        ("footer/menu/items/stop/type", "primary", "FIELD_IS_REDUNDANT"),
        ("footer/note", "x", "FIELD_IS_REDUNDANT"),
    ],
)
def test_a_wrong_layout_is_refused(driver: PortalDriver, path: str, value: Any, code: str) -> None:
    made = add(driver)
    params = {"ownerTypeId": 2, "ownerId": 1, "fields": {}, "layout": changed(path, value)}
    assert driver.error(ADD, params) == (400, code)
    assert driver.error(UPDATE, {"id": made, "layout": params["layout"]}) == (400, code)
    assert [entry["layout"] for entry in timeline(driver)["activities"]] == [LAYOUT]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("footer", ABSENT),
        ("footer/showNote", True),
        ("header/titleAction", {"type": "redirect", "uri": "/crm/deal/details/1/"}),
        ("footer/buttons/resend/action/uri", "/x/"),
        ("body/blocks/deadline", {"type": "deadline", "properties": {"readonly": True}}),
        ("body/blocks/long", {"type": "largeText", "properties": {"value": {"en": "Long", "de": "Lang"}}}),
        (f"{SLIDER}/labelColor", "#00fF00"),
    ],
)
def test_what_a_layout_may_have(driver: PortalDriver, path: str, value: Any) -> None:
    assert add(driver, changed(path, value))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"completed": "yes"}, "WRONG_FIELD_VALUE"),
        ({"isIncomingChannel": 2}, "WRONG_FIELD_VALUE"),
        ({"isIncomingChannel": "Y", "deadline": "2026-12-01T10:00:00"}, "INCOMING_ACTIVITY_CAN_NOT_BE_WITH_DEADLINE"),
        ({"pingOffsets": 5}, "WRONG_FIELD_VALUE"),
        ({"pingOffsets": [5, -1]}, "WRONG_FIELD_VALUE"),
        ({"responsibleId": 0}, "WRONG_FIELD_VALUE"),
        ({"badgeCode": "none"}, "WRONG_FIELD_VALUE"),
        ({"typeId": "MINE"}, "WRONG_FIELD_VALUE"),
        ({"deadline": "tomorrow"}, "WRONG_DATETIME_FORMAT"),
    ],
)
def test_wrong_fields_are_refused(driver: PortalDriver, fields: dict[str, Any], code: str) -> None:
    params = {"ownerTypeId": 2, "ownerId": 1, "fields": fields, "layout": LAYOUT}
    assert driver.error(ADD, params) == (400, code)


@pytest.mark.parametrize(
    ("changes", "user", "answer"),
    [
        ({"layout": None}, 1, (400, "100")),
        ({"layout": {}}, 1, (400, "ERROR_EMPTY_LAYOUT")),
        ({"fields": None}, 1, (400, "100")),
        ({"ownerTypeId": "deal"}, 1, (400, "100")),
        ({"ownerId": 99}, 1, (400, "OWNER_NOT_FOUND")),
        ({}, 2, (403, "ACCESS_DENIED")),
    ],
)
def test_who_may_add_an_activity_to_what(
    driver: PortalDriver, changes: dict[str, Any], user: int, answer: tuple[int, str]
) -> None:
    driver.control("faults", {"own_items": [2]})
    params = {"ownerTypeId": 2, "ownerId": 1, "fields": {}, "layout": LAYOUT, **changes}
    assert driver.error(ADD, {key: value for key, value in params.items() if value is not None}, user=user) == answer


def test_an_activity_of_another_app_can_be_read_only(driver: PortalDriver) -> None:
    other = driver.control("activities", {"ownerTypeId": 2, "ownerId": 1, "layout": LAYOUT, "client_id": "app.other"})
    assert driver.result("crm.activity.configurable.get", {"id": other["id"]})["activity"]["layout"] == LAYOUT
    assert driver.error(UPDATE, {"id": other["id"], "layout": LAYOUT}) == (400, "ERROR_WRONG_APPLICATION")


def test_a_type_of_its_own_is_fixed_and_a_deadline_stays(driver: PortalDriver) -> None:
    own = {"fields": {"TYPE_ID": "MINE", "NAME": "Сообщение", "IS_CONFIGURABLE_TYPE": "Y"}}
    assert driver.result("crm.activity.type.add", own) is True
    made = add(driver, typeId="MINE", deadline="2026-12-01T10:00:00+03:00", pingOffsets=[15, 60, 15])
    assert driver.error(UPDATE, {"id": made, "fields": {"typeId": "CONFIGURABLE"}}) == (
        400,
        "CANT_CHANGE_PROVIDER_TYPE_ID",
    )
    driver.result(UPDATE, {"id": made, "fields": {"deadline": ""}})
    fields = driver.result("crm.activity.configurable.get", {"id": made})["activity"]["fields"]
    assert (fields["deadline"], fields["pingOffsets"], fields["typeId"]) == (
        "2026-12-01T10:00:00+03:00",
        [15, 60],
        "MINE",
    )


def test_the_list_ignores_unknown_criteria_and_finds_by_binding(driver: PortalDriver) -> None:
    made, other = add(driver), add(driver, owner=(3, 1))
    assert driver.result("crm.activity.binding.add", {"activityId": made, "entityTypeId": 3, "entityId": 1}) is True
    again = {"activityId": made, "entityTypeId": 3, "entityId": 1}
    assert driver.error("crm.activity.binding.add", again) == (400, "ACTIVITY_IS_ALREADY_BOUND")
    assert driver.error("crm.activity.binding.add", {**again, "activityId": 1}) == (400, "NOT_FOUND")
    assert driver.error("crm.activity.binding.add", {**again, "entityId": 99}) == (400, "OWNER_NOT_FOUND")

    def ids(**params: Any) -> list[int]:
        return [int(row["ID"]) for row in driver.result("crm.activity.list", params)]

    assert ids(filter={"OWNER_TYPE_ID": 3}) == [other], "the owner, not the bindings"
    assert ids(filter={"BINDINGS": [{"OWNER_TYPE_ID": 3, "OWNER_ID": 1}]}) == [made, other]
    assert ids(filter={"NO_SUCH_FIELD": "x"}, order={"ID": "DESC"}) == [other, made]
    assert [entry["id"] for entry in timeline(driver, 3)["activities"]] == [other, made]
    driver.control("faults", {"own_items": [2]})
    assert driver.result("crm.activity.list", {}, user=2) == []


def test_a_badge_shows_on_the_board_while_its_activity_is_open(driver: PortalDriver) -> None:
    badge = {"code": "reply", "title": "WhatsApp", "value": {"ru": "Ждёт ответа", "en": "Waits"}, "type": "warning"}
    assert driver.error("crm.activity.badge.add", badge, user=2) == (403, "ACCESS_DENIED")
    assert driver.error("crm.activity.badge.add", {**badge, "value": ""}) == (400, "REQUIRED_ARG_MISSING")
    assert driver.result("crm.activity.badge.add", badge)["badge"]["code"] == "reply"
    made = add(driver, badgeCode="reply", isIncomingChannel="Y")
    shown = driver.portal.timeline.badge_of((2, 1))
    assert shown
    assert shown.code == "reply"
    driver.result(UPDATE, {"id": made, "fields": {"completed": "Y"}})
    assert driver.portal.timeline.badge_of((2, 1)) is None


def test_notes_and_todos_stand_in_the_timeline(driver: PortalDriver) -> None:
    log = {"entityTypeId": 2, "entityId": 1, "title": "WhatsApp", "text": "Отправлено", "iconCode": "sms"}
    made = driver.result("crm.timeline.logmessage.add", {"fields": log})["logMessage"]
    assert (made["authorId"], made["text"]) == (1, "Отправлено")
    driver.now += 1
    comment = {"ENTITY_TYPE": "deal", "ENTITY_ID": 1, "COMMENT": "[b]Да[/b]", "FILES": [["чек.pdf", "eA=="]]}
    assert driver.result("crm.timeline.comment.add", {"fields": comment}, user=3) > made["id"]
    todo = {"ownerTypeId": 2, "ownerId": 1, "deadline": "2026-12-01T10:00:00+03:00", "title": "Ответить"}
    driver.now += 1
    number = driver.result("crm.activity.todo.add", todo)["id"]
    shown = timeline(driver)
    assert [entry["title"] for entry in shown["log"]] == ["WhatsApp"]
    assert [(entry["author_id"], entry["files"]) for entry in shown["comments"]] == [(3, ["чек.pdf"])]
    assert [(entry["id"], entry["provider"]) for entry in shown["activities"]] == [(number, "CRM_TODO")]
    assert [type(entry).__name__ for entry in driver.portal.timeline.of((2, 1))] == ["Activity", "Note", "Note"]
    logos = driver.result("crm.timeline.logo.list")["logos"]
    assert {"code": "channel-whatsapp", "isSystem": True, "fileUri": ""} in logos


@pytest.mark.parametrize(
    ("method", "params", "answer"),
    [
        ("crm.timeline.logmessage.add", {}, (400, "100")),
        ("crm.timeline.logmessage.add", {"fields": {"entityTypeId": 2, "entityId": 1, "title": "x"}}, (400, "100")),
        (
            "crm.timeline.logmessage.add",
            {"fields": {"entityTypeId": 2, "entityId": 9, "title": "x", "text": "y", "iconCode": "z"}},
            (400, "OWNER_NOT_FOUND"),
        ),
        ("crm.timeline.comment.add", {"FIELDS": {"ENTITY_TYPE": "deal", "ENTITY_ID": 1, "COMMENT": "x"}}, (400, "")),
        ("crm.timeline.comment.add", {"fields": {"ENTITY_TYPE": "deal", "ENTITY_ID": 1}}, (400, "")),
        ("crm.activity.todo.add", {"ownerTypeId": 2, "ownerId": 1}, (400, "100")),
        ("crm.activity.todo.add", {"ownerTypeId": 2, "ownerId": 1, "deadline": "x"}, (400, "WRONG_DATETIME_FORMAT")),
        ("crm.activity.todo.add", {"ownerTypeId": 2, "ownerId": 9, "deadline": "2026-12-01"}, (400, "OWNER_NOT_FOUND")),
    ],
)
def test_what_the_other_writers_refuse(
    driver: PortalDriver, method: str, params: dict[str, Any], answer: tuple[int, str]
) -> None:
    assert driver.error(method, params) == answer


def test_a_click_sends_an_event_in_which_the_context_wins(driver: PortalDriver) -> None:
    driver.install()
    assert driver.result("event.bind", {"event": EVENT, "handler": f"{APP}/events"}) is True
    made = add(driver)
    driver.result("crm.activity.binding.add", {"activityId": made, "entityTypeId": 3, "entityId": 1})
    press = {"activity_id": made, "action": "footer.buttons.resend.action", "user_id": 2}
    answer = driver.control("timeline/click", {**press, "entityTypeId": 3, "id": 1})
    assert answer == {"type": "restEvent", "animation": "loader", "sent": 1}
    driver.advance_clock()
    form = driver.inbox.last.form
    assert form["event"] == "ONCRMTIMELINEITEMACTION"
    data = {key: value for key, value in form.items() if key.startswith("data")}
    assert data == {
        "data[id]": "resend",
        "data[entityTypeId]": "3",
        "data[entityId]": "1",
        "data[activityId]": str(made),
        "data[msg]": "8f2c",
        "data[n]": "7",
    }
    assert form["auth[user_id]"] == "2"
    story = driver.control("timeline/click", {"activity_id": made, "action": "footer.buttons.story.action"})
    assert story["params"] == {"message": "15", "entityTypeId": "2", "entityId": "1", "activityId": str(made)}
    file = "body.blocks.line.properties.blocks.file.properties.action"
    assert driver.control("timeline/click", {"activity_id": made, "action": file}) == {
        "type": "redirect",
        "uri": "https://files.example/check.pdf",
    }
    assert driver.control("timeline/click", {"activity_id": made, "action": "footer.buttons.resend"}, 400)["error"]


def test_a_method_can_be_spoiled(driver: PortalDriver) -> None:
    token = driver.access_token()
    driver.control("faults", {"spoiled": {ADD.lower(): {"times": 2, "error": "INTERNAL_SERVER_ERROR"}}})
    params = {"ownerTypeId": 2, "ownerId": 1, "fields": {}, "layout": LAYOUT}
    assert driver.error(ADD, params, token=token) == (500, "INTERNAL_SERVER_ERROR")
    assert driver.result("profile", token=token)["ID"] == "1", "other methods work"
    command = {"cmd": {"a": "crm.activity.configurable.add?ownerTypeId=2"}}
    inner = driver.result("batch", command, token=token)
    assert inner["result_error"]["a"]["error"] == "INTERNAL_SERVER_ERROR"
    driver.control("faults", {"spoiled": {ADD: {"drop_after": True}}})
    with pytest.raises(ConnectionAbortedError):
        driver.rest(ADD, params, token=token)
    assert len(timeline(driver)["activities"]) == 1, "done, but nobody was told"
    assert driver.result(ADD, params, token=token)
