"""What Bitrix24 can answer instead of a result, and what to do then.

    Bx24Error           code, description, http_status
    ├─ Unavailable      no connection, HTML, 5xx, the portal cannot reach its auth server    again later, with back-off
    ├─ Throttled        too many calls from us (leaky bucket)                                again after retry_after
    ├─ Postponed        this method has used up its time, or the app is held back            again at operating_reset_at
    ├─ Expired          the access token is not accepted, a renewed one neither              as AuthDead
    ├─ AuthDead         the refresh token is spent                     take another user's; ask an admin to open the app
    ├─ Unauthorized     this user may not, or is dismissed             the same call with another user's (admin's) token
    ├─ PortalInactive   app removed, unpaid, or the portal is gone     stop until a verified install, run or payment
    └─ Rejected         it will never work like this                   tell the person; final
       └─ Misused       nor for anybody else: we called it wrongly     final; fix the code

Codes are compared without case and before the HTTP status: documentation and product differ in the statuses.
Bitrix24 docs: error-codes, _includes/system-errors, settings/oauth/error-codes.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar


class Reaction(StrEnum):
    """What a code asks for. REFRESH: renew the token and repeat once. REAUTH: another user's token."""

    REFRESH = "refresh"
    RETRY = "retry"
    THROTTLED = "throttled"
    POSTPONE = "postpone"
    REAUTH = "reauth"
    DEAD = "dead"
    INACTIVE = "inactive"
    PERMANENT = "permanent"
    BUG = "bug"


class Bx24Error(Exception):
    """`str()` may be shown: it holds Bitrix24's code and words, never a token or an address."""

    retryable: ClassVar[bool] = False

    def __init__(self, code: str, description: str = "", http_status: int = 0) -> None:
        self.code = code[:100]
        self.description = " ".join(description[:2000].split())[:500]
        self.http_status = http_status
        super().__init__(f"{self.code}: {self.description}" if self.description else self.code)


class Unavailable(Bx24Error):
    """Nobody knows whether it was done. Repeat what may be repeated, with back-off."""

    retryable = True


class Throttled(Bx24Error):
    """Not done. Repeat after `retry_after` seconds, doubled each time it comes again."""

    retryable = True

    def __init__(self, code: str, description: str = "", http_status: int = 0, retry_after: float = 1.0) -> None:
        super().__init__(code, description, http_status)
        self.retry_after = retry_after


class Postponed(Bx24Error):
    """Not done. Only this method waits, until `operating_reset_at` (aware); None: not told, wait a minute or more."""

    retryable = True

    def __init__(
        self, code: str, description: str = "", http_status: int = 0, operating_reset_at: datetime | None = None
    ) -> None:
        super().__init__(code, description, http_status)
        self.operating_reset_at = operating_reset_at


class Expired(Bx24Error):
    """The access token is not accepted. Out of Client it comes only when a renewed one was refused as well."""


class AuthDead(Bx24Error):
    """The refresh token was replaced or is too old. Read the stored pair once more, then another user's, then ask."""


class Unauthorized(Bx24Error):
    """Not with this user's token. Repeat with another's, best an administrator's."""


class PortalInactive(Bx24Error):
    """The app does not live there (any more). Mark the portal, do not hammer."""


class Rejected(Bx24Error):
    """Final. The description says why, in English."""


class Misused(Rejected):
    """Final, and our own mistake."""


_TABLE: dict[Reaction, str] = {
    Reaction.REFRESH: "expired_token invalid_token no_auth_found",
    # connection_error: the portal could not reach the auth server. A refresh would not help, and burns the pair.
    # 423: the workflow of bizproc.activity.log is locked at this moment.
    Reaction.RETRY: "connection_error internal_server_error error_unexpected_answer 423",
    Reaction.THROTTLED: "query_limit_exceeded",
    # overload_limit is a manual block of the app: nothing is lost by waiting long, much by insisting.
    Reaction.POSTPONE: "operation_time_limit overload_limit",
    Reaction.REAUTH: "authorization_error user_access_error invalid_credentials",
    Reaction.DEAD: "invalid_grant",
    Reaction.INACTIVE: "application_not_found portal_deleted payment_required invalid_client wrong_client not_installed"
    " error_oauth verification_needed",
    Reaction.PERMANENT: "access_denied insufficient_scope invalid_scope wrong_license method_confirm_waiting"
    " method_confirm_denied error_method_not_found error_argument error_not_found not_found 404 wrong_encoding",
    Reaction.BUG: "wrong_auth_type error_batch_method_not_allowed error_batch_length_exceeded invalid_request",
}
_REACTIONS = {code: reaction for reaction, codes in _TABLE.items() for code in codes.split()}

# Methods that want an administrator. Their bare ACCESS_DENIED means "this user is none"; that of bizproc.event.send,
# whose right is in the event token, is final for everybody.
_ADMIN_METHODS = ("bizproc.robot.", "bizproc.activity.", "crm.automation.trigger.", "event.", "placement.")
_NOT_ADMIN_METHODS = frozenset({"bizproc.activity.log"})
_CLASSES: dict[Reaction, type[Bx24Error]] = {
    Reaction.REFRESH: Expired,
    Reaction.RETRY: Unavailable,
    Reaction.THROTTLED: Throttled,
    Reaction.POSTPONE: Postponed,
    Reaction.REAUTH: Unauthorized,
    Reaction.DEAD: AuthDead,
    Reaction.INACTIVE: PortalInactive,
    Reaction.PERMANENT: Rejected,
    Reaction.BUG: Misused,
}


def reaction(code: str, http_status: int) -> Reaction:
    """What to do about a code. Unknown and empty ones ("", "0", "100" of CRM, ERROR_CORE) go by the HTTP status."""
    known = _REACTIONS.get(code.strip().lower())
    if known is not None:
        return known
    if http_status == 429:
        return Reaction.THROTTLED
    if http_status >= 500:
        return Reaction.RETRY
    return Reaction.PERMANENT


def error_for(
    code: str,
    description: str,
    http_status: int,
    *,
    method: str = "",
    retry_after: float | None = None,
    operating_reset_at: datetime | None = None,
) -> Bx24Error:
    """The exception for one refusal. method: the REST method called, it tells the kinds of ACCESS_DENIED apart."""
    what = reaction(code, http_status)
    if code.strip().lower() == "access_denied" and _wants_admin(method, description):
        what = Reaction.REAUTH
    if what is Reaction.THROTTLED:
        return Throttled(code, description, http_status, retry_after=1.0 if retry_after is None else retry_after)
    if what is Reaction.POSTPONE:
        return Postponed(code, description, http_status, operating_reset_at=operating_reset_at)
    return _CLASSES[what](code or "unknown", description, http_status)


def _wants_admin(method: str, description: str) -> bool:
    words = description.lower()
    if "application context" in words or "commercial" in words:
        return False  # no user of that portal could do it
    name = method.lower()
    return name.startswith(_ADMIN_METHODS) and name not in _NOT_ADMIN_METHODS
