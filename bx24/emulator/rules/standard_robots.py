"""Robots that the portal has by itself: "Send SMS". It shows the senders of the app, and waits for no delivery.

Source: bizproc/activities/bitrix/crmsendsmsactivity, crm/lib/integration/smsmanager.php.
"""

from __future__ import annotations

from bx24.emulator.formats import values
from bx24.emulator.formats.texts import TEXTS
from bx24.emulator.rules import message_service, robot_values
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import RobotRecord
from bx24.emulator.state.workflow import PlacedRobot, Workflow

SEND_SMS = "CrmSendSmsActivity"


def record_of(portal: Portal, code: str) -> RobotRecord | None:
    """A robot of the app, or one of the portal's own."""
    return portal.robots.get(code) or (_send_sms(portal) if code == SEND_SMS else None)


def offered(portal: Portal) -> list[RobotRecord]:
    """The portal's own robots; without a sender there is nothing to send by."""
    return [_send_sms(portal)] if message_service.senders(portal) else []


def title_of(portal: Portal, robot: PlacedRobot, lang: str) -> str:
    """The title of a placed robot, in this language."""
    if robot.code == SEND_SMS and not robot.title:
        return _send_sms(portal).name(lang)
    return portal.robot_title(robot, lang)


def _send_sms(portal: Portal) -> RobotRecord:
    title = portal.installation.title
    options = {one.code: f"[{title}] {one.fields['NAME']}" for one in message_service.senders(portal)}
    return RobotRecord(
        SEND_SMS,
        is_robot=True,
        fields={
            "NAME": _both("send_sms"),
            "DESCRIPTION": _both("send_sms_hint"),
            "USE_SUBSCRIPTION": "N",
            "PROPERTIES": {
                "ProviderId": {"NAME": _both("sms_from"), "TYPE": "select", "OPTIONS": options, "REQUIRED": "Y"},
                "MessageText": {"NAME": _both("sms_text"), "TYPE": "text", "REQUIRED": "Y"},
            },
        },
    )


def _both(key: str) -> dict[str, str]:
    russian, english = TEXTS[key]
    return {"RU": russian, "EN": english}


def run(portal: Portal, flow: Workflow, step: PlacedRobot) -> bool:
    """Send a text to the first phone of the item's client. False if there is no phone, or no such sender any more."""
    given = robot_values.properties(portal, flow, step, _send_sms(portal))
    item = portal.crm.document(flow.document_id)
    client = (portal.crm.client(item) if item else None) or {}
    phones = [row["value"] for row in client.get("fm", []) if row["typeId"] == "PHONE"]
    where = {
        "workflow_id": flow.id,
        "document_id": list(flow.document_id),
        "document_type": list(flow.document_type),
    }
    if not phones:
        return False
    text = values.printable(given["MessageText"])
    try:
        message_service.send(
            portal,
            str(given["ProviderId"]),
            phones[0],
            text,
            module=message_service.BIZPROC,
            author_id=None,
            where=where,
        )
    except KeyError:
        return False
    return True
