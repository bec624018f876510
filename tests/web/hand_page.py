"""The page of sending by hand, as the portal opens it, and what its forms bring along."""

from __future__ import annotations

import json
import re
from typing import Any

from sqlalchemy import select

from messaging.store.models import Message
from messaging.store.states import Origin
from tests.support.world import World
from tests.web.inside import ADMINISTRATOR
from tests.web.posts import frame_form, open_frame


def opened(world: World, number: int = 1, user_id: int = ADMINISTRATOR, place: str = "CRM_DEAL_DETAIL_TAB") -> Any:
    """The page as the portal opens it in the tab of an item, or from its row."""
    options = json.dumps({"ID": str(number), "URI": f"/crm/deal/details/{number}/"})
    form = frame_form(world, user_id=user_id, PLACEMENT=place, PLACEMENT_OPTIONS=options)
    return open_frame(world, "hand", form)


def hidden(page: Any, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page if isinstance(page, str) else page.text)
    assert found, name
    return found[1]


def who(page: Any, **more: str) -> dict[str, str]:
    """What every form of the page brings along."""
    return {"pass": hidden(page, "pass"), "phone": "0", "line": "1", **more}


def manual(world: World) -> list[Message]:
    with world.runtime.db.read() as session:
        return list(session.scalars(select(Message).where(Message.origin == Origin.MANUAL).order_by(Message.id)))


def chosen(page: Any, name: str) -> str:
    """The id of the template of this name that the page offers."""
    found = re.search(rf'<option value="([^"]+)">{name} ', page.text)
    assert found, name
    return found[1]
