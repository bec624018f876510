from datetime import UTC, datetime

import pytest

from bx24 import errors
from bx24.errors import Reaction, error_for, reaction

CODES: list[tuple[str, int, Reaction, type[errors.Bx24Error]]] = [
    ("expired_token", 401, Reaction.REFRESH, errors.Expired),
    ("EXPIRED_TOKEN", 401, Reaction.REFRESH, errors.Expired),
    ("invalid_token", 401, Reaction.REFRESH, errors.Expired),
    ("NO_AUTH_FOUND", 401, Reaction.REFRESH, errors.Expired),
    ("CONNECTION_ERROR", 401, Reaction.RETRY, errors.Unavailable),
    ("INTERNAL_SERVER_ERROR", 500, Reaction.RETRY, errors.Unavailable),
    ("ERROR_UNEXPECTED_ANSWER", 500, Reaction.RETRY, errors.Unavailable),
    ("423", 400, Reaction.RETRY, errors.Unavailable),
    ("QUERY_LIMIT_EXCEEDED", 503, Reaction.THROTTLED, errors.Throttled),
    ("OPERATION_TIME_LIMIT", 429, Reaction.POSTPONE, errors.Postponed),
    ("OVERLOAD_LIMIT", 401, Reaction.POSTPONE, errors.Postponed),
    ("authorization_error", 401, Reaction.REAUTH, errors.Unauthorized),
    ("user_access_error", 403, Reaction.REAUTH, errors.Unauthorized),
    ("INVALID_CREDENTIALS", 403, Reaction.REAUTH, errors.Unauthorized),
    ("invalid_grant", 400, Reaction.DEAD, errors.AuthDead),
    ("APPLICATION_NOT_FOUND", 401, Reaction.INACTIVE, errors.PortalInactive),
    ("PORTAL_DELETED", 500, Reaction.INACTIVE, errors.PortalInactive),
    ("PORTAL_DELETED", 403, Reaction.INACTIVE, errors.PortalInactive),
    ("PAYMENT_REQUIRED", 402, Reaction.INACTIVE, errors.PortalInactive),
    ("invalid_client", 401, Reaction.INACTIVE, errors.PortalInactive),
    ("WRONG_CLIENT", 200, Reaction.INACTIVE, errors.PortalInactive),
    ("NOT_INSTALLED", 200, Reaction.INACTIVE, errors.PortalInactive),
    ("ERROR_OAUTH", 200, Reaction.INACTIVE, errors.PortalInactive),
    ("ACCESS_DENIED", 403, Reaction.PERMANENT, errors.Rejected),
    ("insufficient_scope", 401, Reaction.PERMANENT, errors.Rejected),
    ("WRONG_LICENSE", 403, Reaction.PERMANENT, errors.Rejected),
    ("METHOD_CONFIRM_WAITING", 401, Reaction.PERMANENT, errors.Rejected),
    ("ERROR_METHOD_NOT_FOUND", 404, Reaction.PERMANENT, errors.Rejected),
    ("ERROR_CORE", 400, Reaction.PERMANENT, errors.Rejected),
    ("ERROR_CORE", 500, Reaction.RETRY, errors.Unavailable),
    ("404", 400, Reaction.PERMANENT, errors.Rejected),
    ("", 400, Reaction.PERMANENT, errors.Rejected),
    ("0", 400, Reaction.PERMANENT, errors.Rejected),
    ("100", 400, Reaction.PERMANENT, errors.Rejected),
    ("SOMETHING_NEW", 400, Reaction.PERMANENT, errors.Rejected),
    ("SOMETHING_NEW", 429, Reaction.THROTTLED, errors.Throttled),
    ("SOMETHING_NEW", 502, Reaction.RETRY, errors.Unavailable),
    ("WRONG_AUTH_TYPE", 403, Reaction.BUG, errors.Misused),
    ("ERROR_BATCH_LENGTH_EXCEEDED", 400, Reaction.BUG, errors.Misused),
    ("INVALID_REQUEST", 400, Reaction.BUG, errors.Misused),
]


@pytest.mark.parametrize(("code", "status", "wanted", "kind"), CODES)
def test_each_code_says_what_to_do(code: str, status: int, wanted: Reaction, kind: type[errors.Bx24Error]) -> None:
    assert reaction(code, status) is wanted
    error = error_for(code, "why", status)
    assert type(error) is kind
    assert (error.code, error.description, error.http_status) == (code or "unknown", "why", status)


@pytest.mark.parametrize(
    ("method", "description", "kind"),
    [
        ("bizproc.robot.add", "Access denied!", errors.Unauthorized),
        ("BIZPROC.ACTIVITY.LIST", "Access denied!", errors.Unauthorized),
        ("event.bind", "Access denied!", errors.Unauthorized),
        ("crm.automation.trigger.execute", "Access denied.", errors.Unauthorized),
        ("bizproc.robot.add", "Access denied! Application context required", errors.Rejected),
        ("bizproc.robot.add", "REST is available only on commercial plans.", errors.Rejected),
        ("bizproc.event.send", "Access denied!", errors.Rejected),
        ("bizproc.activity.log", "Access denied!", errors.Rejected),
        ("crm.item.get", "Access denied", errors.Rejected),
    ],
)
def test_access_denied_means_another_user_only_where_an_admin_is_wanted(
    method: str, description: str, kind: type[errors.Bx24Error]
) -> None:
    assert type(error_for("ACCESS_DENIED", description, 403, method=method)) is kind


def test_what_waits_says_how_long() -> None:
    at = datetime(2026, 9, 1, tzinfo=UTC)
    throttled = error_for("QUERY_LIMIT_EXCEEDED", "", 503, retry_after=3.0)
    postponed = error_for("OPERATION_TIME_LIMIT", "", 429, operating_reset_at=at)
    assert isinstance(throttled, errors.Throttled)
    assert throttled.retry_after == 3.0
    assert isinstance(postponed, errors.Postponed)
    assert postponed.operating_reset_at == at


def test_only_what_may_pass_is_retryable() -> None:
    kinds = {kind for _, _, _, kind in CODES}
    assert {kind for kind in kinds if kind.retryable} == {errors.Unavailable, errors.Throttled, errors.Postponed}


def test_an_error_can_be_shown() -> None:
    assert str(errors.Rejected("ERROR_CORE", " it\n broke ")) == "ERROR_CORE: it broke"
    assert str(errors.Rejected("ERROR_CORE")) == "ERROR_CORE"
    assert len(str(errors.Rejected("x" * 1000, "y" * 9000))) < 700
