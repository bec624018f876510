"""`messageservice.*`: senders and the statuses of messages. Source: messageservice/lib/restservice.php, docs messageservice.

The names of parameters are read in any case.
"""

from __future__ import annotations

import re
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import HANDLER_LENGTH, Call, RestError, check_url, rest
from bx24.emulator.state.messages import STATUSES, SenderRecord

SCOPE = "messageservice"
CODE_LENGTH = 128
CHANGEABLE = ("HANDLER", "NAME", "DESCRIPTION")
_CODE = re.compile(r"[a-zA-Z0-9.\-_]+")


def _invalid(text: str) -> RestError:
    return RestError("ERROR_SENDER_VALIDATION_FAILURE", text)


def _not_found() -> RestError:
    return RestError("ERROR_SENDER_NOT_FOUND", "Sender not found!")


def _check_code(code: Any) -> str:
    if php.is_empty(code):
        raise _invalid("Empty sender code!")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise _invalid("Wrong sender code!")
    return code


def _check_handler(handler: Any) -> str:
    url = check_url(handler)
    if len(url) > HANDLER_LENGTH:
        raise RestError("ERROR_SENDER_ADD_FAILURE", "Sender save error!")
    return url


@rest("messageservice.sender.add", SCOPE)
def sender_add(call: Call) -> bool:
    call.need_admin()
    data = call.upper()
    if not data:
        raise _invalid("Empty data!")
    code = _check_code(data.get("CODE"))
    handler = _check_handler(data.get("HANDLER"))
    if php.is_empty(data.get("NAME")):
        raise _invalid("Empty sender NAME!")
    if php.is_empty(data.get("TYPE")):
        raise _invalid("Empty sender message TYPE!")
    if data["TYPE"] != "SMS":
        raise _invalid("Unknown sender message TYPE!")
    service, app_id = call.portal.message_service, call.portal.installation.row_id
    if service.find(app_id, code) is not None:
        raise RestError("ERROR_SENDER_ALREADY_INSTALLED", "Sender already installed!")
    if len(code) > CODE_LENGTH:
        raise RestError("ERROR_SENDER_ADD_FAILURE", "Sender save error!")
    fields = {"HANDLER": handler, "NAME": data["NAME"], "DESCRIPTION": data.get("DESCRIPTION") or ""}
    service.senders.append(SenderRecord(code, app_id, fields))
    return True


@rest("messageservice.sender.update", SCOPE)
def sender_update(call: Call) -> bool:
    """TYPE is not read."""
    call.need_admin()
    data = call.upper()
    if php.is_empty(data.get("CODE")):
        raise RestError("ERROR_SENDER_CODE_REQUIRED", "Sender code is required!")
    code = _check_code(data["CODE"])
    changes = {key: data[key] for key in CHANGEABLE if not php.is_empty(data.get(key))}
    if not changes:
        raise RestError(
            "ERROR_SENDER_OTHER_PARAMS_REQUIRED", "Nothing to update: HANDLER, NAME or DESCRIPTION is required!"
        )
    if "HANDLER" in changes:
        _check_handler(changes["HANDLER"])
    _find(call, code).fields.update(changes)
    return True


@rest("messageservice.sender.delete", SCOPE)
def sender_delete(call: Call) -> bool:
    call.need_admin()
    sender = _find(call, _check_code(call.upper().get("CODE")))
    call.portal.message_service.senders.remove(sender)
    return True


@rest("messageservice.sender.list", SCOPE)
def sender_list(call: Call) -> list[str]:
    call.need_admin()
    return [sender.code for sender in call.portal.message_service.of(call.portal.installation.row_id)]


def _find(call: Call, code: str) -> SenderRecord:
    sender = call.portal.message_service.find(call.portal.installation.row_id, code)
    if sender is None:
        raise _not_found()
    return sender


@rest("messageservice.message.status.update", SCOPE)
def status_update(call: Call) -> bool:
    """Any status at any time, also one that goes back. "read" is the portal's own and unknown here."""
    data = call.upper()
    code = _check_code(data.get("CODE"))
    _find(call, code)
    external_id, status = data.get("MESSAGE_ID"), str(data.get("STATUS") or "").lower()
    if php.is_empty(external_id):
        raise RestError("ERROR_MESSAGE_NOT_FOUND", "Message not found!")
    if status not in STATUSES:
        raise RestError("ERROR_MESSAGE_STATUS_INCORRECT", "Message status incorrect!")
    service = call.portal.message_service
    message = service.by_external(call.portal.installation.row_id, code, str(external_id))
    if message is None:
        raise RestError("ERROR_MESSAGE_NOT_FOUND", "Message not found!")
    if message.author_id != call.user.id:
        call.need_admin()
    message.note(call.portal.clock(), status)
    return True


@rest("messageservice.message.status.get", SCOPE)
def status_get(call: Call) -> str:
    """Not documented. MESSAGE_ID: the portal's own number of the message."""
    message = call.portal.message_service.message(php.to_int(call.upper().get("MESSAGE_ID")))
    if message is None:
        raise RestError("ERROR_MESSAGE_NOT_FOUND", "Message not found!")
    return message.status
