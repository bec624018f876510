"""The life of the app on a portal: install, finish, update, uninstall.

Source: docs, settings/app-installation and api-reference/common/events.
"""

from __future__ import annotations

from bx24.emulator.rules import open_line_setup
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import EventBinding, Installation


def install(
    portal: Portal, install_url: str, app_url: str, *, scope: list[str] | None = None, kind: str = "ui"
) -> Installation:
    """Add the app to the portal, with a new application_token; tokens of an earlier installation stop working.

    An installation that was never finished keeps its application_token: opening the install page again is the same
    installation. kind "api": the app has no pages; its install URL is called with ONAPPINSTALL instead.
    """
    old = portal.installation
    if old.installed or not old.active:
        portal.cloud.tokens.kill(portal.member_id, "reinstalled")
        portal.drop_app_objects()
        open_line_setup.drop_app(portal)
        portal.events.clear()
        portal.placements.clear()
    fresh = Installation(portal.new_id(), portal.cloud.client_id, install_url=install_url, app_url=app_url)
    if scope:
        fresh.scope = tuple(scope)
    if old.active and not old.installed:
        fresh.row_id, fresh.secret = old.row_id, old.secret
    portal.installation = fresh
    if kind == "api":
        portal.events.append(EventBinding(portal.new_id(), "ONAPPINSTALL", install_url, 0))
        finish(portal)
    return fresh


def finish(portal: Portal, *, user_id: int = 1) -> bool:
    """`setInstallFinish`, which sends ONAPPINSTALL. False unless an administrator calls it, and for the first time."""
    user = portal.user(user_id)
    if user is None or not user.is_admin or portal.installation.installed or not portal.installation.active:
        return False
    portal.installation.installed = True
    data = {"VERSION": portal.installation.version, "ACTIVE": "Y", "INSTALLED": "Y", "LANGUAGE_ID": portal.lang}
    portal.raise_event("ONAPPINSTALL", data, user_id=user_id, with_refresh=True)
    return True


def update(portal: Portal, *, user_id: int = 1) -> int:
    """Install a new version: remove robots and activities, send ONAPPUPDATE. Returns the number of handlers called."""
    row = portal.installation
    previous, row.version = row.version, row.version + 1
    portal.drop_app_objects()
    data = {"VERSION": row.version, "PREVIOUS_VERSION": previous, "LANGUAGE_ID": portal.lang}
    sent = portal.raise_event("ONAPPUPDATE", data, user_id=user_id, with_refresh=True)
    portal.events = [binding for binding in portal.events if binding.event != "ONAPPINSTALL"]
    return sent


def uninstall(portal: Portal, *, clean: bool) -> int:
    """Send ONAPPUNINSTALL, without tokens, and remove the app. Returns the number of handlers called."""
    data = {"LANGUAGE_ID": portal.lang, "CLEAN": int(clean)}
    sent = portal.raise_event("ONAPPUNINSTALL", data, user_id=None, send_auth=False)
    portal.installation.active = portal.installation.installed = False
    portal.cloud.tokens.kill(portal.member_id, "uninstalled")
    portal.drop_app_objects()
    open_line_setup.drop_app(portal)
    portal.events.clear()
    portal.placements.clear()
    return sent
