"""Activities of every kind: `crm.activity.list`, `get`, `delete`, `binding.*`, `badge.*`, `type.*`, `todo.add`.

Source: docs, api-reference/crm/timeline/activities.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, Page, RestError, access_denied, rest
from bx24.emulator.rest.crm_access import item_to_change, may_see, required, whole
from bx24.emulator.rest.crm_filters import matches, split_key
from bx24.emulator.rest.layout_checks import TAG_TYPES
from bx24.emulator.state.portal import TIME_ZONE
from bx24.emulator.state.timeline import DEFAULT_TYPES, TODO, Activity, Badge

PAGE = 50
MAX_BINDINGS = 100
TYPE_PROVIDER = "6"


def _shown(call: Call, activity: Activity) -> dict[str, Any]:
    """The activity as the older methods show it: upper-case names, strings."""
    return {
        "ID": str(activity.id),
        "OWNER_ID": str(activity.owner[1]),
        "OWNER_TYPE_ID": str(activity.owner[0]),
        "TYPE_ID": TYPE_PROVIDER,
        "PROVIDER_ID": activity.provider,
        "PROVIDER_TYPE_ID": activity.type_id,
        "SUBJECT": activity.title,
        "DESCRIPTION": activity.description,
        "COMPLETED": "Y" if activity.completed else "N",
        "STATUS": "2" if activity.completed else "1",
        "DEADLINE": activity.deadline or None,
        "RESPONSIBLE_ID": str(activity.responsible_id),
        "AUTHOR_ID": str(activity.author_id),
        "ORIGINATOR_ID": activity.originator_id,
        "ORIGIN_ID": activity.origin_id,
        "CREATED": moment(activity.created),
        "LAST_UPDATED": moment(activity.updated or activity.created),
    }


def moment(at: float) -> str:
    return datetime.fromtimestamp(int(at), TIME_ZONE).isoformat()


@rest("crm.activity.list", "crm")
def activity_list(call: Call) -> Page:
    """By default in the order of making. Unknown names in `filter` are ignored: the list is then longer than wanted."""
    rows = [
        (activity, _shown(call, activity))
        for activity in call.portal.timeline.activities.values()
        if _sees(call, activity)
    ]
    criteria = {str(key): value for key, value in php.items(call.params.get("filter"))}
    bindings = criteria.pop("BINDINGS", None)
    found = [
        row
        for activity, row in rows
        if matches(row, _known(criteria, row)) and (bindings is None or _is_bound(activity, bindings))
    ]
    for name, direction in reversed(php.items(call.params.get("order"))):
        found.sort(key=lambda row: _sortable(row.get(name)), reverse=str(direction).lower() == "desc")
    shown = [_selected(row, call.params.get("select")) for row in found]
    offset = max(0, call.start)
    following = offset + PAGE if call.start >= 0 and offset + PAGE < len(shown) else None
    return Page(shown[offset : offset + PAGE], len(shown) if call.start >= 0 else 0, following)


def _known(criteria: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in criteria.items() if split_key(key)[1] in row}


def _sortable(value: Any) -> tuple[int, str]:
    text = "" if value is None else str(value)
    return (int(text), "") if text.isdecimal() else (0, text)


def _selected(row: dict[str, Any], select: Any) -> dict[str, Any]:
    wanted = [str(name) for name in php.values(select)]
    return row if not wanted or "*" in wanted else {name: row[name] for name in wanted if name in row}


def _is_bound(activity: Activity, bindings: Any) -> bool:
    return any(
        all(
            str(item[index]) == str(wanted[name])
            for index, name in enumerate(("OWNER_TYPE_ID", "OWNER_ID"))
            if name in wanted
        )
        for wanted in (dict(php.items(entry)) for entry in php.values(bindings))
        for item in activity.bindings
    )


def _sees(call: Call, activity: Activity) -> bool:
    items = [call.portal.crm.get(*item) for item in activity.bindings]
    return any(item is None or may_see(call, item) for item in items)


def _find(call: Call, number: Any) -> Activity:
    """For the older methods, whose errors have no code."""
    activity = call.portal.timeline.activities.get(php.to_int(number))
    if activity is None or not _sees(call, activity):
        raise RestError("", "Activity is not found.")
    return activity


@rest("crm.activity.get", "crm")
def activity_get(call: Call) -> dict[str, Any]:
    return _shown(call, _find(call, call.params.get("id", call.params.get("ID"))))


@rest("crm.activity.delete", "crm")
def activity_delete(call: Call) -> bool:
    activity = _find(call, call.params.get("id", call.params.get("ID")))
    del call.portal.timeline.activities[activity.id]
    return True


@rest("crm.activity.binding.add", "crm")
def binding_add(call: Call) -> bool:
    """Show an activity on one more item."""
    number, item = whole(call, "activityId"), (whole(call, "entityTypeId"), whole(call, "entityId"))
    activity = call.portal.timeline.activities.get(number)
    if activity is None:
        raise RestError("NOT_FOUND", "Not found.")
    item_to_change(call, item)
    if item in activity.bindings:
        raise RestError("ACTIVITY_IS_ALREADY_BOUND", "Activity is already bound")
    if len(activity.bindings) >= MAX_BINDINGS:
        raise RestError("TOO_MANY_BINDINGS", f"An activity has at most {MAX_BINDINGS} bindings")
    activity.bindings.append(item)
    return True


@rest("crm.activity.binding.list", "crm")
def binding_list(call: Call) -> list[dict[str, int]]:
    activity = call.portal.timeline.activities.get(whole(call, "activityId"))
    if activity is None:
        raise RestError("NOT_FOUND", "Not found.")
    return [{"entityTypeId": entity, "entityId": number} for entity, number in activity.bindings]


@rest("crm.activity.badge.add", "crm")
def badge_add(call: Call) -> dict[str, Any]:
    """Add a badge, or change it."""
    if not call.user.is_admin:
        raise access_denied()
    for name in ("code", "title", "value", "type"):
        if php.is_empty(call.params.get(name)):
            raise RestError("REQUIRED_ARG_MISSING", f"Required argument {name} is missing")
    if call.params["type"] not in TAG_TYPES:
        raise RestError("INVALID_ARG_VALUE", "Invalid value of the argument type")
    badge = Badge(str(call.params["code"]), call.params["title"], call.params["value"], str(call.params["type"]))
    call.portal.timeline.badges[badge.code] = badge
    return {"badge": vars(badge)}


@rest("crm.activity.badge.list", "crm")
def badge_list(call: Call) -> dict[str, Any]:
    return {"badges": [vars(badge) for badge in call.portal.timeline.badges.values()]}


@rest("crm.activity.type.add", "crm")
def type_add(call: Call) -> bool:
    """`fields`: TYPE_ID, NAME, IS_CONFIGURABLE_TYPE `Y` for configurable activities."""
    if not call.user.is_admin:
        raise access_denied()
    fields = dict(php.items(call.params.get("fields")))
    type_id = str(fields.get("TYPE_ID") or "")
    if not type_id or not fields.get("NAME"):
        raise RestError("", "TYPE_ID and NAME are required")
    if type_id in call.portal.timeline.types:
        raise RestError("", "Type already exists")
    configurable = "Y" if fields.get("IS_CONFIGURABLE_TYPE") == "Y" else "N"
    call.portal.timeline.types[type_id] = {
        "TYPE_ID": type_id,
        "NAME": fields["NAME"],
        "IS_CONFIGURABLE_TYPE": configurable,
    }
    return True


@rest("crm.activity.type.list", "crm")
def type_list(call: Call) -> list[dict[str, Any]]:
    return list(call.portal.timeline.types.values())


@rest("crm.activity.todo.add", "crm")
def todo_add(call: Call) -> dict[str, int]:
    """A to-do with a deadline. colorId is 1 to 7."""
    owner = whole(call, "ownerTypeId"), whole(call, "ownerId")
    deadline = str(required(call, "deadline"))
    item = item_to_change(call, owner)
    try:
        datetime.fromisoformat(deadline)
    except ValueError:
        raise RestError("WRONG_DATETIME_FORMAT", "Wrong datetime format") from None
    params, portal = call.params, call.portal
    responsible = php.to_int(params.get("responsibleId")) or int(item.get("assignedById") or call.user.id)
    activity = Activity(
        portal.new_id(),
        TODO,
        DEFAULT_TYPES[TODO],
        [owner],
        portal.clock(),
        call.user.id,
        responsible,
        deadline=deadline,
    )
    activity.title, activity.description = str(params.get("title") or ""), str(params.get("description") or "")
    activity.ping_offsets = [php.to_int(offset) for offset in php.values(params.get("pingOffsets"))]
    portal.timeline.activities[activity.id] = activity
    return {"id": activity.id}
