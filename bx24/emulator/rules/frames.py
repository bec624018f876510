"""The POST with which a portal opens a page of the app in an iframe.

Source: docs, settings/app-installation; component app.layout of the product.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bx24.emulator.formats import php
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import ACCESS_LIFETIME_S, Grant


@dataclass(frozen=True)
class Frame:
    """One rendering of a page of the app: where the browser POSTs, with which fields, and the iframe's name."""

    url: str
    form: dict[str, str]
    app_sid: str
    window_name: str


def new_frame(
    portal: Portal,
    url: str,
    *,
    user_id: int = 1,
    placement: str = "DEFAULT",
    options: dict[str, Any] | None = None,
    lang: str = "",
) -> Frame:
    """Render a page of the app for a user, with new tokens and a new APP_SID each time."""
    app_sid = secrets.token_hex(16)
    query = urlencode(
        {"DOMAIN": portal.domain, "PROTOCOL": int(portal.is_https), "LANG": lang or portal.lang, "APP_SID": app_sid}
    )
    form = _form(portal, portal.cloud.tokens.issue(portal, user_id), placement, options)
    name = f"{portal.domain}|{int(portal.is_https)}|{app_sid}"
    return Frame(url + ("&" if "?" in url else "?") + query, form, app_sid, name)


def _form(portal: Portal, grant: Grant, placement: str, options: dict[str, Any] | None) -> dict[str, str]:
    form = {
        "AUTH_ID": grant.access_token,
        "AUTH_EXPIRES": str(ACCESS_LIFETIME_S),
        "REFRESH_ID": grant.refresh_token,
        "member_id": portal.member_id,
        "status": portal.installation.status,
        "PLACEMENT": placement,
    }
    if options:
        # json_encode of PHP escapes slashes.
        form["PLACEMENT_OPTIONS"] = json.dumps(php.jsonable(options), ensure_ascii=False).replace("/", "\\/")
    if not portal.faults.old_frames:
        form |= {
            "SERVER_ENDPOINT": portal.cloud.server_endpoint,
            "APPLICATION_TOKEN": portal.installation.application_token,
            "APPLICATION_SCOPE": ",".join(portal.installation.scope),
        }
    return form


def post_frame(portal: Portal, frame: Frame) -> tuple[int, str]:
    """Submit the hidden form, as a browser would; (status, body). Call without the lock. Raises OSError."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": portal.base_url,
        "Referer": portal.base_url + "/",
        "User-Agent": "Mozilla/5.0 (emulated browser)",
        "Accept": "text/html,application/xhtml+xml",
    }
    return portal.cloud.post(frame.url, headers, urlencode(frame.form).encode())
