"""`im.notify.system.add`: a notification to one user. Source: docs, im-notify-system-add."""

from __future__ import annotations

import json
from typing import Any

from bx24.emulator.rest.base import Call, RestError, rest
from bx24.emulator.state.records import Notice

ATTACH_LIMIT = 30 * 1024


@rest("im.notify.system.add", "im")
def system_add(call: Call) -> int | bool:
    """The id of the notification; false if the portal has no such user."""
    params, portal = call.upper(), call.portal
    user_id = _number(params.get("USER_ID"))
    message = str(params.get("MESSAGE") or "").strip()
    if user_id <= 0:
        raise RestError("USER_ID_EMPTY", "User ID can't be empty")
    if not message:
        raise RestError("MESSAGE_EMPTY", "Message can't be empty")
    _check_attach(params.get("ATTACH"))
    if portal.user(user_id) is None:
        return False
    tag = str(params.get("TAG") or "")
    notice = Notice(portal.new_id(), user_id, message, tag, str(params.get("SUB_TAG") or ""))
    portal.notices = [known for known in portal.notices if not tag or known.tag != tag]
    portal.notices.append(notice)
    return notice.id


def _check_attach(attach: Any) -> None:
    if attach in (None, "", [], {}):
        return
    if isinstance(attach, str):
        try:
            attach = json.loads(attach)
        except ValueError:
            attach = None
    if not isinstance(attach, dict | list):
        raise RestError("ATTACH_ERROR", "Incorrect attach params")
    if len(json.dumps(attach)) > ATTACH_LIMIT:
        raise RestError("ATTACH_OVERSIZE", "You have exceeded the maximum allowable size of attach")


def _number(value: Any) -> int:
    text = str(value or "").strip()
    return int(text) if text.lstrip("-").isdecimal() else 0
