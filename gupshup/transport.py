"""One HTTP exchange with Gupshup, and the question every failed send asks of it: did anything of the message leave us?"""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

#: Bytes of an answer: a list of a thousand templates is a megabyte. Seconds for all of an exchange.
MAX_ANSWER_BYTES, TOTAL_S = 8 * 1024 * 1024, 60.0
#: Seconds between two looks for exchanges whose time is up.
TICK_S = 0.5
TOO_SLOW = f"the answer takes longer than {TOTAL_S:.0f} s"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Answer:
    """A complete answer. content: decompressed, otherwise as it came."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


class Broken(Exception):
    """There is no complete answer. `str()` is the cause: "ConnectionRefusedError: [Errno 111] Connection refused".

    was_written: False if certainly no byte of the request's body was written; in doubt True.
    """

    def __init__(self, cause: str, was_written: bool) -> None:
        super().__init__(cause)
        self.was_written = was_written


class _Body:
    """A request's body as a file. urllib3 reads it when the connection stands and the headers are out, so a body that
    nobody has read has not left us: neither on a refused connection nor in a TLS handshake that was cut or hung.
    """

    def __init__(self, content: bytes) -> None:
        self._length = len(content)
        self._file = BytesIO(content)
        self.was_read = False

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        self.was_read = True
        return self._file.read(size)


class _Exchange:
    """An exchange under way. connection: the one it uses, once it has one. is_over: its time was up and it was cut."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.connection: Any = None
        self.is_over = False

    def cut(self) -> None:
        """End the connection, unless it serves another exchange already."""
        self.is_over = True
        sock = self.connection.sock if self.connection is not None and self.connection.exchange is self else None
        if sock is not None:
            with suppress(OSError):
                # Not SSLSocket's own shutdown: it would take TLS away from the thread that reads.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


_exchange: ContextVar[_Exchange | None] = ContextVar("exchange", default=None)
_under_way: set[_Exchange] = set()


@cache
def _watch() -> None:
    """Start, once in a process, the thread that cuts exchanges whose time is up: a thread for each would cost too much."""

    def look() -> None:
        while True:
            time.sleep(TICK_S)
            for exchange in _under_way.copy():
                if monotonic() > exchange.until:
                    exchange.cut()

    threading.Thread(target=look, name="gupshup", daemon=True).start()


@contextmanager
def _within(seconds: float) -> Iterator[_Exchange]:
    """Cut the exchange made in this block after so long. A read timeout counts from byte to byte, in headers as well."""
    _watch()
    exchange = _Exchange(monotonic() + seconds)
    token = _exchange.set(exchange)
    _under_way.add(exchange)
    try:
        yield exchange
    finally:
        _under_way.discard(exchange)
        _exchange.reset(token)


class _Http(HTTPConnection):
    exchange: _Exchange | None = None

    def request(self, *args: Any, **kwargs: Any) -> None:
        """As urllib3; the exchange learns which connection it uses."""
        self.exchange = _exchange.get()
        if self.exchange is not None:
            self.exchange.connection = self
        super().request(*args, **kwargs)


class _Https(_Http, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


def session(pool: int) -> requests.Session:
    """A session for `pool` threads. It repeats nothing and takes no passwords from the environment."""
    made = requests.Session()
    made.trust_env = False
    made.headers["User-Agent"] = f"waba24/{_version()}"
    for scheme in ("https://", "http://"):
        made.mount(scheme, _Adapter(pool_maxsize=pool))
    return made


def exchange(
    http: requests.Session,
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    form: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    timeout: tuple[float, float],
) -> Answer:
    """Send one request and read the whole answer. Raises Broken.

    The adapter is called directly: Session.send would keep cookies, use the environment's proxies and prepare redirects.
    """
    body = _Body(urlencode(form).encode()) if form is not None else None
    sent = {**http.headers, **headers, **(_FORM if body else {})}
    with _within(TOTAL_S) as limit:
        try:
            request = requests.Request(method, url, sent, data=body, params=params).prepare()
            adapter = http.get_adapter(url)
            with adapter.send(request, stream=True, timeout=timeout, verify=http.verify or True) as response:
                content = _content(response)
                if limit.is_over:  # without a length, what was cut looks like the end
                    raise TimeoutError
                return Answer(response.status_code, response.headers, content)
        except (requests.RequestException, HTTPError, HTTPException, OSError) as error:
            cause = f"TimeoutError: {TOO_SLOW}" if limit.is_over else _root_of(error)
            raise Broken(cause, body is None or body.was_read) from None


def _content(response: requests.Response) -> bytes:
    """The body, read in pieces. Raises OSError when it is too long."""
    content = bytearray()
    # read1: what has come, at once. iter_content would wait for a whole piece, however slowly it drips.
    while piece := response.raw.read1(64 * 1024, decode_content=True):
        content += piece
        if len(content) > MAX_ANSWER_BYTES:
            raise OSError(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
    return bytes(content)


def _root_of(error: BaseException) -> str:
    """What really happened, without the wrappings of two libraries, which keep it in `__cause__` or among their `args`."""
    inner: BaseException | None = error
    while inner is not None:
        error = inner
        inner = error.__cause__ or next((part for part in error.args if isinstance(part, BaseException)), None)
    return f"{type(error).__name__}: {error}"


def _version() -> str:
    try:
        return version("waba24")
    except PackageNotFoundError:
        return "0"
