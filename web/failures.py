"""The page that people see when a page fails or does not exist: what happened, what to do, a number to quote.

Bitrix24, Gupshup and scripts get the status without a body.
"""

from secrets import token_hex

import structlog
from flask import Flask, Response, g, request
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException, TooManyRequests

from bx24.i18n import language
from messaging.limits.bounds import KB, MB
from messaging.limits.quotas import OverQuota
from web.frames import page, speak
from web.refusals import Reason, because

#: Status → a case of templates/refused.html and templates/pages/problem.html; any other below 500 is "not_found".
_PROBLEMS = {413: "too_large", 429: "too_many", 503: "busy"}
log = structlog.get_logger(__name__)


def attach(app: Flask) -> None:
    """Let this module answer every HTTP error of the app."""
    app.register_error_handler(HTTPException, answered)
    app.register_error_handler(OverQuota, _too_often)


def _too_often(error: OverQuota) -> Response:
    log.warning("over a quota", path=request.path, problem=str(error), again_s=round(error.again_s, 1))
    because(Reason.QUOTA, error.again_s)
    return answered(TooManyRequests())


def answered(error: HTTPException) -> Response:
    """The page or the empty answer that says so."""
    status = error.code or 500
    if status < 400:
        return Response(headers=error.get_response().headers, status=status)  # a redirect
    number = token_hex(4) if status >= 500 and status not in _PROBLEMS else ""
    if number:  # Flask has just logged what it was
        log.error("request failed", number=number, endpoint=request.endpoint, error=type(_cause(error)).__name__)
    if not _is_read_by_people():
        allowed = error.get_response().headers.get("Allow")
        return Response(status=status, headers={"Allow": allowed} if allowed else None)
    if "language" not in g:
        speak(language(request.args.get("LANG") or request.accept_languages.best_match(["ru", "en"], "en")))
    words = {"number": number, "limit": _size(request.max_content_length or 0)}
    problem = "broken" if number else _PROBLEMS.get(status, "not_found")
    if request.headers.get("HX-Request"):
        shown = {"base": "pages/fragment.html", "section": "", "banner": None}
        return page("pages/problem.html", None, status, problem=problem, **words, **shown)
    return page("refused.html", None, status, reason=problem, **words)


def _size(limit: int) -> str:
    """How many bytes a body may have, in words: "512 KB"."""
    return str(_("%(number)s MB", number=limit // MB) if limit >= MB else _("%(number)s KB", number=limit // KB))


def _cause(error: HTTPException) -> BaseException:
    return getattr(error, "original_exception", None) or error


def _is_read_by_people() -> bool:
    return request.path.startswith(("/app", "/bx24/install", "/bx24/app")) or request.path.endswith("/settings")


__all__ = ["answered", "attach"]
