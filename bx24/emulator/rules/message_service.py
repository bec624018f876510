"""Handing messages over to the app. Source: messageservice/lib/{queue,message}.php, messageservice/lib/sender/sms/rest.php."""

from __future__ import annotations

import secrets
from typing import Any

from bx24.emulator.state import crm
from bx24.emulator.state.messages import ERROR, SenderRecord, ServiceMessage
from bx24.emulator.state.portal import Portal

CRM, BIZPROC, MARKETING = "crm", "bizproc", "sender"


def senders(portal: Portal) -> list[SenderRecord]:
    """Those of the present installation: what a removed one has left cannot be chosen."""
    return portal.message_service.of(portal.installation.row_id)


def send(
    portal: Portal, code: str, phone: str, text: str, *, module: str, author_id: int | None, where: dict[str, Any]
) -> ServiceMessage:
    """Note a message and hand it over. where: `bindings`, or the fields of a workflow. Raises KeyError: no such sender."""
    app_id = portal.installation.row_id
    if portal.message_service.find(app_id, code) is None:
        raise KeyError(code)
    number, now = len(portal.message_service.messages) + 1, portal.clock()
    message = ServiceMessage(
        number, secrets.token_hex(16), app_id, code, module, author_id, phone, text, where, created=now
    )
    portal.message_service.messages.append(message)
    hand_over(portal, message)
    return message


def from_card(
    portal: Portal, item: tuple[int, int], code: str, phone: str, text: str, *, author_id: int
) -> ServiceMessage:
    """ "Send SMS/WhatsApp" in the card of an item: linked with the item, and with its client."""
    record = portal.crm.get(*item) or {}
    linked = [item, (crm.CONTACT, int(record.get("contactId") or 0))]
    bindings = [{"OWNER_TYPE_ID": entity, "OWNER_ID": number} for entity, number in dict.fromkeys(linked) if number]
    return send(portal, code, phone, text, module=CRM, author_id=author_id, where={"bindings": bindings})


def hand_over(portal: Portal, message: ServiceMessage) -> None:
    """POST the message to its handler, once. Handed over again, as a message that got stuck, it keeps its id.

    The portal notes `sent` by itself, whatever it knows already.
    """
    sender = portal.message_service.find(message.app_id, message.code)
    if sender is None or not portal.installation.active or message.app_id != portal.installation.row_id:
        message.note(portal.clock(), ERROR)
        return
    message.note(portal.clock(), "sent")
    if portal.faults.undelivered:
        return
    portal.cloud.queue.send(
        str(sender.fields["HANDLER"]),
        _form(portal, message),
        delay_s=portal.faults.delay_s,
        label=f"message {message.code}",
        done=lambda status, detail: message.answers.append(status),
    )


def _form(portal: Portal, message: ServiceMessage) -> dict[str, Any]:
    """The POST. A robot has no author, so its `auth` has no tokens; nobody's has a refresh token."""
    return {
        "module_id": message.module,
        **message.where,
        "properties": {"phone_number": message.phone, "message_text": message.text},
        "type": "SMS",
        "code": message.code,
        "message_id": message.external_id,
        "message_to": message.phone,
        "message_body": message.text,
        "ts": int(portal.clock()),
        "auth": portal.event_auth(message.author_id, with_refresh=False),
    }
