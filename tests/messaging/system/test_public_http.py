"""Nothing but the public internet is ever talked to, and only the address that was checked."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import bx24.client
from bx24.errors import Unavailable
from bx24.wire import exchange
from messaging.runtime import open_runtime
from messaging.system import public_http
from messaging.system.config import Config
from messaging.system.public_http import Forbidden, file_session, is_public, within
from tests.gupshup.loopback import answer, closed_port, hang, read_and_hang, serving

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
_CLOSED = """
    127.0.0.1 127.9.9.9 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 100.100.100.200 0.0.0.0
    0.1.2.3 255.255.255.255 224.0.0.1 239.1.1.1 240.0.0.1 192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1
    192.88.99.1 168.63.129.16
    ::1 :: fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 fec0::1 ff02::1 ff0e::1 2001:db8::1 3fff::1 2001::1 2001:10::1
    2002:7f00:1:: 2002:808:808:: 5f00::1 100::1 ::127.0.0.1 ::8.8.8.8
    ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::a00:1 64:ff9b:1::808:808
"""
CLOSED = _CLOSED.split()

Lookup = Callable[..., list[Any]]


class Names:
    """DNS by a table: name → answers of the first, second … lookup. Literal addresses are what they are."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **table: list[list[str]]) -> None:
        self.table = {name.replace("_", "."): answers for name, answers in table.items()}
        self.asked: list[str] = []
        self.real: Lookup = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)

    def look_up(self, host: str, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if host not in self.table:
            return self.real(host, port, *args, **kwargs)
        answers = self.table[host]
        found = answers[min(self.asked.count(host), len(answers) - 1)]
        self.asked.append(host)
        return [entry for address in found for entry in self.real(address, port, 0, socket.SOCK_STREAM)]


class Connections:
    """Keeps to whom a connection was wanted, and refuses it, or leads it to a local port."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lead_to: int | None = None) -> None:
        self.wanted: list[tuple[str, int]] = []
        real = public_http.create_connection

        def connect(address: tuple[str, int], *args: Any, **kwargs: Any) -> socket.socket:
            self.wanted.append(address)
            if lead_to is None:
                raise ConnectionRefusedError("nobody there")
            return real(("127.0.0.1", lead_to), *args, **kwargs)

        monkeypatch.setattr(public_http, "create_connection", connect)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", CLOSED)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", CLOSED)
def test_a_name_with_such_an_address_is_refused_before_anything_is_sent(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = Connections(monkeypatch)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, 1, 6, "", (address, 443))])
    with pytest.raises(Forbidden, match=r"files\.example is not in the public internet"):
        file_session().get("https://files.example/a")
    assert connections.wanted == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "127.1", "017700000001", "[::1]", "[::ffff:127.0.0.1]", "localhost"],
)
def test_every_spelling_of_loopback_is_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connections = Connections(monkeypatch)
    with pytest.raises(Forbidden):
        file_session().get(f"https://{host}/")
    assert connections.wanted == []


def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name changes its mind between check and connection: that is never asked about."""
    names = Names(monkeypatch, rebind_example=[["93.184.216.34"], ["127.0.0.1"]])
    connections = Connections(monkeypatch)
    with pytest.raises(requests.ConnectionError):
        file_session().get("https://rebind.example/")
    assert connections.wanted == [("93.184.216.34", 443)]
    assert names.asked == ["rebind.example"]


def test_each_new_connection_is_checked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, rebind_example=[["93.184.216.34"], ["127.0.0.1"]])
    Connections(monkeypatch)
    session = file_session()
    with pytest.raises(requests.ConnectionError) as first:
        session.get("https://rebind.example/")
    assert not isinstance(first.value, Forbidden)
    with pytest.raises(Forbidden):
        session.get("https://rebind.example/")


def test_of_several_addresses_only_public_ones_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, mixed_example=[["10.0.0.1", "93.184.216.34", "127.0.0.1", "8.8.8.8"]])
    connections = Connections(monkeypatch)
    with pytest.raises(requests.ConnectionError):
        file_session().get("https://mixed.example:8443/")
    assert connections.wanted == [("93.184.216.34", 8443), ("8.8.8.8", 8443)]


def test_a_name_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(requests.ConnectionError) as caught:
        file_session().get("https://no.example/")
    assert not isinstance(caught.value, Forbidden)


def test_http_is_refused_in_production_without_looking_anything_up(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch, files_example=[["93.184.216.34"]])
    with pytest.raises(Forbidden, match="only https"):
        file_session().get("http://files.example/")
    assert names.asked == []


