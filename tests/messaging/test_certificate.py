"""The certificate of an address, by a real handshake."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from messaging.doctor import certificate
from messaging.doctor.certificate import NotTrusted
from tests.gupshup.loopback import certificate as made_certificate
from tests.gupshup.loopback import closed_port

HOST = "127.0.0.1"


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The port of a server that shakes hands and hangs up; its certificate, which nobody trusts."""
    pem, context = made_certificate(tmp_path)
    with socket.create_server((HOST, 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                    context.wrap_socket(connection, server_side=True).close()
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], pem
        listener.shutdown(socket.SHUT_RDWR)


def test_a_trusted_certificate_tells_when_it_ends(secured: tuple[int, Path]) -> None:
    port, pem = secured
    shown = certificate.read(HOST, port, ssl.create_default_context(cafile=str(pem)))
    assert timedelta(hours=23) < shown.expires_at - datetime.now(UTC) < timedelta(hours=25)


def test_one_that_nobody_vouches_for_is_not_trusted(secured: tuple[int, Path]) -> None:
    with pytest.raises(NotTrusted, match=r"self.signed"):
        certificate.read(HOST, secured[0])


def test_nobody_there_is_no_matter_of_trust() -> None:
    with pytest.raises(OSError, match="refused"):
        certificate.read(HOST, closed_port())
