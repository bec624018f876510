"""What a click in the timeline does: it opens an address or the app, or sends `onCrmTimelineItemAction` to the app.

Source: crm/lib/service/timeline/layout/factory/restappconfigurable/actionfactory.php and
crm/lib/activity/entity/configurablerestapp/eventhandler.php.
"""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.timeline import Activity, Item

EVENT = "ONCRMTIMELINEITEMACTION"


def find_action(activity: Activity, path: str) -> dict[str, Any]:
    """The action at a path of the layout, such as `footer.buttons.resend.action`. Raises KeyError."""
    node: Any = activity.layout
    for part in path.split("."):
        node = dict(php.items(node))[part]
    if not isinstance(node, dict) or "type" not in node:
        raise KeyError(path)
    return node


def click(portal: Portal, activity: Activity, path: str, *, item: Item, user_id: int) -> dict[str, Any]:
    """Do the action on behalf of a user who looks at the timeline of `item`.

    Returns {"type", and: "uri" | "animation", "sent" (the number of handlers) | "params", "slider"}.
    """
    action = find_action(activity, path)
    params = {key: str(value) for key, value in php.items(action.get("actionParams"))}
    context = {"entityTypeId": item[0], "entityId": item[1], "activityId": activity.id}
    if action["type"] == "redirect":
        return {"type": "redirect", "uri": str(action["uri"])}
    if action["type"] == "openRestApp":
        slider = dict(php.items(action.get("sliderParams")))
        opened = {**params, **{key: str(value) for key, value in context.items()}}
        return {"type": "openRestApp", "params": opened, "slider": slider}
    # The context wins over parameters of the same names.
    sent = portal.raise_event(EVENT, {**params, **context, "id": action["id"]}, user_id=user_id)
    return {"type": "restEvent", "animation": action.get("animationType") or "", "sent": sent}
