"""One file from somewhere on the internet, into a temporary file: bounded in size, time and redirects.

What a header says is a hint: the size is counted while reading, the kind of file is found out later from its content.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message as HeaderParser
from email.utils import collapse_rfc2231_value
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import requests
import structlog
from urllib3.exceptions import HTTPError, ReadTimeoutError

from messaging.files.problems import Unfetched, limit_of, too_large, unreachable
from messaging.system.public_http import Forbidden, Watch, within

__all__ = ["Download", "Downloaded", "Unfetched", "Visit", "fetch", "origin_of", "shown"]

log = structlog.get_logger(__name__)
HOPS = 5
#: Seconds to connect; between two bytes; for all of it. Bitrix24 gives a workflow's step no limit, a thread is dear.
CONNECT_S, READ_S, TOTAL_S = 5.0, 20.0, 120.0
CHUNK = 64 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
_ORIGIN_ONLY = ("referer", "cookie", "authorization")


@dataclass(frozen=True)
class Downloaded:
    """A file fetched into `path` (to be moved or deleted by whoever asked). name: as the server calls it, unchecked.

    content_type: what the server claims. url: where it was found in the end.
    """

    path: Path
    name: str
    content_type: str
    size: int
    url: str = field(repr=False)


@dataclass
class Visit:
    """What one conversation with servers must remember: cookies, by origin. A public Disk link needs its session."""

    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def take(self, origin: str, response: requests.Response) -> None:
        """Keep the cookies of this answer, at most 20 of each header. origin: scheme, host and port."""
        headers: Any = getattr(response.raw, "headers", None)
        for line in headers.getlist("Set-Cookie") if hasattr(headers, "getlist") else ():
            with contextlib.suppress(CookieError):
                jar = SimpleCookie(line[:4096])
                kept = self.cookies.setdefault(origin, {})
                kept.update(dict([(name, morsel.value) for name, morsel in jar.items()][:20]))

    def header(self, origin: str) -> dict[str, str]:
        kept = self.cookies.get(origin)
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in kept.items())} if kept else {}


def shown(url: str) -> str:
    """A link as it may stand in a log of a workflow: no query, no password, not too long."""
    try:
        parts = urlsplit(url)
        text = f"{parts.hostname or ''}{unquote(parts.path)}"
    except ValueError:
        text = url.partition("?")[0]
    return text if len(text) <= 80 else text[:79] + "…"


def origin_of(url: str) -> str:
    """Scheme, host and port of a link; "" of what is no link."""
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket that is never closed, for one
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower()


@dataclass(frozen=True)
class Download:
    """A link to be fetched into a new temporary file in `folder`, and within which limits.

    media: what the file will be sent as; that kind's size limit counts.
    label: what to call the file in an error, "" = the link.
    headers: Referer, Cookie and Authorization go to the link's own origin only, never to one it redirects to.
    """

    url: str = field(repr=False)
    folder: Path
    media: str = "auto"
    label: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow_http: bool = False
    hops: int = HOPS
    seconds: float = TOTAL_S

    @property
    def name(self) -> str:
        """What to call the file in an error."""
        return self.label or shown(self.url)


def fetch(session: requests.Session, download: Download, visit: Visit | None = None) -> Downloaded:
    """Fetch a link. Raises Unfetched: file_unreachable, file_too_large. visit: cookies of earlier links of this file."""
    with within(download.seconds) as watch:
        try:
            return _follow(session, download, visit or Visit(), watch)
        except Forbidden:
            raise unreachable(download.name, "forbidden") from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, UnicodeError):
            raise unreachable(download.name, "address") from None
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            failure = _failure(error, watch)
            log.info("file not fetched", reason=failure, problem=type(error).__name__)
        # What requests raises quotes the address with the portal's token in it: it must not hang on as a cause.
        raise unreachable(download.name, failure, passing=True)


def _follow(session: requests.Session, download: Download, visit: Visit, watch: Watch) -> Downloaded:
    """The file behind the link and its redirects, each checked like the first link."""
    url = download.url
    for _ in range(download.hops + 1):
        _check(url, download.name, download.allow_http)
        with _open(session, url, _for(url, download.url, download.headers), visit) as response:
            visit.take(origin_of(url), response)
            if response.status_code in _REDIRECTS and response.headers.get("Location"):
                url = urljoin(url, _location(response))
                continue
            _check_status(response.status_code, download.name)
            return _kept(response, download.folder, download.media, download.name, url, watch)
    raise unreachable(download.name, "hops")


def _failure(error: Exception, watch: Watch) -> str:
    """OSError of our own disk counts as a broken connection: nothing is sent, and another try may succeed."""
    if watch.over or isinstance(error, (requests.Timeout, ReadTimeoutError)):
        return "slow"
    return "connection" if isinstance(error, requests.ConnectionError) else "broken"


def _check(url: str, label: str, allow_http: bool) -> None:
    try:
        parts: SplitResult = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise unreachable(label, "address") from None
    if parts.scheme.lower() not in (("http", "https") if allow_http else ("https",)):
        raise unreachable(label, "scheme")
    if not host:
        raise unreachable(label, "address")
    if "@" in parts.netloc:
        raise unreachable(label, "password")


def _for(url: str, first: str, headers: Mapping[str, str]) -> dict[str, str]:
    same = origin_of(url) == origin_of(first)
    return {name: value for name, value in headers.items() if same or name.lower() not in _ORIGIN_ONLY}


def _open(session: requests.Session, url: str, headers: dict[str, str], visit: Visit) -> requests.Response:
    return session.get(
        url,
        headers=headers | visit.header(origin_of(url)),
        stream=True,
        allow_redirects=False,
        timeout=(CONNECT_S, READ_S),
    )


def _location(response: requests.Response) -> str:
    """http.client reads headers as latin-1; a Location in raw UTF-8 is common."""
    text = response.headers["Location"]
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _check_status(status: int, label: str) -> None:
    if status == 200:
        return
    if status in (401, 403, 407):
        raise unreachable(label, "closed", status=status)
    if status in (404, 410):
        raise unreachable(label, "missing", status=status)
    raise unreachable(label, "status", passing=status in (408, 425, 429) or status >= 500, status=status)


def _kept(response: requests.Response, folder: Path, media: str, label: str, url: str, watch: Watch) -> Downloaded:
    limit = limit_of(media)
    claimed = response.headers.get("Content-Length", "")
    if claimed.isascii() and claimed.isdigit() and len(claimed) < 20 and int(claimed) > limit:
        raise too_large(label, media, int(claimed))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix="fetch-", dir=folder)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            size = 0
            # read1: what has come, at once. read(n) would wait for n bytes, however slowly they drip.
            while chunk := response.raw.read1(CHUNK, decode_content=True):
                size += len(chunk)
                if size > limit:
                    raise too_large(label, media, None)
                file.write(chunk)
        if watch.over:  # cut off in the middle, which looks like the end when no length was told
            raise unreachable(label, "slow", passing=True)
        if not size:
            raise unreachable(label, "empty")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()[:100]
    return Downloaded(path, _name(response, url), content_type, size, url)


def _name(response: requests.Response, url: str) -> str:
    """From Content-Disposition, else the last part of the link, else ""."""
    given = response.headers.get("Content-Disposition", "")[:2000]
    with contextlib.suppress(UnicodeError):
        given = given.encode("latin-1").decode("utf-8")
    parser = HeaderParser()
    names: list[str] = []
    with contextlib.suppress(ValueError, TypeError, LookupError):
        parser["Content-Disposition"] = re.sub(r"[\r\n]+", " ", given)
        parameters: list[tuple[str, Any]] = parser.get_params([], header="content-disposition")
        for parameter, value in parameters:
            if parameter.lower() == "filename" and isinstance(value, tuple) and value[0]:
                names.insert(0, collapse_rfc2231_value(value))  # `filename*` goes before `filename`
            elif parameter.lower() == "filename" and isinstance(value, str):
                # Bitrix24 percent-encodes the plain `filename` as well.
                names.append(unquote(value) if re.search(r"%[0-9A-Fa-f]{2}", value) else value)
    return next((name for name in names if name.strip()), "") or unquote(urlsplit(url).path).rpartition("/")[2]
