"""EVENT_TOKEN, with which the app answers a waiting step: `<workflow>|<step>|<random>.<signature>`."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from typing import Any

from bx24.emulator.state.portal import Portal

_ALPHABET = string.ascii_letters + string.digits


def new_event_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(32))


def sign(portal: Portal, value: str) -> str:
    """The value with the portal's signature behind it."""
    return f"{value}.{hmac.new(portal.signing_key, value.encode(), hashlib.sha256).hexdigest()}"


def is_valid(portal: Portal, token: Any) -> bool:
    """Whether this portal signed the token. A valid token may still belong to a step that no longer waits."""
    value, _, _ = str(token).rpartition(".")
    return (
        isinstance(token, str)
        and token.count("|") == 2
        and hmac.compare_digest(sign(portal, value).encode(), token.encode())
    )


def workflow_id_of(token: str) -> str:
    return token.partition("|")[0]


def step_name_of(token: str) -> str:
    return token.split("|")[1]
