"""Whose turn it is for what takes long: files of a portal's rows, and questions that add up many of them.

The threads of a process serve robots and webhooks, too: of each kind two work at a time, for one portal one. A portal whose
question took long rests as long, so that nobody who asks again and again keeps the places for himself.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

from flask import Response
from flask_babel import gettext as _
from werkzeug.exceptions import ServiceUnavailable

from messaging.limits import bounds
from messaging.limits.concurrency import ConcurrencyLimit
from messaging.store.models import Portal
from web.frames import Viewer
from web.refusals import Reason, because

View = TypeVar("View", bound=Callable[..., Any])
_files = ConcurrencyLimit(bounds.FILES_AT_ONCE, patience_s=5, slow_s=60)
_questions = ConcurrencyLimit(bounds.QUESTIONS_AT_ONCE, slow_s=bounds.SLOW_QUESTION_S)


@contextmanager
def question(portal_id: int) -> Iterator[None]:
    """Add up many rows of a portal during the block. Raises ServiceUnavailable if it is not its turn soon."""
    with _questions.acquire(str(portal_id)) as is_free:
        if not is_free:
            because(Reason.BUSY)
            raise ServiceUnavailable
        yield


def asks_in_turn(view: View) -> View:
    """For a page that adds up many rows; stands below the decorator that names viewer and portal."""

    @wraps(view)
    def waiting(viewer: Viewer, portal: Portal, *args: Any, **kwargs: Any) -> Any:
        with question(portal.id):
            return view(viewer, portal, *args, **kwargs)

    return waiting  # type: ignore[return-value]


def takes_turn(view: View) -> View:
    """For a view that makes a file, whole, before it answers; else a sentence says to try again.

    The file is made whole because whoever reads it slowly must not keep the place.
    """

    @wraps(view)
    def waiting(viewer: Viewer, portal: Portal, *args: Any, **kwargs: Any) -> Any:
        with _files.acquire(str(portal.id)) as is_free:
            if not is_free:
                because(Reason.BUSY)
                return said(_("Other files are being made just now. Try again in a minute."), 503)
            return view(viewer, portal, *args, **kwargs)

    return waiting  # type: ignore[return-value]


def said(words: str, status: int) -> Response:
    """Why there is no file; static/download.js shows the sentence."""
    return Response(words, status, content_type="text/plain; charset=utf-8")
