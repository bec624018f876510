"""The message service of the emulated portal: senders with the vendor's checks, handing over, statuses, the pages."""

from __future__ import annotations

from typing import Any

import pytest

from bx24.emulator.state.workflow import PlacedRobot
from tests.bx24_emulator.conftest import APP, PortalDriver, log_kinds

PREFIX = "messageservice"
SENDER = {"CODE": "waba24_1", "TYPE": "SMS", "HANDLER": f"{APP}/provider/1", "NAME": "Магазин (+79001112233)"}
PHONE = "+79123456789"


@pytest.fixture
def sms(driver: PortalDriver) -> PortalDriver:
    """A portal on which the app has registered a sender."""
    driver.install()
    driver.control("grant", {"scope": [PREFIX]})
    assert driver.result(f"{PREFIX}.sender.add", SENDER) is True
    return driver


def send(driver: PortalDriver, text: str = "Заказ готов", **more: Any) -> dict[str, Any]:
    return dict(driver.control("sms/send", {"code": "waba24_1", "phone": PHONE, "text": text, **more})["message"])


def noted(driver: PortalDriver) -> list[list[str]]:
    return [message["statuses"] for message in driver.control("sms")["messages"]]


def posts(driver: PortalDriver) -> list[Any]:
    return [post for post in driver.inbox.received if "/provider/" in post.url]


def tell(driver: PortalDriver, status: str, number: int = 0, **kwargs: Any) -> Any:
    message = driver.portal.message_service.messages[number]
    params = {"code": "waba24_1", "message_id": message.external_id, "status": status}
    return driver.rest(f"{PREFIX}.message.status.update", params, **kwargs)


def test_without_the_scope_there_is_no_sender(driver: PortalDriver) -> None:
    driver.install()
    assert driver.error(f"{PREFIX}.sender.add", SENDER) == (401, "insufficient_scope")


def test_a_sender_is_added_renamed_listed_and_deleted(sms: PortalDriver) -> None:
    assert sms.result(f"{PREFIX}.sender.list") == ["waba24_1"]
    assert sms.result(f"{PREFIX}.sender.update", {"code": "waba24_1", "name": "Опт", "type": "ignored"}) is True
    assert sms.control("senders")["senders"][0]["NAME"] == "Опт"
    assert sms.result(f"{PREFIX}.sender.delete", {"CODE": "waba24_1"}) is True
    assert sms.result(f"{PREFIX}.sender.list") == []


@pytest.mark.parametrize(
    ("method", "changes", "error"),
    [
        ("add", {"CODE": ""}, "ERROR_SENDER_VALIDATION_FAILURE"),
        ("add", {"CODE": "код"}, "ERROR_SENDER_VALIDATION_FAILURE"),
        ("add", {"NAME": ""}, "ERROR_SENDER_VALIDATION_FAILURE"),
        ("add", {"TYPE": ""}, "ERROR_SENDER_VALIDATION_FAILURE"),
        ("add", {"TYPE": "MAIL"}, "ERROR_SENDER_VALIDATION_FAILURE"),
        ("add", {"HANDLER": "ftp://app.example/"}, "ERROR_UNSUPPORTED_PROTOCOL"),
        ("add", {"HANDLER": "https://localhost/"}, "ERROR_WRONG_HANDLER_URL"),
        ("add", {}, "ERROR_SENDER_ALREADY_INSTALLED"),
        ("add", {"CODE": "x" * 129}, "ERROR_SENDER_ADD_FAILURE"),
        ("update", {"CODE": ""}, "ERROR_SENDER_CODE_REQUIRED"),
        ("update", {"HANDLER": "", "NAME": ""}, "ERROR_SENDER_OTHER_PARAMS_REQUIRED"),
        ("update", {"CODE": "another"}, "ERROR_SENDER_NOT_FOUND"),
        ("delete", {"CODE": "another"}, "ERROR_SENDER_NOT_FOUND"),
    ],
)
def test_the_vendors_errors_of_senders(sms: PortalDriver, method: str, changes: dict[str, str], error: str) -> None:
    assert sms.error(f"{PREFIX}.sender.{method}", {**SENDER, **changes}) == (400, error)


@pytest.mark.parametrize("method", ["add", "update", "delete", "list"])
def test_senders_need_an_administrator(sms: PortalDriver, method: str) -> None:
    assert sms.error(f"{PREFIX}.sender.{method}", SENDER, user=2) == (403, "ACCESS_DENIED")


def test_a_message_of_a_card_has_its_links_and_its_author_without_refresh_token(sms: PortalDriver) -> None:
    message = send(sms, user_id=2)
    sms.advance_clock()
    form = sms.inbox.last.form
    assert sms.inbox.last.url == f"{APP}/provider/1"
    assert (form["module_id"], form["type"], form["code"]) == ("crm", "SMS", "waba24_1")
    assert (form["message_id"], form["message_to"]) == (message["message_id"], PHONE)
    assert form["message_body"] == form["properties[message_text]"] == "Заказ готов"
    assert (form["bindings[0][OWNER_TYPE_ID]"], form["bindings[0][OWNER_ID]"]) == ("2", "1")
    assert form["bindings[1][OWNER_TYPE_ID]"] == "3"
    assert form["auth[user_id]"] == "2"
    assert "auth[refresh_token]" not in form
    assert noted(sms) == [["sent"]]


