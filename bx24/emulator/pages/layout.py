"""What all pages share: their language, the values of the base template, and the headers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, request

from bx24.emulator.formats.texts import text_of
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import PlacementBinding, localized

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action *; frame-src *; base-uri 'none'"
)


def register(app: Flask, portal: Portal) -> None:
    @app.after_request
    def headers(response: Response) -> Response:
        if response.mimetype == "text/html" and not request.path.startswith("/rest/"):
            response.headers.setdefault("Content-Security-Policy", CSP)
        chosen = request.args.get("lang", "")
        if chosen in ("ru", "en"):
            response.set_cookie(_cookie(portal), chosen, samesite="Lax")
        return response


def _cookie(portal: Portal) -> str:
    # Two portals of one process share the host name, so they share the cookies.
    return f"lang_{portal.number}"


def language(portal: Portal) -> str:
    """`ru` or `en`: by `?lang=`, else by the cookie, else the portal's own."""
    lang = request.args.get("lang") or request.cookies.get(_cookie(portal), portal.lang)
    return "ru" if lang == "ru" else "en"


def base_values(portal: Portal, page: str) -> dict[str, Any]:
    """Values of `base.html`; `page` is the key of the entry in the navigation."""
    lang = language(portal)

    def t(key: str, **details: object) -> str:
        return text_of(key, lang, **details)

    def lang_url(other: str) -> str:
        return "?" + urlencode({**request.args.to_dict(), "lang": other})

    return {"lang": lang, "lang_url": lang_url, "t": t, "page": page, "portal": portal}


def viewer(portal: Portal) -> int:
    """The id of the user who looks at the page: `?user=2` is an ordinary employee."""
    given = request.args.get("user", "")
    return int(given) if given.isdigit() else portal.viewer_id


def title_of(portal: Portal, row: PlacementBinding, lang: str) -> str:
    """The title of a placement in a language, else its own, else the app's."""
    titles = {str(code).upper(): texts.get("TITLE") for code, texts in row.lang_all.items() if isinstance(texts, dict)}
    return localized(titles, lang) or row.title or portal.installation.title
