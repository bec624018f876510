"""`crm.activity.configurable.*`. Source: crm/lib/controller/activity/configurable.php of the product.

There is no `crm.activity.configurable.delete`: a configurable activity is deleted by `crm.activity.delete`. Unknown
keys of `fields` are ignored, unknown keys of `layout` are refused.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, RestError, rest
from bx24.emulator.rest.crm_access import item_to_change, may_see, required, whole
from bx24.emulator.rest.layout_checks import check_layout
from bx24.emulator.state.timeline import CONFIGURABLE, DEFAULT_TYPES, Activity

_TRUE: tuple[Any, ...] = ("Y", "y", True, "1", "true")
_FALSE: tuple[Any, ...] = ("N", "n", False, "0", "false")
_DEFAULT_TYPE = DEFAULT_TYPES[CONFIGURABLE]


@rest("crm.activity.configurable.add", "crm")
def configurable_add(call: Call) -> dict[str, Any]:
    owner = whole(call, "ownerTypeId"), whole(call, "ownerId")
    fields, layout = _array(call, "fields", need=True), _array(call, "layout", need=True)
    _check_fields(call, fields, is_new=True)
    if not layout:
        raise RestError("ERROR_EMPTY_LAYOUT", "Layout must be filled in")
    check_layout(layout)
    item_to_change(call, owner)
    now, client_id = call.portal.clock(), call.portal.installation.client_id
    activity = Activity(
        call.portal.new_id(), CONFIGURABLE, _DEFAULT_TYPE, [owner], now, call.user.id, call.user.id, client_id, now
    )
    activity.type_id = fields.get("typeId") or _DEFAULT_TYPE
    activity.layout = layout
    _write(activity, fields)
    call.portal.timeline.activities[activity.id] = activity
    return {"activity": {"id": activity.id}}


def _array(call: Call, name: str, *, need: bool) -> dict[str, Any]:
    given = required(call, name) if need else call.params.get(name)
    if given is not None and not php.is_array(given):
        raise RestError(
            "100", f"Invalid value {{{given}}} to match with parameter {{{name}}}. Should be value of type array."
        )
    return dict(php.items(given))


def _check_fields(call: Call, fields: dict[str, Any], *, is_new: bool) -> None:
    """Raises RestError for the first wrong field."""
    for name in ("completed", "isIncomingChannel"):
        if fields.get(name) is not None and not (_is(fields[name], _TRUE) or _is(fields[name], _FALSE)):
            raise _wrong(name)
    if _is(fields.get("isIncomingChannel"), _TRUE) and not php.is_empty(fields.get("deadline")):
        raise RestError("INCOMING_ACTIVITY_CAN_NOT_BE_WITH_DEADLINE", "An incoming activity cannot have a deadline")
    _check_date(fields.get("deadline"))
    _check_offsets(fields.get("pingOffsets"))
    if fields.get("responsibleId") is not None and php.to_int(fields["responsibleId"]) <= 0:
        raise _wrong("responsibleId")
    if fields.get("badgeCode") not in (None, "") and str(fields["badgeCode"]) not in call.portal.timeline.badges:
        raise _wrong("badgeCode")
    _check_type(call, fields.get("typeId"), is_new=is_new)


def _is(value: Any, allowed: tuple[Any, ...]) -> bool:
    # The portal compares with in_array(…, true); 1 and true are different there, but both are in the list.
    return not php.is_array(value) and value is not None and value in allowed


def _wrong(name: str) -> RestError:
    return RestError("WRONG_FIELD_VALUE", f"Wrong value of the field {name}")


def _check_date(value: Any) -> None:
    if php.is_empty(value):
        return
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        raise RestError("WRONG_DATETIME_FORMAT", "Wrong datetime format") from None


def _check_offsets(offsets: Any) -> None:
    if offsets is None:
        return
    if not php.is_array(offsets):
        raise _wrong("pingOffsets")
    for key, offset in php.items(offsets):
        if php.is_array(offset) or offset is None or php.to_int(offset) < 0:
            raise _wrong(f"pingOffsets[{key}]")


def _check_type(call: Call, type_id: Any, *, is_new: bool) -> None:
    """A type of one's own must have been added as a configurable one; an update does not even look for it."""
    if type_id is None or type_id == _DEFAULT_TYPE:
        return
    known = call.portal.timeline.types.get(type_id) if isinstance(type_id, str) else None
    if not is_new or known is None or known["IS_CONFIGURABLE_TYPE"] != "Y":
        raise _wrong("typeId")


