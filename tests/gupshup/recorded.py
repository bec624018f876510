"""The recorded bodies of Gupshup's webhooks, and the events read from them."""

import json
from pathlib import Path
from typing import Any

from gupshup.webhooks import Event, parse

FIXTURES = Path(__file__).parents[1] / "fixtures/gupshup"
EVENTS = sorted(path for path in FIXTURES.glob("*.json") if "event__" in path.name or "message__" in path.name)


def load(name: str) -> bytes:
    """The recorded body; name: without its extension."""
    return (FIXTURES / f"{name}.json").read_bytes()


def event_of(name: str) -> Event:
    """The only event of the recorded body."""
    (event,) = parse(load(name))
    return event


def changed(name: str, **payload: Any) -> Event:
    """The same event with other values in its payload."""
    envelope = json.loads(load(name))
    envelope["payload"].update(payload)
    (event,) = parse(json.dumps(envelope).encode())
    return event
