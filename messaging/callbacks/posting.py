"""One try to deliver an event: a POST to a customer's address, and its result. Nothing that the other side does raises."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from requests import exceptions
from urllib3.exceptions import HTTPError

from messaging.system.public_http import Forbidden, Watch, within

#: Seconds for everything, from looking up the name to the last byte we read.
TOTAL_S = 15.0
#: Bytes of an answer that are read; characters that are kept.
READ_BYTES, KEPT = 4_096, 500


@dataclass(frozen=True)
class Answer:
    """What came of a try. code: of HTTP, None if nothing was answered; then error says why.

    error: `timeout`, `private`, `certificate`, `unreachable`, `secret` (no known key opens the endpoint's secret).
    text: the beginning of the answer. retry_after_s: how long the receiver asks us to wait.
    """

    at: datetime
    took_ms: int
    code: int | None = None
    error: str = ""
    text: str = ""
    retry_after_s: float = 0.0

    @property
    def is_taken(self) -> bool:
        return self.code is not None and 200 <= self.code < 300


def post(session: requests.Session, url: str, body: bytes, headers: Mapping[str, str], at: datetime) -> Answer:
    """Post this body. at: the moment of the try."""
    begun = time.monotonic()
    with within(TOTAL_S) as watch:
        try:
            code, text, retry_after_s = _exchange(session, url, body, headers, at, watch)
            return Answer(at, _ms(begun), code, text=text, retry_after_s=retry_after_s)
        except (exceptions.RequestException, HTTPError, OSError, ValueError) as error:
            return Answer(at, _ms(begun), error="timeout" if watch.over else _kind(error))


def _exchange(
    session: requests.Session, url: str, body: bytes, headers: Mapping[str, str], at: datetime, watch: Watch
) -> tuple[int, str, float]:
    whole = {"Content-Type": "application/json", **headers}
    answer = session.post(url, data=body, headers=whole, timeout=TOTAL_S, stream=True, allow_redirects=False)
    try:
        if watch.over:  # cut within the headers, which then look as if they were complete
            raise exceptions.Timeout
        return answer.status_code, _beginning(answer), _retry_after_s(answer.headers.get("Retry-After", ""), at)
    finally:
        answer.close()


def _beginning(answer: requests.Response) -> str:
    """What people see of an answer. Its code counts, even if the rest does not come."""
    try:
        begin: bytes = answer.raw.read(READ_BYTES, decode_content=False)
    except (HTTPError, OSError, ValueError):
        return ""
    return begin.decode("utf-8", "replace").replace("\x00", "")[:KEPT]


def _retry_after_s(text: str, at: datetime) -> float:
    """Seconds, whether the header has a number or a date; 0 if it has neither."""
    text = text.strip()[:60]
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - at).total_seconds())


def _kind(error: Exception) -> str:
    match error:
        case Forbidden():
            return "private"
        case exceptions.SSLError():
            return "certificate"
        case exceptions.Timeout():
            return "timeout"
    return "unreachable"


def _ms(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
