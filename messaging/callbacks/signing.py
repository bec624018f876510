"""Signatures by the Standard Webhooks specification, version 1.0.0 (standardwebhooks.com).

Signed is `id.timestamp.body`, byte for byte what is sent. A try is signed with its own time: a receiver takes what is five
minutes old for a recording. While a secret is being replaced there are two signatures, with a space between.
"""

import base64
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

PREFIX = "whsec_"
#: Random bytes of a secret; the specification wants 24 to 64.
BYTES = 32


def new_secret() -> str:
    """A secret as its receiver gets it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def headers(key: str, at: datetime, body: bytes, keys: Iterable[str]) -> dict[str, str]:
    """The headers of one try. key: of the event; at: the moment of this try; keys: the secrets, the newest first."""
    timestamp = str(int(at.timestamp()))
    content = b".".join((key.encode(), timestamp.encode(), body))
    signatures = [f"v1,{_signature(secret, content)}" for secret in keys]
    return {"webhook-id": key, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.digest(key, content, "sha256")).decode()
