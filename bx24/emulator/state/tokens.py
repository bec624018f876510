"""The tokens and one-time codes that the auth server gave out."""

from __future__ import annotations

import secrets
from typing import Protocol

from bx24.emulator.state.injected import Clock
from bx24.emulator.state.records import ACCESS_LIFETIME_S, REFRESH_LIFETIME_S, Grant

CODE_LIFETIME_S = 30


class Member(Protocol):
    """A portal, as far as the auth server knows it."""

    member_id: str


class Tokens:
    """Token pairs of all portals. They expire by the clock; a refresh token works once."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._by_access: dict[str, Grant] = {}
        self._by_refresh: dict[str, Grant] = {}
        self._codes: dict[str, tuple[str, int, float]] = {}

    def issue(self, portal: Member, user_id: int) -> Grant:
        now = self.clock()
        prefix = f"{int(now + ACCESS_LIFETIME_S):08x}"
        grant = Grant(
            prefix + secrets.token_hex(31),
            prefix + secrets.token_hex(31),
            portal.member_id,
            user_id,
            now + ACCESS_LIFETIME_S,
            now + REFRESH_LIFETIME_S,
        )
        self._by_access[grant.access_token] = self._by_refresh[grant.refresh_token] = grant
        return grant

    def by_access(self, token: str) -> Grant | None:
        return self._by_access.get(token)

    def by_refresh(self, token: str) -> Grant | None:
        return self._by_refresh.get(token)

    def expired(self, grant: Grant) -> bool:
        return grant.expires_at <= self.clock()

    def usable_refresh(self, grant: Grant) -> bool:
        return not (grant.replaced or grant.dead) and grant.refresh_expires_at > self.clock()

    def expire(self, member_id: str) -> int:
        """Expire all access tokens of a portal; refresh tokens still work. Returns the number of pairs."""
        grants = [grant for grant in self._by_access.values() if grant.member_id == member_id]
        for grant in grants:
            grant.expires_at = min(grant.expires_at, self.clock())
        return len(grants)

    def kill(self, member_id: str, reason: str) -> None:
        """Make all tokens of a portal unusable."""
        for grant in self._by_access.values():
            if grant.member_id == member_id:
                grant.dead = reason

    def code(self, portal: Member, user_id: int) -> str:
        """A one-time code for `redeem`."""
        code = secrets.token_hex(32)
        self._codes[code] = (portal.member_id, user_id, self.clock() + CODE_LIFETIME_S)
        return code

    def redeem(self, code: str) -> tuple[str, int] | None:
        """(member_id, user id) of a code; None if it is unknown, used or older than 30 seconds."""
        member_id, user_id, until = self._codes.pop(code, ("", 0, 0.0))
        return (member_id, user_id) if until > self.clock() else None
