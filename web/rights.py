"""Whether the person who looks at a page has a right in his portal (messaging.policy.rights)."""

from flask import g

from messaging.policy import rights
from messaging.policy.rights import Person, Right
from messaging.policy.settings import Policy
from messaging.portals import people
from messaging.store.models import Portal
from web.context import runtime
from web.frames import Viewer


def may(viewer: Viewer, portal: Portal, right: Right) -> bool:
    """Whether the viewer, whom Bitrix24's token has proved, has this right; looked up once in a request."""
    known: dict[Right, bool] = g.setdefault("rights", {})
    if right not in known:
        person = Person(
            viewer.user_id, viewer.is_admin, lambda: people.departments_of(runtime(), portal.id, viewer.user_id)
        )
        known[right] = rights.may(Policy.of(portal), right, person)
    return known[right]


def sees_phones(viewer: Viewer, portal: Portal) -> bool:
    """Whether pages show this viewer clients' phones in full; otherwise their middle is masked."""
    return may(viewer, portal, Right.PHONES)
