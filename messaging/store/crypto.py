"""Secrets and personal data at rest: Fernet with rotation, and a keyed index for what must be found again.

A value is written with the newest key and read with any of the known ones. `keyed_digest()` turns a phone into a stable
keyed digest: equal phones can be found without their digits standing in the table. Its key must never change, so it
is drawn once, stored encrypted in the table `setting`, and survives every rotation of SECRET_KEY.
"""

import hashlib
import hmac
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from messaging.system import private_files
from messaging.system.config import KEY_FILE, Config


class Undecryptable(Exception):
    """No known key opens this value: SECRET_KEY was changed without keeping the old one behind the comma."""


class Cipher:
    """Encrypts with the newest key, decrypts with any."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self.keys = keys

    def encrypt(self, text: str) -> str:
        """Text to token; every call gives another token."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """Token to text. Raises Undecryptable."""
        return self.decrypt_bytes(token.encode()).decode()

    def encrypt_bytes(self, content: bytes) -> bytes:
        """As `encrypt`, of anything."""
        return self._fernet.encrypt(content)

    def decrypt_bytes(self, token: bytes) -> bytes:
        """What `encrypt_bytes` was given. Raises Undecryptable."""
        try:
            return self._fernet.decrypt(token)
        except InvalidToken:
            raise Undecryptable("a stored value cannot be read: SECRET_KEY lacks the key it was written with") from None

    def rotate(self, token: str) -> str:
        """The same text under the newest key. Raises Undecryptable."""
        try:
            return self._fernet.rotate(token.encode()).decode()
        except InvalidToken:
            raise Undecryptable("a stored value cannot be read: SECRET_KEY lacks the key it was written with") from None


def cipher_for(config: Config) -> Cipher:
    """The cipher of this process; with the embedded default a missing key is made and kept in DATA_DIR."""
    return Cipher(config.secret_keys or (_kept_key(config.data_dir / KEY_FILE),))


def _kept_key(path: Path) -> str:
    private_files.make_folder(path.parent)
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(Fernet.generate_key().decode())
    try:
        os.link(draft, path)  # fails when another process was first: then its key counts, never two keys in one folder
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    private_files.tighten(path)
    return path.read_text().strip()


def digest(secret: str) -> str:
    """sha256 hex of a high-entropy secret (webhook path, event token): enough to find it, useless to a reader."""
    return hashlib.sha256(secret.encode()).hexdigest()


def keyed_digest(key: str, text: str) -> str:
    """Keyed digest, 32 hex: finds equal phones without showing them; unlike `digest` it cannot be tried out."""
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


def same(left: str, right: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())
