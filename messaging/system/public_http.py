"""Requests of ours reach the public internet only, whatever address a portal, a customer or a webhook names.

A name is looked up once; each address it has is judged here, and the connection goes to an address that passed, so a
name that changes its mind between check and connection gains nothing. SNI, Host and the certificate stay those of the
name. `ipaddress.is_global` alone is not enough: it calls multicast, 6to4, site-local and mapped addresses global.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from importlib import metadata
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family, create_connection

# Called global by ipaddress, or by some of its releases, yet no place of a portal or a file: protocol assignments,
# relays of 6to4, Azure's agent inside every virtual machine.
_NOT_V4 = [ip_network(net) for net in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")]
_UNICAST = ip_network("2000::/3")
# Protocol assignments with Teredo, documentation (twice), 6to4.
_NOT_V6 = [ip_network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
_NAT64 = ip_network("64:ff9b::/96")


class Forbidden(requests.ConnectionError):
    """The address is none of the public internet, or not https; nothing was sent."""


class _Unroutable(NewConnectionError):
    """As `Forbidden`, on its way up through urllib3."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet. IPv6 that carries an IPv4 address is judged by that one."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return ip.is_global and not (ip.is_multicast or ip.is_reserved) and not any(ip in net for net in _NOT_V4)
    inner = _carried(ip)
    if inner is not None:
        return is_public(str(inner))
    return ip in _UNICAST and ip.is_global and not any(ip in net for net in _NOT_V6)


