"""All portals of a process, and the addresses at which they are served."""

from __future__ import annotations

from collections.abc import Callable

from bx24.emulator.state.cloud import Cloud
from bx24.emulator.state.portal import Portal


class Portals:
    """Adds portals, moves them to other addresses, finds them."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.all: list[Portal] = []
        self.serve: Callable[[Portal], str] | None = None
        """Serves a portal on a new port and returns the address. None: there are no sockets, as in most tests."""

    def add(self, base_url: str = "", *, lang: str = "ru") -> Portal:
        """Add a portal; without an address it is served on a new port. Raises ValueError if there are no sockets."""
        if not base_url and self.serve is None:
            raise ValueError("base_url is required when the emulator runs in-process")
        with self.cloud.lock:
            portal = Portal(self.cloud, len(self.all) + 1, base_url or "http://portal.example", lang)
            self.all.append(portal)
        if not base_url and self.serve:
            portal.base_url = self.serve(portal)
        return portal

    def rename(self, portal: Portal, base_url: str = "") -> str:
        """Move a portal to another address and return it; the old address answers REST with 302 from now on.

        Without an address the portal is served on a new port. Raises ValueError if there are no sockets.
        """
        if not base_url and self.serve is None:
            raise ValueError("url is required when the emulator runs in-process")
        new = base_url or (self.serve(portal) if self.serve else "")
        with self.cloud.lock:
            portal.old_hosts.add(portal.domain)
            portal.base_url = new.rstrip("/")
            portal.old_hosts.discard(portal.domain)
        return portal.base_url

    def by_member_id(self, member_id: str) -> Portal | None:
        return next((portal for portal in self.all if portal.member_id == member_id), None)
