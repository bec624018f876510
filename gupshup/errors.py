"""What can go wrong with Gupshup, and what to do about it.

GupshupError            code, reason, retry_after; .refusal has the class and the human texts
├─ Unavailable          no answer, or 5xx to a question        try again later, nothing was changed
│  └─ NotWritten        connect, DNS, TLS                      the same for a send: nothing was written
├─ Throttled            429                                    try again when the pace allows
├─ Unclear              broken after the write, 5xx of a send  the message may be out: never send it again
├─ Rejected             400, 404, 413, other 4xx               final for this message
└─ Misconfigured        401, 403, 400 about app or source      final; the line needs the customer's hand

InvalidMessage          a message that Gupshup or WhatsApp would refuse; raised before anything is sent
"""

from functools import cached_property
from typing import ClassVar

from gupshup.refusals import Kind, Refusal, Scope, refusal

__all__ = [
    "GupshupError",
    "InvalidMessage",
    "Kind",
    "Misconfigured",
    "NotWritten",
    "Refusal",
    "Rejected",
    "Scope",
    "Throttled",
    "Unavailable",
    "Unclear",
    "refusal",
]


class GupshupError(Exception):
    """code: the provider's number, else "gupshup_<http status>", "gupshup_unreachable" or "gupshup_unclear".

    reason: the provider's own words, without the key. retry_after: seconds, if the provider named them.
    str() is the English text of the refusal and may be shown.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, code: str, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(code, reason, retry_after)
        self.code = code
        self.reason = reason
        self.retry_after = retry_after

    @cached_property
    def refusal(self) -> Refusal:
        return refusal(self.code, self.reason)

    def __str__(self) -> str:
        return self.refusal.en


class Unavailable(GupshupError):
    """Gupshup does not answer; the question may be asked again."""

    retryable = True


class NotWritten(Unavailable):
    """The connection failed before a byte of the request was written: even a send may be tried again."""


class Throttled(GupshupError):
    """429: nothing was accepted; try again after retry_after seconds, or with back-off when it is None."""

    retryable = True


class Unclear(GupshupError):
    """The request was written and nobody knows what became of it. A second try could be a second message."""


class Rejected(GupshupError):
    """A definite no to this message."""


class Misconfigured(GupshupError):
    """A definite no to this line: its key, app name, app id or number is wrong."""


class InvalidMessage(ValueError):
    """A message beyond the limits of WhatsApp (Gupshup docs: reference/msg). Nothing was sent.

    code: text_too_long, value_missing, value_invalid, buttons_invalid, list_invalid or template_params.
    field: attribute at fault ("text", "buttons", "params" ...); position: its item, counted from 1.
    limit, actual: numbers where the fault is a number. en, ru: what happened, why, what to do.
    """

    def __init__(
        self,
        code: str,
        field: str,
        en: str,
        ru: str,
        *,
        limit: int | None = None,
        actual: int | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(code, field, en, ru)
        self.code = code
        self.field = field
        self.en = en
        self.ru = ru
        self.limit = limit
        self.actual = actual
        self.position = position

    def __str__(self) -> str:
        return self.en
