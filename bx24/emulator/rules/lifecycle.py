"""Install, finish, update, uninstall; and the frame POST a portal's page makes the browser send.

Source: docs, settings/app-installation and api-reference/common/events; components app.layout of the product.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bx24.emulator.formats import php
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import ACCESS_LIFETIME_S, EventBinding, Installation


@dataclass(frozen=True)
class Frame:
    """One rendering of an app page: where the browser POSTs, with which fields, and the iframe's name."""

    url: str
    form: dict[str, str]
    app_sid: str
    window_name: str


def frame(
    portal: Portal,
    url: str,
    *,
    user_id: int = 1,
    placement: str = "DEFAULT",
    options: dict[str, Any] | None = None,
    lang: str = "",
) -> Frame:
    """Mint a fresh token pair for the user and a fresh APP_SID, as every rendering does."""
    grant = portal.cloud.tokens.issue(portal, user_id)
    app_sid = secrets.token_hex(16)
    query = urlencode(
        {"DOMAIN": portal.domain, "PROTOCOL": int(portal.is_https), "LANG": lang or portal.lang, "APP_SID": app_sid}
    )
    form = {
        "AUTH_ID": grant.access_token,
        "AUTH_EXPIRES": str(ACCESS_LIFETIME_S),
        "REFRESH_ID": grant.refresh_token,
        "member_id": portal.member_id,
        "status": portal.installation.status,
        "PLACEMENT": placement,
    }
    if options:
        form["PLACEMENT_OPTIONS"] = json.dumps(php.jsonable(options), ensure_ascii=False).replace("/", "\\/")
    if not portal.faults.old_frames:
        form |= {
            "SERVER_ENDPOINT": portal.cloud.server_endpoint,
            "APPLICATION_TOKEN": portal.installation.application_token,
            "APPLICATION_SCOPE": ",".join(portal.installation.scope),
        }
    name = f"{portal.domain}|{int(portal.is_https)}|{app_sid}"
    return Frame(url + ("&" if "?" in url else "?") + query, form, app_sid, name)


def post_frame(portal: Portal, made: Frame) -> tuple[int, str]:
    """Do what the browser would: submit the hidden form. Not under the lock. Raises OSError."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": portal.base_url,
        "Referer": portal.base_url + "/",
        "User-Agent": "Mozilla/5.0 (emulated browser)",
        "Accept": "text/html,application/xhtml+xml",
    }
    return portal.cloud.post(made.url, headers, urlencode(made.form).encode())


def install(
    portal: Portal, install_url: str, app_url: str, *, scope: list[str] | None = None, kind: str = "ui"
) -> Installation:
    """Add the app to the portal (again): a new row, a new application_token; the tokens of an old install die.

    kind "api": nobody opens a page; the install URL is bound to ONAPPINSTALL and called by the queue.
    """
    old = portal.installation
    if old.installed or not old.active:
        portal.cloud.tokens.kill(portal.member_id, "reinstalled")
        portal.drop_app_objects()
        portal.events.clear()
        portal.placements.clear()
    fresh = Installation(portal.new_id(), portal.cloud.client_id, install_url=install_url, app_url=app_url)
    if scope:
        fresh.scope = tuple(scope)
    # The row that was never finished keeps its secrets: opening the install page again is the same install.
    if old.active and not old.installed:
        fresh.row_id, fresh.secret = old.row_id, old.secret
    portal.installation = fresh
    if kind == "api":
        bind_install(portal, install_url)
        finish(portal)
    return fresh


def bind_install(portal: Portal, url: str) -> None:
    portal.events.append(EventBinding(portal.new_id(), "ONAPPINSTALL", url, 0))


def finish(portal: Portal, *, user_id: int = 1) -> bool:
    """`setInstallFinish`: by an administrator, once. Raises the event that waited for it."""
    user = portal.user(user_id)
    if user is None or not user.is_admin or portal.installation.installed or not portal.installation.active:
        return False
    portal.installation.installed = True
    data = {"VERSION": portal.installation.version, "ACTIVE": "Y", "INSTALLED": "Y", "LANGUAGE_ID": portal.lang}
    portal.raise_event("ONAPPINSTALL", data, user_id=user_id, with_refresh=True)
    return True


def update(portal: Portal, *, user_id: int = 1) -> int:
    """A new version: robots, activities and their settings pages go, and ONAPPUPDATE says so. Returns receivers."""
    row = portal.installation
    previous, row.version = row.version, row.version + 1
    portal.drop_app_objects()
    data = {"VERSION": row.version, "PREVIOUS_VERSION": previous, "LANGUAGE_ID": portal.lang}
    sent = portal.raise_event("ONAPPUPDATE", data, user_id=user_id, with_refresh=True)
    portal.events = [binding for binding in portal.events if binding.event != "ONAPPINSTALL"]
    return sent


def uninstall(portal: Portal, *, clean: bool) -> int:
    """ONAPPUNINSTALL without tokens, then everything of the app is gone. Returns how many handlers were told."""
    data = {"LANGUAGE_ID": portal.lang, "CLEAN": int(clean)}
    sent = portal.raise_event("ONAPPUNINSTALL", data, user_id=None, send_auth=False)
    portal.installation.active = portal.installation.installed = False
    portal.cloud.tokens.kill(portal.member_id, "uninstalled")
    portal.drop_app_objects()
    portal.events.clear()
    portal.placements.clear()
    return sent
