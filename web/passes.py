"""Passes: what the portal has told us about a chat or a card when a person opened it, for the forms of that page.

A pass is encrypted, so that a page may hold what its viewer may not see: a client's phone. It counts for this person alone, on
the kind of page that it was made for, and for a day.
"""

import json
from collections.abc import Mapping
from typing import Any

from messaging.store.crypto import Undecryptable
from web.context import runtime
from web.frames import RENEWABLE_S, Viewer


class Ended(Exception):
    """The pass is too old, or it is another person's, or none."""


def issue(purpose: str, viewer: Viewer, said: Mapping[str, Any]) -> str:
    """A pass for the forms of this viewer's page. said: JSON."""
    now = int(runtime().clock().timestamp())
    whose = {"for": purpose, "member": viewer.member_id, "user": viewer.user_id, "at": now}
    return runtime().cipher.encrypt(json.dumps({**whose, "said": dict(said)}, ensure_ascii=False))


def read(purpose: str, viewer: Viewer, given: str) -> dict[str, Any]:
    """What `issue` was told. Raises Ended."""
    try:
        found = json.loads(runtime().cipher.decrypt(given))
    except (Undecryptable, ValueError):
        raise Ended from None
    if (found["for"], found["member"], found["user"]) != (purpose, viewer.member_id, viewer.user_id):
        raise Ended
    if found["at"] < runtime().clock().timestamp() - RENEWABLE_S:
        raise Ended
    return dict(found["said"])
