"""`crm.timeline.*`: log messages, comments, and the lists of logos and icons. Source: docs, api-reference/crm/timeline."""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, Page, RestError, access_denied, rest
from bx24.emulator.rest.crm_access import item_to_change, may_see, required, whole
from bx24.emulator.rest.crm_activities import moment
from bx24.emulator.state import crm
from bx24.emulator.state.timeline import ICONS, LOGOS, Note

_COMMENT_TYPES = {"lead": crm.LEAD, "deal": crm.DEAL, "contact": crm.CONTACT, "company": crm.COMPANY}


@rest("crm.timeline.logo.list", "crm")
def logo_list(call: Call) -> Page:
    return Page({"logos": [_system(code) for code in LOGOS]}, len(LOGOS), None)


@rest("crm.timeline.icon.list", "crm")
def icon_list(call: Call) -> Page:
    return Page({"icons": [_system(code) for code in ICONS]}, len(ICONS), None)


def _system(code: str) -> dict[str, Any]:
    return {"code": code, "isSystem": True, "fileUri": ""}


@rest("crm.timeline.logmessage.add", "crm")
def logmessage_add(call: Call) -> dict[str, Any]:
    fields = dict(php.items(required(call, "fields")))
    item = whole(call, "entityTypeId", fields), whole(call, "entityId", fields)
    title, text, icon = (str(required(call, name, fields)) for name in ("title", "text", "iconCode"))
    item_to_change(call, item)
    note = Note(call.portal.new_id(), "log", item, call.portal.clock(), call.user.id, text, title, icon)
    call.portal.timeline.notes[note.id] = note
    return {
        "logMessage": {
            "id": note.id,
            "created": moment(note.created),
            "authorId": note.author_id,
            "title": title,
            "text": text,
            "iconCode": icon,
        }
    }


@rest("crm.timeline.comment.add", "crm")
def comment_add(call: Call) -> int:
    """The id of the comment. The key is `fields` in lower case; the errors have no code."""
    fields = dict(php.items(call.params.get("fields")))
    entity, number = _comment_owner(fields)
    text, files = str(fields.get("COMMENT") or ""), php.values(fields.get("FILES"))
    if not text.strip() and not files:
        raise RestError("", "Empty comment message.")
    found = call.portal.crm.get(entity, number)
    if found is None or not may_see(call, found):
        raise access_denied()
    author = php.to_int(fields.get("AUTHOR_ID")) or call.user.id
    note = Note(call.portal.new_id(), "comment", (entity, number), call.portal.clock(), author, text)
    note.files = [str(php.values(file)[0]) for file in files if php.values(file)]
    call.portal.timeline.notes[note.id] = note
    return note.id


def _comment_owner(fields: dict[str, Any]) -> tuple[int, int]:
    """ENTITY_TYPE is `deal` or the like, or `dynamic_<number>`."""
    kind, number = str(fields.get("ENTITY_TYPE") or "").lower(), php.to_int(fields.get("ENTITY_ID"))
    entity = _COMMENT_TYPES.get(kind, php.to_int(kind.removeprefix("dynamic_")) if kind.startswith("dynamic_") else 0)
    if not entity:
        raise RestError("", "Owner type is not supported.")
    if number <= 0:
        raise RestError("", "Owner ID is not specified.")
    return entity, number
