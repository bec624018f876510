"""Gupshup's self-serve API over HTTP. What it raises is drawn in `errors`, and read in `answers`.

The one thing that matters here: after a failed send, is it certain that nothing was written? Only then may it be tried
again, because Gupshup has neither an idempotency key nor a way to ask what became of a message.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests

from gupshup.answers import no_answer, read, reason_of
from gupshup.errors import Misconfigured, Rejected, Unavailable, Unclear
from gupshup.messages import MSG_PATH
from gupshup.reading import as_dict, as_id, as_list, digits
from gupshup.templates import TemplateInfo, parse
from gupshup.transport import Broken, Upload, exchange, session

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
            raise Unclear(
                "gupshup_unclear", reason_of(answer, "", account.api_key) or "accepted, but without a messageId"
            )
        return message_id

    def templates(self, account: Account) -> list[TemplateInfo]:
        """All templates of the app, whatever their status. At most 10 calls a minute are allowed."""
        answer = self.ask("GET", app_path(account, "template"), account)
        listed = answer.get("templates", answer.get("waba_templates"))
        if not isinstance(listed, list):
            # Not an empty list: whoever keeps a copy would throw all templates away.
            raise Unavailable(
                "gupshup_unreachable", reason_of(answer, "", account.api_key) or "the answer holds no templates"
            )
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
            raise no_answer(broken, is_send) from None
        return read(answer, account.api_key, is_send)


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
