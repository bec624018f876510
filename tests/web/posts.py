"""POSTs as Bitrix24 sends them: robot calls, events and frames, each of which a test may falsify."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from sqlalchemy import func, select

from messaging.store.models import Base
from tests.flows.scenes import OLGA
from tests.support.world import AUTH, World


def count_of(world: World, model: type[Base]) -> int:
    """How many rows the table has."""
    with world.runtime.db.read() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def auth_of(world: World, user_id: int = 1, portal: Any = None, **changes: str) -> dict[str, Any]:
    """What Bitrix24 sends as `auth` with an event or a robot call."""
    return {**(portal or world.portal).event_auth(user_id, with_refresh=True), **changes}


def encoded(data: dict[str, Any]) -> str:
    """Nested maps as PHP writes them."""
    pairs: list[tuple[str, str]] = []

    def flatten(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                flatten(f"{prefix}[{key}]" if prefix else str(key), inner)
        else:
            pairs.append((prefix, str(value)))

    flatten("", data)
    return urlencode(pairs)


def robot_call(world: World, *, code: str = "robot.send_template", token: str = "wf|A1|x.sig", **auth: str) -> str:
    """The body of a robot's call; `auth` changes its authorization."""
    document = {"0": "crm", "1": "CCrmDocumentDeal", "2": "DEAL_1"}
    return encoded(
        {
            "workflow_id": "wf",
            "code": code,
            "document_id": document,
            "document_type": {**document, "2": "DEAL"},
            "event_token": token,
            "properties": {"template": "welcome", "language": "ru", "phone": OLGA},
            "use_subscription": "Y",
            "auth": auth_of(world, **auth),
        }
    )


def frame_form(world: World, portal: Any = None, user_id: int = 1, **changes: str) -> dict[str, str]:
    """The body of the POST with which Bitrix24 opens a frame, with a fresh token of this user."""
    portal = portal or world.portal
    grant = world.bx.tokens.issue(portal, user_id)
    return {
        "AUTH_ID": grant.access_token,
        "REFRESH_ID": grant.refresh_token,
        "AUTH_EXPIRES": "3600",
        "member_id": portal.member_id,
        "PLACEMENT": "DEFAULT",
        "SERVER_ENDPOINT": f"{AUTH}/rest/",
        **changes,
    }


def open_frame(world: World, page: str, form: dict[str, str], domain: str = "acme.example") -> Any:
    """Open a page of /bx24 with this form as its POST."""
    return world.app.post(f"/bx24/{page}?DOMAIN={domain}&PROTOCOL=1&LANG=ru&APP_SID=0f", data=form)


def post_frame(world: World, path: str) -> Any:
    """Open any page that Bitrix24 frames; `path` has a query already."""
    return world.app.post(f"{path}&DOMAIN=acme.example&PROTOCOL=1&APP_SID=0f", data=frame_form(world))
