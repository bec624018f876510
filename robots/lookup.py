"""The action behind a URL, and the code Bitrix24 knows it by."""

from activities import ACTIVITIES
from activities.base import Action
from robots import ROBOTS


def action_of(side: str, name: str) -> Action | None:
    """The action behind a URL: `robots/send_text`; None if there is none."""
    if side == "robots":
        return ROBOTS[name][0] if name in ROBOTS else None
    return ACTIVITIES.get(name)


def code_of(side: str, name: str) -> str:
    """The code Bitrix24 knows it by: `robot.send_text`, `activity.send_text`."""
    return f"{side.removesuffix('s') if side == 'robots' else 'activity'}.{name}"