def test_emulators_may_live_on_loopback() -> None:
    with serving(answer(200, "here")) as server:
        assert file_session(allow_http=True).get(server.url).text == "here"
        with pytest.raises(Forbidden):
            file_session().get(server.https_url)
        assert server.connections == 1


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1", "192.168.0.1"])
def test_other_private_addresses_stay_closed_with_emulators_too(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connections = Connections(monkeypatch)
    with pytest.raises(Forbidden):
        file_session(allow_http=True).get(f"http://{host}/")
    assert connections.wanted == []


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answer(200, "proxy")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        Connections(monkeypatch)
        session = file_session()
        with pytest.raises(requests.ConnectionError):
            session.get("https://93.184.216.34/", proxies={"https": proxy.url})
        assert proxy.connections == 0


def _certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return pem, context


def test_sni_host_and_certificate_are_those_of_the_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pem, context = _certificate(tmp_path, "files.example")
    asked_for: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked_for.append(name)  # type: ignore[assignment]
    with serving(answer(200, "secret"), tls=context) as server:
        Names(monkeypatch, files_example=[["93.184.216.34"]], other_example=[["93.184.216.34"]])
        Connections(monkeypatch, lead_to=server.port)
        session = file_session()
        session.verify = str(pem)
        assert session.get("https://files.example/a").text == "secret"
        assert asked_for == ["files.example"]
        assert server.sent[0].headers["host"] == "files.example"
        with pytest.raises(requests.exceptions.SSLError):
            session.get("https://other.example/a")
        session.verify = True
        with pytest.raises(requests.exceptions.SSLError):
            session.get("https://files.example/a")
        assert len(server.sent) == 1


def test_a_refused_connection_is_no_refusal_of_ours() -> None:
    with pytest.raises(requests.ConnectionError) as caught:
        file_session(allow_http=True).get(f"http://127.0.0.1:{closed_port()}/")
    assert not isinstance(caught.value, Forbidden)


@pytest.mark.parametrize("act", [hang, read_and_hang])
def test_a_block_with_a_time_limit_cuts_its_connections(act: Any) -> None:
    with serving(act) as server, within(0.1) as watch, pytest.raises(requests.ConnectionError):
        file_session(allow_http=True).get(server.url, timeout=5)
    assert watch.over


def answer_and_drip(server: Any, connection: Any) -> None:
    """A good answer; the next one has a head that never ends, a byte at a time: no single wait is long."""
    server.read(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    server.read(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not server.released.wait(0.02):
        connection.sendall(b"x")


def test_an_answer_that_drips_is_cut_also_on_a_connection_that_was_kept_alive() -> None:
    session = public_http.guard(bx24.client.session(1), allow_http=True)
    with serving(answer_and_drip) as server:
        with within(5) as watch:
            assert exchange(session, "POST", server.url, timeout=(5, 5)).status == 200
        assert not watch.over
        with within(0.3) as watch, pytest.raises(Unavailable):
            # A head that was cut passes for a whole one: the answer that it lacks is the error.
            exchange(session, "POST", server.url, timeout=(5, 5)).json("the portal")
        assert (watch.over, server.connections) == (True, 1)


def test_a_handshake_without_end_is_cut(tmp_path: Path) -> None:
    with serving(hang) as server, within(0.1) as watch, pytest.raises(requests.ConnectionError):
        file_session(allow_http=True).get(server.https_url, timeout=5)
    assert watch.over


def test_the_sessions_of_a_process_are_guarded(tmp_path: Path) -> None:
    config = Config(database_url=f"sqlite:///{tmp_path / 'a.db'}", data_dir=tmp_path, worker_threads=5)
    runtime = open_runtime(config)
    try:
        for session in (runtime.bx_session, runtime.file_session):
            adapter: Any = session.get_adapter("https://acme.bitrix24.com")
            assert isinstance(adapter, public_http.GuardedAdapter)
            assert adapter._pool_maxsize == 13
            assert not adapter.allow_http
            with pytest.raises(Forbidden):
                session.get("https://127.0.0.1/rest/")
            with pytest.raises(Forbidden):
                session.get("http://8.8.8.8/rest/")
    finally:
        runtime.close()


def test_a_portal_on_a_private_address_cannot_be_asked() -> None:
    session = public_http.guard(bx24.client.session(4), allow_http=False)
    with pytest.raises(Unavailable, match="Forbidden"):
        exchange(session, "POST", "https://10.1.2.3/rest/profile.json", body={"auth": "t"}, timeout=(1, 1))
