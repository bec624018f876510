"""Where the next page of a list begins: signed, so that only what we have given out is read, and bound to the question.

A cursor holds the place of the last row that was shown. Lists show the newest first, so rows that are added meanwhile stand
before the first page and move nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from messaging.runtime import Runtime

#: Characters of a cursor at most.
LENGTH = 300
#: Numbers, or short names where rows have no number that stays.
Place = list[Any]


class WrongCursor(ValueError):
    """The text is no cursor of ours, or a cursor of another question."""


def write(runtime: Runtime, question: Mapping[str, Any], place: Place) -> str:
    """The cursor behind this place. question: all that was asked, except the cursor and the length of a page."""
    return _serializer(runtime).dumps([_digest(question), *place])


def read(runtime: Runtime, question: Mapping[str, Any], cursor: str) -> Place:
    """The place that `write` was given. Raises WrongCursor."""
    place: Place
    try:
        digest, *place = _serializer(runtime).loads(cursor)
    except (BadData, ValueError):
        raise WrongCursor from None
    if digest != _digest(question):
        raise WrongCursor
    return place


def _digest(question: Mapping[str, Any]) -> str:
    written = json.dumps(dict(question), sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def _serializer(runtime: Runtime) -> URLSafeSerializer:
    return URLSafeSerializer(list(reversed(runtime.cipher.keys)), salt="cursor of the API")