def test_the_robot_has_no_author_and_waits_for_nothing(sms: PortalDriver) -> None:
    robot = PlacedRobot("CrmSendSmsActivity", {"ProviderId": "waba24_1", "MessageText": "Сделка {=Document:ID}"})
    flow = sms.start_workflow(robot)
    assert flow.state == "completed"
    assert "robot_closed" in log_kinds(flow)
    sms.advance_clock()
    form = sms.inbox.last.form
    assert (form["module_id"], form["message_body"], form["document_id[2]"]) == ("bizproc", "Сделка 1", "DEAL_1")
    assert "auth[access_token]" not in form
    assert form["auth[application_token]"] == sms.portal.installation.application_token
    lost = sms.start_workflow(PlacedRobot("CrmSendSmsActivity", {"ProviderId": "gone", "MessageText": "x"}))
    assert "sms_not_sent" in log_kinds(lost)


def test_marketing_has_neither_links_nor_a_workflow(sms: PortalDriver) -> None:
    send(sms, module="sender")
    sms.advance_clock()
    form = sms.inbox.last.form
    assert form["module_id"] == "sender"
    assert not [name for name in form if name.startswith(("bindings", "document"))]


def test_handed_over_again_it_keeps_its_id_and_is_sent_again(sms: PortalDriver) -> None:
    number = send(sms)["id"]
    sms.advance_clock()
    assert tell(sms, "delivered").status_code == 200
    sms.control(f"sms/{number}/again", {})
    sms.advance_clock()
    first, second = (post.form["message_id"] for post in posts(sms))
    assert first == second
    assert noted(sms) == [["sent", "delivered", "sent"]], "the portal notes its own status, whatever it knew"


def test_the_portal_takes_any_status_at_any_time(sms: PortalDriver) -> None:
    send(sms)
    for status in ("delivered", "sent", "sent", "UNDELIVERED", "failed", "queued"):
        assert tell(sms, status).status_code == 200
    assert noted(sms) == [["sent", "delivered", "sent", "undelivered", "failed", "queued"]]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"STATUS": "read"}, "ERROR_MESSAGE_STATUS_INCORRECT"),
        ({"STATUS": ""}, "ERROR_MESSAGE_STATUS_INCORRECT"),
        ({"MESSAGE_ID": "0" * 32}, "ERROR_MESSAGE_NOT_FOUND"),
        ({"MESSAGE_ID": ""}, "ERROR_MESSAGE_NOT_FOUND"),
        ({"CODE": "another"}, "ERROR_SENDER_NOT_FOUND"),
        ({"CODE": ""}, "ERROR_SENDER_VALIDATION_FAILURE"),
    ],
)
def test_the_vendors_errors_of_statuses(sms: PortalDriver, params: dict[str, str], error: str) -> None:
    known = {"CODE": "waba24_1", "MESSAGE_ID": send(sms)["message_id"], "STATUS": "delivered"}
    assert sms.error(f"{PREFIX}.message.status.update", {**known, **params}) == (400, error)


def test_only_the_author_or_an_administrator_tells_a_status(sms: PortalDriver) -> None:
    send(sms, user_id=1)
    assert tell(sms, "delivered", user=2).status_code == 403
    assert tell(sms, "delivered", user=3).status_code == 200, "another administrator"
    send(sms, user_id=2)
    assert tell(sms, "delivered", number=1, user=2).status_code == 200


def test_the_status_can_be_asked_by_the_portals_own_number(sms: PortalDriver) -> None:
    number = send(sms)["id"]
    assert sms.result(f"{PREFIX}.message.status.get", {"MESSAGE_ID": number}) == "sent"
    assert sms.error(f"{PREFIX}.message.status.get", {"MESSAGE_ID": 99}) == (400, "ERROR_MESSAGE_NOT_FOUND")


def test_a_sender_that_is_gone_sends_nothing(sms: PortalDriver) -> None:
    number = send(sms)["id"]
    sms.advance_clock()
    sms.result(f"{PREFIX}.sender.delete", {"CODE": "waba24_1"})
    sms.control(f"sms/{number}/again", {})
    sms.advance_clock()
    assert len(posts(sms)) == 1
    assert noted(sms) == [["sent", "error"]]


def test_the_card_sends_and_shows_the_status(sms: PortalDriver) -> None:
    page = sms.http("GET", "/crm/deal/details/1/").text
    assert "Отправить SMS/WhatsApp" in page
    assert "Магазин (+79001112233)" in page
    form = {"code": "waba24_1", "phone": PHONE, "text": "Заказ <b>готов</b>"}
    assert sms.http("POST", "/crm/type/2/details/1/sms", data=form).status_code == 303
    sms.advance_clock()
    assert sms.inbox.last.form["message_body"] == "Заказ <b>готов</b>"
    tell(sms, "delivered")
    entries = sms.http("GET", "/crm/deal/details/1/entries").text
    assert "Заказ &lt;b&gt;готов&lt;/b&gt;" in entries
    assert 'data-status="delivered">доставлено' in entries
    assert sms.http("POST", "/crm/type/2/details/1/sms", data={**form, "code": "another"}).status_code == 404


def test_the_designer_offers_the_robot_where_there_is_a_sender(sms: PortalDriver) -> None:
    offered = sms.http("GET", "/designer/NEW/add").text
    assert "/designer/NEW/new/CrmSendSmsActivity" in offered
    form = {"property_providerid": "waba24_1", "property_messagetext": "Привет"}
    assert sms.http("POST", "/designer/NEW/new/CrmSendSmsActivity", data=form).status_code == 303
    assert "Отправить SMS/WhatsApp" in sms.http("GET", "/designer").text
    sms.result(f"{PREFIX}.sender.delete", {"CODE": "waba24_1"})
    assert "CrmSendSmsActivity" not in sms.http("GET", "/designer/NEW/add").text
