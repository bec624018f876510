"""Gupshup's self-serve API over HTTP. What it raises is drawn in `errors`.

The one thing that matters here: after a failed send, is it certain that nothing was written? Only then may it be tried
again, because Gupshup has neither an idempotency key nor a way to ask what became of a message.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import requests

from gupshup.errors import GupshupError, Misconfigured, NotWritten, Rejected, Throttled, Unavailable, Unclear
from gupshup.messages import MSG_PATH
from gupshup.reading import as_dict, as_id, as_list, as_text, digits, parse_json, storable
from gupshup.refusals import names_bad_settings
from gupshup.templates import TemplateInfo, parse
from gupshup.transport import Answer, Broken, Upload, exchange, session

__all__ = ["MODES", "Account", "Client", "session"]

# Gupshup docs "Subscriptions": FAILED must be named since 2025; SENT, DELIVERED, READ are off by default.
MODES = (
    "MESSAGE",
    "ENQUEUED",
    "FAILED",
    "SENT",
    "DELIVERED",
    "READ",
    "DELETED",
    "TEMPLATE",
    "ACCOUNT",
    "BILLING",
    "OTHERS",
)

_MAX_RETRY_AFTER_S = 3600.0
_REASON_LENGTH = 300
_BODY_SHOWN = 2000


@dataclass(frozen=True)
class Account:
    """One line. phone: digits of the sender. app_id: needed for templates and subscriptions only."""

    api_key: str = field(repr=False)
    app_name: str
    phone: str
    app_id: str = ""


class Client:
    """Thread-safe if its session is (see `session`). timeout: seconds to connect, seconds to wait for bytes."""

    def __init__(self, session: requests.Session, base_url: str, timeout: tuple[float, float] = (5.0, 30.0)) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout

    def send(self, account: Account, destination: str, path: str, form: Mapping[str, str]) -> str:
        """Hand one message to Gupshup and return its id (their `messageId`, later `gsId`).

        destination: digits, country code first. path, form: of a message in `messages`.
        Accepted is not delivered: that comes by webhook, and so do most refusals.
        Raises NotWritten, Throttled (try again), Unclear (never), Rejected, Misconfigured (final).
        https://docs.gupshup.io/reference/msg
        """
        answer = self.ask("POST", path, account, form={**form, **_addressing(account, destination)}, is_send=True)
        message_id = as_id(answer.get("messageId"))
        if not message_id:
            raise Unclear("gupshup_unclear", _reason(answer, "", account) or "accepted, but without a messageId")
        return message_id

    def templates(self, account: Account) -> list[TemplateInfo]:
        """All templates of the app, whatever their status. At most 10 calls a minute are allowed."""
        answer = self.ask("GET", app_path(account, "template"), account)
        listed = answer.get("templates", answer.get("waba_templates"))
        if not isinstance(listed, list):
            # Not an empty list: whoever keeps a copy would throw all templates away.
            raise Unavailable("gupshup_unreachable", _reason(answer, "", account) or "the answer holds no templates")
        parsed = [parse(raw) for raw in listed if isinstance(raw, dict)]
        return [template for template in parsed if template.id]

    def check(self, account: Account) -> None:
        """Ask whether the key is accepted; return if it is. Nothing is sent.

        With an app id the app is asked for one template. Without, a message to nobody is offered: Gupshup refuses it
        with "Invalid Destination" once key, app name and phone are right.
        Raises Misconfigured, Rejected (404: no such app), Throttled, Unavailable.
        """
        if account.app_id:
            self.ask("GET", app_path(account, "template"), account, params={"pageNo": "0", "pageSize": "1"})
            return
        form = {"message": '{"type":"text","text":"?"}', **_addressing(account, "")}
        try:
            self.ask("POST", MSG_PATH, account, form=form)
        except Rejected as error:
            if error.code == "gupshup_404":
                raise

    def subscriptions(self, account: Account) -> list[dict[str, Any]]:
        """The app's webhooks: `id`, `tag`, `url`, `active`, `modes` ..."""
        answer = self.ask("GET", app_path(account, "subscription"), account)
        return [as_dict(raw) for raw in as_list(answer.get("subscriptions"))]

    def subscribe(self, account: Account, url: str, tag: str, modes: Iterable[str] = MODES) -> dict[str, Any]:
        """Have events posted to url. A subscription with this tag is changed, not doubled: an app may have five.

        Raises Misconfigured also for apps that are not live yet; then the customer sets the address in the console.
        https://partner-docs.gupshup.io/reference/setsubscription-api-v3
        """
        # One comma-separated string: a list or a repeated field is silently ignored.
        form = {"url": url, "tag": tag, "version": "2", "modes": ",".join(modes)}
        path = app_path(account, "subscription")
        ours = [as_id(known.get("id")) for known in self.subscriptions(account) if known.get("tag") == tag]
        if ours and ours[0]:
            answer = self.ask("PUT", f"{path}/{quote(ours[0], safe='')}", account, form={**form, "active": "true"})
        else:
            answer = self.ask("POST", path, account, form=form)
        return as_dict(answer.get("subscription"))

    def ask(
        self,
        method: str,
        path: str,
        account: Account,
        *,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        upload: Upload | None = None,
        is_send: bool = False,
    ) -> dict[str, Any]:
        """One call with the account's key; the JSON object of the answer. Raises GupshupError, see `gupshup.errors`."""
        url, headers = self._base_url + path, {"apikey": _key(account), "Accept": "application/json"}
        try:
            answer = exchange(
                self._session, method, url, headers, form=form, params=params, upload=upload, timeout=self._timeout
            )
        except Broken as broken:
            # "from None": what lies behind the error carries the request, and the request carries the key.
            raise _no_answer(broken, is_send) from None
        return _read(answer, account, is_send)


