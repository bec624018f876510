"""Reads encrypted columns that a query took as they are stored: a wiped or unreadable value is empty, never an error."""

import json
from typing import Any

from messaging.store.crypto import Cipher, Undecryptable


def open_text(cipher: Cipher, encrypted: str | None) -> str:
    """The text of an encrypted column; "" if it was wiped or no known key decrypts it."""
    try:
        return cipher.decrypt(encrypted) if encrypted else ""
    except Undecryptable:
        return ""


def open_json(cipher: Cipher, encrypted: str | None) -> dict[str, Any]:
    """The JSON object of an encrypted column, its names in lower case; {} if it was wiped or no known key decrypts it."""
    return {name.lower(): value for name, value in parse_json(open_text(cipher, encrypted)).items()}


def parse_json(text: object) -> dict[str, Any]:
    """The JSON object in a text; {} if the text holds anything else."""
    try:
        value = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
