"""Gupshup's partner API, as far as it tells of money and limits: wallet, WABA info, ratings.

Partner docs: "Get Access Token", "Check Wallet Balance", "Get WABA info", "Quality rating". It is open to Gupshup's partners
only. A partner's token, or its e-mail and client secret, opens the way to a token of each app, which does not expire; it is
kept in memory. Gupshup's pages name the header `token` and `Authorization`: both are sent, as others do.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from threading import Lock
from typing import Any, Self
from urllib.parse import quote

import requests

from gupshup.answers import no_answer, read
from gupshup.errors import Misconfigured, Unavailable
from gupshup.reading import as_dict, as_id, as_list, as_reason, as_time
from gupshup.transport import Broken, exchange

_MILLION = 1_000_000
#: Errors of a number that are kept.
_ERRORS = 5


@dataclass(frozen=True)
class Balance:
    """An app's wallet, in millionths of `currency`. overdraft: down to which balance Gupshup sends; 0 or negative."""

    amount: int
    overdraft: int
    currency: str


@dataclass(frozen=True)
class WabaInfo:
    """What WhatsApp says about a number, in its own capitals; "" for what is not told. errors: (what, what to do).

    account: ACTIVE, BANNED; connection: CONNECTED, FLAGGED …; limit: TIER_…; quality: GREEN, YELLOW, RED; throughput: HIGH,
    STANDARD; can_send: AVAILABLE, LIMITED, BLOCKED.
    """

    account: str = ""
    connection: str = ""
    limit: str = ""
    quality: str = ""
    throughput: str = ""
    can_send: str = ""
    errors: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        """From what `to_dict` made."""
        return cls(**{**stored, "errors": tuple(tuple(pair) for pair in stored.get("errors") or ())})


@dataclass(frozen=True)
class Rating:
    """The newest change of quality or limit; at: when, None if Gupshup does not say."""

    quality: str
    limit: str
    at: datetime | None


class Partner:
    """Thread-safe. credentials: a partner's token, or "e-mail:client secret"."""

    def __init__(
        self, session: requests.Session, base_url: str, credentials: str, timeout: tuple[float, float] = (5.0, 30.0)
    ) -> None:
        self._session, self._base_url, self._timeout = session, base_url.rstrip("/"), timeout
        self._credentials = credentials
        self._lock = Lock()
        self._tokens: dict[str, str] = {}

    def balance(self, app_id: str) -> Balance:
        """The wallet; at most 10 calls a second are allowed. Raises GupshupError."""
        wallet = as_dict(self._ask(app_id, "wallet/balance").get("walletResponse"))  # older answers lack `status`
        amount, overdraft = _millionths(wallet.get("currentBalance")), _millionths(wallet.get("overDraftLimit"))
        if amount is None:
            raise Unavailable("gupshup_unreachable", "the answer holds no balance")
        return Balance(amount, min(0, overdraft or 0), as_id(wallet.get("currency")).upper()[:3])

    def info(self, app_id: str) -> WabaInfo:
        """What WhatsApp says about the app's number; at most 10 calls a minute. Raises GupshupError."""
        told = as_dict(self._ask(app_id, "waba/info").get("wabaInfo"))
        errors = [as_dict(one) for one in as_list(told.get("errors"))[:_ERRORS]]
        return WabaInfo(
            account=_word(told, "accountStatus"),
            connection=_word(told, "dockerStatus"),
            limit=_word(told, "messagingLimit"),
            quality=_word(told, "phoneQuality"),
            throughput=_word(told, "throughput"),
            can_send=_word(told, "canSendMessage"),
            errors=tuple(
                (as_reason(one.get("error_description"))[:300], as_reason(one.get("possible_solution"))[:300])
                for one in errors
            ),
        )

    def rating(self, app_id: str) -> Rating | None:
        """The newest change of quality; None: there has been none. Renewed once a day: ask daily. Raises GupshupError."""
        told = self._ask(app_id, "ratings")
        if not _word(told, "phoneQuality"):
            return None
        return Rating(_word(told, "phoneQuality"), _word(told, "currentLimit"), as_time(told.get("eventTime")))

    def _ask(self, app_id: str, what: str) -> dict[str, Any]:
        if not app_id:
            raise Misconfigured("gupshup_app_id", "the line has no app id")
        path = f"/partner/app/{quote(app_id, safe='')}/{what}"
        token, is_kept = self._app_token(app_id)
        try:
            return self._call("GET", path, token)
        except Misconfigured:
            if not is_kept:
                raise
        # It was taken back: a new one is fetched once.
        with self._lock:
            self._tokens.pop(app_id, None)
        return self._call("GET", path, self._app_token(app_id)[0])

    def _app_token(self, app_id: str) -> tuple[str, bool]:
        """The app's token, and whether it was known before."""
        with self._lock:
            known = self._tokens.get(app_id, "")
        if known:
            return known, True
        answer = self._call("GET", f"/partner/app/{quote(app_id, safe='')}/token", self._partner_token())
        token = as_id(as_dict(answer.get("token")).get("token"))
        if not token:
            raise Misconfigured("gupshup_401", "Gupshup gives no token for this app: link it to your partner account")
        with self._lock:
            self._tokens[app_id] = token
        return token, False

    def _partner_token(self) -> str:
        email, is_pair, secret = self._credentials.partition(":")
        if not is_pair:
            return self._credentials
        form = {"email": email, "password": secret}
        token = as_id(self._call("POST", "/partner/account/login", "", form).get("token"))
        if not token:
            raise Misconfigured("gupshup_401", "the login gave no token")
        return token

    def _call(self, method: str, path: str, token: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        headers = {"Accept": "application/json", **({"token": token, "Authorization": token} if token else {})}
        secret = token or self._credentials.partition(":")[2]
        try:
            answer = exchange(self._session, method, self._base_url + path, headers, form=form, timeout=self._timeout)
        except Broken as broken:
            raise no_answer(broken, is_send=False) from None
        return read(answer, secret, is_send=False)


def _word(told: dict[str, Any], name: str) -> str:
    return as_id(told.get(name)).upper()[:30]


def _millionths(value: object) -> int | None:
    """Of a sum that JSON writes as a number; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
        return int(amount * _MILLION) if abs(amount) < 10**9 else None
    except (InvalidOperation, ValueError, OverflowError):
        return None