def _key(account: Account) -> str:
    # requests and http.client would complain about such a key in an error that quotes it.
    if not re.fullmatch(r"[!-~]+", account.api_key):
        raise Misconfigured("gupshup_401", "the API key is empty or holds characters no key has")
    return account.api_key


def _addressing(account: Account, destination: str) -> dict[str, str]:
    return {
        "channel": "whatsapp",
        "source": digits(account.phone),
        "destination": digits(destination),
        "src.name": account.app_name,
    }


def app_path(account: Account, what: str) -> str:
    """The path of something that belongs to the line's app. Raises Misconfigured if the line has no app id."""
    if not account.app_id:
        raise Misconfigured("gupshup_app_id", "the line has no app id")
    return f"/wa/app/{quote(account.app_id, safe='')}/{what}"


def _no_answer(broken: Broken, is_send: bool) -> GupshupError:
    reason = str(broken)[:_REASON_LENGTH]
    if not broken.was_written:
        return NotWritten("gupshup_unreachable", reason)
    return Unclear("gupshup_unclear", reason) if is_send else Unavailable("gupshup_unreachable", reason)


def _read(answer: Answer, account: Account, is_send: bool) -> dict[str, Any]:
    """The JSON object of a 2xx, {} if it is none. The Content-Type is not asked: text/html was seen around JSON."""
    said, status = as_dict(parse_json(answer.content)), answer.status
    if 200 <= status < 300:
        return said
    reason = _reason(said, answer.content[:_BODY_SHOWN].decode("utf-8", "replace"), account)
    code = _provider_code(said, status) or f"gupshup_{status}"
    if status == 429:
        raise Throttled(code, reason, _retry_after(answer.headers))
    if status in (401, 403) or status < 400 or (status == 400 and names_bad_settings(reason)):
        raise Misconfigured(code, reason)
    if status < 500:
        raise Rejected(code, reason)
    if is_send:
        raise Unclear(code, reason)
    raise Unavailable("gupshup_unreachable", f"HTTP {status}: {reason}")


def _reason(answer: Mapping[str, Any], text: str, account: Account) -> str:
    """The provider's words: `message`, a string or an object with another `message`; else the start of the body."""
    said = answer.get("message") or answer.get("error")
    inner = as_dict(said).get("message")
    words = as_text(inner) or as_text(said) or text
    return " ".join(storable(words).replace(account.api_key, "***").split())[:_REASON_LENGTH]


def _provider_code(answer: Mapping[str, Any], status: int) -> str:
    for holder in (answer, as_dict(answer.get("message")), as_dict(answer.get("error"))):
        code = as_id(holder.get("code"))
        if code.isdecimal() and code != str(status):
            return code
    return ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from either header; `Retry-After` may also be a date."""
    for name in ("Retry-After", "X-Rate-Limit-Retry-After-Seconds"):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
            return min(float(value), _MAX_RETRY_AFTER_S)
        if value and (moment := _date(value)):
            return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), _MAX_RETRY_AFTER_S)
    return None


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