def _carried(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address in a mapped one, and in NAT64's: on some networks every host of the world looks like that."""
    return IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip.ipv4_mapped


def _is_loopback(address: str) -> bool:
    ip = ip_address(address.partition("%")[0])
    inner = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return (inner or ip).is_loopback


class _Checked(HTTPConnection):
    """A connection to an address that was checked."""

    loopback: ClassVar[bool] = False

    def _new_conn(self) -> socket.socket:
        watch = _watch.get()
        failure: Exception | None = None
        for address in self._addresses():
            if watch is not None and watch.over:
                raise ConnectTimeoutError(self, "out of time")
            try:
                # A literal address: create_connection looks up nothing any more.
                sock = create_connection(
                    (address, self.port or self.default_port),
                    self.timeout,
                    source_address=self.source_address,
                    socket_options=self.socket_options,
                )
            except TimeoutError as error:
                failure = ConnectTimeoutError(self, f"connecting to {self.host} took too long: {error}")
            except OSError as error:
                failure = NewConnectionError(self, f"no connection to {self.host}: {error}")
            else:
                if watch is not None:
                    watch.add(sock)
                return sock
        raise failure or NewConnectionError(self, f"{self.host} has no address")

    def request(self, *args: Any, **kwargs: Any) -> None:
        """As urllib3, and a connection that was kept alive is cut in time, too."""
        watch = _watch.get()
        if watch is not None and self.sock is not None:
            watch.add(self.sock)
        super().request(*args, **kwargs)

    def _addresses(self) -> list[str]:
        """The addresses of the host that we may talk to. Raises _Unroutable if it has others only."""
        host = self._dns_host.strip("[]")
        try:
            found = socket.getaddrinfo(host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            reason = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
            raise NameResolutionError(self.host, self, reason) from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        allowed = [one for one in addresses if is_public(one) or (self.loopback and _is_loopback(one))]
        if addresses and not allowed:
            raise _Unroutable(self, f"{self.host} is not in the public internet")
        return allowed


class _Https(_Checked, HTTPSConnection):
    pass


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class _LocalHttp(_Checked):
    loopback = True


class _LocalHttpPool(HTTPConnectionPool):
    ConnectionCls = _LocalHttp


class _LocalHttps(_Https):
    loopback = True


class _LocalHttpsPool(HTTPSConnectionPool):
    ConnectionCls = _LocalHttps


class GuardedAdapter(HTTPAdapter):
    """allow_http: http:// and loopback are for emulators and tests; other private addresses stay closed even then."""

    def __init__(self, allow_http: bool, **kwargs: Any) -> None:
        self.allow_http = allow_http
        super().__init__(**kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = (
            {"http": _LocalHttpPool, "https": _LocalHttpsPool} if self.allow_http else {"https": _HttpsPool}
        )

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """As HTTPAdapter, without proxies: one would look the name up once more. Raises Forbidden."""
        if not self.allow_http and urlsplit(str(request.url)).scheme != "https":
            raise Forbidden("only https:// is allowed", request=request)
        try:
            return super().send(request, stream, timeout, verify, cert, proxies=None)
        except requests.ConnectionError as error:
            reason = getattr(error.args[0], "reason", None) if error.args else None
            if not isinstance(reason, _Unroutable):
                raise
            text = str(reason)
        raise Forbidden(text, request=request)


def guard(session: requests.Session, allow_http: bool) -> requests.Session:
    """Put the session behind the guard; its pool sizes and retries stay."""
    old: Any = session.get_adapter("https://")
    adapter = GuardedAdapter(
        allow_http,
        pool_connections=getattr(old, "_pool_connections", 10),
        pool_maxsize=getattr(old, "_pool_maxsize", 10),
        max_retries=getattr(old, "max_retries", 0),
    )
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.trust_env = False
    session.proxies.clear()
    return session


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None at all: even when told not to follow, requests would read the body of a redirect to the end."""


def why_forbidden(url: str, allow_http: bool) -> str:
    """Why we would not talk to this address: `not_https`, `private`, `unknown_host`; "" we would. Looks its name up.

    A courtesy to whoever enters it: what counts is the judgement of each connection.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not allow_http:
        return "not_https"
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, allowed_gai_family(), socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return "unknown_host"
    addresses = {str(entry[4][0]) for entry in found}
    allowed = any(is_public(one) or (allow_http and _is_loopback(one)) for one in addresses)
    return "" if allowed else "private"


def callback_session(pool: int = 10, allow_http: bool = False) -> requests.Session:
    """The door for events to customers' systems: guarded, no cookies, no redirects; connections are kept for the next one."""
    made = _Session()
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.headers.update({"User-Agent": f"waba24/{_version()}", "Accept": "*/*", "Accept-Encoding": "identity"})
    adapter = HTTPAdapter(pool_connections=max(pool, 10), pool_maxsize=2, max_retries=0)
    made.mount("https://", adapter)
    return guard(made, allow_http)


def file_session(pool: int = 10, allow_http: bool = False) -> requests.Session:
    """The door for files: guarded, no cookies, no passwords of the environment, no redirect followed by itself."""
    made = _Session()
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Each download has its own connection (Connection: close): then `within` can cut it without harming another.
    made.headers.update(
        {
            "User-Agent": f"Mozilla/5.0 (compatible; waba24/{_version()})",
            "Accept": "*/*",
            "Accept-Language": "ru,en;q=0.8",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
    )
    adapter = HTTPAdapter(pool_connections=max(pool, 10), pool_maxsize=pool, max_retries=0)
    made.mount("https://", adapter)
    return guard(made, allow_http)


class Watch:
    """The connections opened within a time limit. over: the time is up and they were cut."""

    def __init__(self) -> None:
        self.over = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    def add(self, sock: socket.socket) -> None:
        """Keep a handle of our own: TLS takes the first one over."""
        with self._lock:
            self._sockets.append(socket.socket(fileno=os.dup(sock.fileno())))  # an SSLSocket has no dup()
            if self.over:
                self._cut()

    def expire(self) -> None:
        with self._lock:
            self.over = True
            self._cut()

    def _cut(self) -> None:
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            for sock in self._sockets:
                sock.close()
            self._sockets.clear()


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def within(seconds: float) -> Iterator[Watch]:
    """Cut every guarded connection used in this block after so many seconds.

    A read timeout counts from byte to byte: who sends one byte at a time keeps a thread for days.
    """
    watch = Watch()
    timer = threading.Timer(seconds, watch.expire)
    timer.daemon = True
    timer.start()
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)
        timer.cancel()
        watch.close()


def _version() -> str:
    try:
        return metadata.version("waba24")
    except metadata.PackageNotFoundError:
        return "dev"
