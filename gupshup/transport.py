"""The HTTP session, and the question every failed send asks of it: was anything written?"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from ssl import SSLCertVerificationError
from typing import Any
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ClosedPoolError, ConnectTimeoutError, EmptyPoolError, HTTPError, NewConnectionError

# Each of them rises before the first byte of a request. A failed certificate check is one, any other SSL error is not:
# it may come after the write, and `session` has already renamed those of the handshake.
_NEVER_WRITTEN = (
    NewConnectionError,
    ConnectTimeoutError,
    EmptyPoolError,
    ClosedPoolError,
    SSLCertVerificationError,
    requests.exceptions.ConnectTimeout,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


def was_never_written(error: BaseException) -> bool:
    """Whether it is certain that no byte of the request left us. In doubt: False."""
    return any(isinstance(link, _NEVER_WRITTEN) for link in _chain(error))


def root_of(error: BaseException) -> str:
    """What really happened, without the wrappings of two libraries: "ConnectionRefusedError: ..."."""
    *_, root = _chain(error)
    return f"{type(root).__name__}: {root}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps: urllib3 keeps it in `reason`, requests in `args`, both sometimes in `__cause__`.

    Not `__context__`: it also holds whatever the caller was handling, say the refused connection of an earlier try,
    and a broken send would pass for one that was never written.
    """
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        inner = [getattr(link, "reason", None), *link.args, link.__cause__]
        link = next((candidate for candidate in inner if isinstance(candidate, BaseException)), None)


def session(pool: int) -> requests.Session:
    """A session for `pool` threads: no retries, no cookies, no proxies or passwords from the environment."""
    made = requests.Session()
    made.trust_env = False
    made.headers["User-Agent"] = f"waba24/{_version()}"
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = _Adapter(max_retries=Retry(total=0), pool_connections=4, pool_maxsize=pool)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made


def exchange(
    http: requests.Session,
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    data: Mapping[str, str] | None,
    params: Mapping[str, str] | None,
    timeout: tuple[float, float],
) -> requests.Response:
    """One request and its whole answer; no redirect is followed.

    Handed to the session's adapter as it is: what Session.request does besides (cookies, proxies, hooks, the history of
    redirects) we have switched off, and it is a third of the cost of a send.
    """
    request = requests.PreparedRequest()
    request.method = method
    request.url = f"{url}?{urlencode(params)}" if params else url
    request.headers = CaseInsensitiveDict({**{name: str(value) for name, value in http.headers.items()}, **headers})
    if data is not None:
        request.body = urlencode(data).encode()
        request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        request.headers["Content-Length"] = str(len(request.body))
    adapter = http.get_adapter(request.url)
    response = adapter.send(
        request, stream=True, timeout=timeout, verify=True if http.verify is None else http.verify, cert=http.cert
    )
    response.content  # noqa: B018  # read here: the connection goes back, and what breaks off is told from the rest
    return response


@contextmanager
def _connecting(connection: HTTPConnection) -> Iterator[None]:
    """Give every failure to connect one type. urllib3 reports a TLS handshake that hangs as a read timeout, one that is
    cut as a broken connection: just like failures after the write, which must never be repeated.
    """
    try:
        yield
    except (OSError, HTTPError, HTTPException, ValueError) as error:
        raise NewConnectionError(connection, f"{type(error).__name__}: {error}") from error


class _HttpConnection(HTTPConnection):
    def connect(self) -> None:
        with _connecting(self):
            super().connect()


class _HttpsConnection(HTTPSConnection):
    def connect(self) -> None:
        with _connecting(self):
            super().connect()


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


def _version() -> str:
    try:
        return version("waba24")
    except PackageNotFoundError:
        return "0"