def _write(activity: Activity, fields: dict[str, Any]) -> None:
    """Store checked fields. A deadline cannot be cleared: an empty one is ignored."""
    if fields.get("completed") is not None:
        activity.completed = _is(fields["completed"], _TRUE)
    if not php.is_empty(fields.get("deadline")):
        activity.deadline = str(fields["deadline"])
    if fields.get("isIncomingChannel") is not None:
        activity.incoming = _is(fields["isIncomingChannel"], _TRUE)
    if fields.get("responsibleId") is not None:
        activity.responsible_id = php.to_int(fields["responsibleId"])
    if fields.get("pingOffsets") is not None:
        activity.ping_offsets = list(dict.fromkeys(php.to_int(item) for item in php.values(fields["pingOffsets"])))
    if fields.get("badgeCode") is not None:
        activity.badge_code = str(fields["badgeCode"])
    if fields.get("originatorId") is not None:
        activity.originator_id = str(fields["originatorId"])
    if fields.get("originId") is not None:
        activity.origin_id = str(fields["originId"])


@rest("crm.activity.configurable.update", "crm")
def configurable_update(call: Call) -> dict[str, Any]:
    """Change fields, or the layout as a whole. Only the app that made the activity may."""
    activity = _find(call)
    fields, layout = _array(call, "fields", need=False), _array(call, "layout", need=False)
    if activity.client_id != call.portal.installation.client_id:
        raise RestError("ERROR_WRONG_APPLICATION", "The activity can be updated only by the app that created it")
    _check_fields(call, fields, is_new=False)
    if layout:
        check_layout(layout)
    item_to_change(call, activity.owner)
    if fields.get("typeId") not in (None, activity.type_id):
        raise RestError("CANT_CHANGE_PROVIDER_TYPE_ID", "The type of an activity cannot be changed")
    if activity.incoming and not php.is_empty(fields.get("deadline")):
        raise RestError("INCOMING_ACTIVITY_CAN_NOT_BE_WITH_DEADLINE", "An incoming activity cannot have a deadline")
    activity.layout = layout or activity.layout
    _write(activity, fields)
    activity.updated = call.portal.clock()
    activity.updates += 1
    return {"activity": {"id": activity.id}}


def _find(call: Call) -> Activity:
    activity = call.portal.timeline.activities.get(whole(call, "id"))
    if activity is None or not activity.is_configurable:
        raise RestError("NOT_FOUND", "Not found.")
    return activity


@rest("crm.activity.configurable.get", "crm")
def configurable_get(call: Call) -> dict[str, Any]:
    """Any app may read it."""
    activity = _find(call)
    owner = call.portal.crm.get(*activity.owner)
    if owner is not None and not may_see(call, owner):
        raise RestError("NOT_FOUND", "Not found.")
    return {
        "activity": {
            "id": activity.id,
            "ownerTypeId": activity.owner[0],
            "ownerId": activity.owner[1],
            "fields": {
                "typeId": activity.type_id,
                "completed": activity.completed,
                "deadline": activity.deadline or None,
                "pingOffsets": activity.ping_offsets,
                "isIncomingChannel": activity.incoming,
                "responsibleId": activity.responsible_id,
                "badgeCode": activity.badge_code,
                "originatorId": activity.originator_id,
                "originId": activity.origin_id,
            },
            "layout": activity.layout,
        }
    }
