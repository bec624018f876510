"""How the API names rows: by ids that say nothing of how many there are, and that only their own portal can use.

A row's number, its portal's and its kind are one block, encrypted under a key of this installation that never changes. So no
column and no lookup is needed, an id is the same for ever, and one that was guessed, or was given to another portal, opens to
nothing.
"""

import base64
import binascii
import hashlib
from enum import IntEnum

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from messaging.runtime import Runtime

#: Characters of every id.
LENGTH = 22


class Kind(IntEnum):
    """What an id names. The numbers stand in ids that others keep: never give one another meaning. Campaigns have a key of
    their own (messaging.store.campaigns), lines are called by the number that robots and pages show."""

    RUN = 1
    MESSAGE = 2
    REPLY = 3
    TEMPLATE = 4
    WEBHOOK = 5


def encode(runtime: Runtime, kind: Kind, portal_id: int, row_id: int) -> str:
    """The id of this row for its portal: 22 characters of url-safe base64."""
    block = bytes([kind]) + portal_id.to_bytes(7, "big") + row_id.to_bytes(8, "big")
    encryptor = _cipher(runtime).encryptor()
    return _written(encryptor.update(block) + encryptor.finalize())


def of_message(runtime: Runtime, portal_id: int, message_id: int, run_id: int | None) -> str:
    """The id of a message: that of the run that asked for it, which is older than the message, if there is one."""
    if run_id is not None:
        return encode(runtime, Kind.RUN, portal_id, run_id)
    return encode(runtime, Kind.MESSAGE, portal_id, message_id)


def decode(runtime: Runtime, portal_id: int, text: str) -> tuple[Kind, int] | None:
    """Kind and number of the row that this portal calls so; None: it calls none so."""
    if len(text) != LENGTH or not text.isascii():
        return None
    try:
        sealed = base64.b64decode(f"{text}==", altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    if _written(sealed) != text:
        return None  # the last character has bits to spare: an id is written in one way
    decryptor = _cipher(runtime).decryptor()
    block = decryptor.update(sealed) + decryptor.finalize()
    if int.from_bytes(block[1:8], "big") != portal_id or block[0] not in set(Kind):
        return None
    row_id = int.from_bytes(block[8:], "big")
    return (Kind(block[0]), row_id) if row_id < 2**63 else None


def _written(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _cipher(runtime: Runtime) -> Cipher[modes.ECB]:
    """One block is one id, so the same row has the same id always: that is what this mode is avoided for elsewhere."""
    key = hashlib.sha256(f"ids of the API {runtime.index_key}".encode()).digest()
    return Cipher(algorithms.AES(key), modes.ECB())
