"""How Bitrix24 writes the address of a server."""

from __future__ import annotations

from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def host_of(url: str) -> str:
    """The host of an address, with the port unless it is the scheme's own."""
    parts = urlsplit(url)
    return parts.netloc if parts.port not in (None, _DEFAULT_PORTS.get(parts.scheme)) else str(parts.hostname)
