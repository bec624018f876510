"""The certificate of our public address, as strangers see it: is it trusted, for this name, and until when?"""

import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

TIMEOUT_S = 8.0


class NotTrusted(Exception):
    """A browser, Bitrix24 and Gupshup would refuse it. `str()` says why, in OpenSSL's words."""


@dataclass(frozen=True)
class Certificate:
    """expires_at: aware, UTC."""

    expires_at: datetime


def read(host: str, port: int, context: ssl.SSLContext | None = None) -> Certificate:
    """Shake hands with host:port. Raises NotTrusted; OSError if nobody answers or it is no TLS."""
    trusting = context or ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, port), TIMEOUT_S) as plain,
            trusting.wrap_socket(plain, server_hostname=host) as secured,
        ):
            shown = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        raise NotTrusted(error.verify_message) from None
    return Certificate(datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC))
