"""A server on a loopback socket that does to a connection what it is told, and keeps what was sent to it."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PATIENCE_S = 5.0


@dataclass
class Sent:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def form(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True)


# What to do with a connection; reads the request itself if it wants to.
Act = Callable[["Server", socket.socket], None]


@dataclass
class Server:
    port: int
    acts: list[Act]
    sent: list[Sent] = field(default_factory=list)
    connections: int = 0
    released: threading.Event = field(default_factory=threading.Event)
    tls: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def https_url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def read(self, connection: socket.socket) -> bool:
        """Read one request and keep it. False at the end of the connection."""
        raw = b""
        while b"\r\n\r\n" not in raw:
            chunk = connection.recv(65536)
            if not chunk:
                return False
            raw += chunk
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        method, target, _ = first.split(" ")
        self.sent.append(Sent(method, target, headers, body))
        return True


@contextmanager
def serving(*acts: Act, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve one act per connection, the last one again and again."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1], list(acts), tls=tls)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            act = server.acts[min(server.connections, len(server.acts) - 1)]
            server.connections += 1
            threading.Thread(target=_carry_out, args=(server, act, connection), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE_S)


def _carry_out(server: Server, act: Act, connection: socket.socket) -> None:
    connection.settimeout(PATIENCE_S)
    try:
        if server.tls:
            connection = server.tls.wrap_socket(connection, server_side=True)
        with connection:
            act(server, connection)
    except OSError:
        connection.close()


def answer(status: int, body: str | bytes = "", *headers: str, keep: bool = False) -> Act:
    """Read a request and answer it; with keep, wait for the next one on the same connection."""
    raw = body.encode() if isinstance(body, str) else body
    # Said, not just done: else the client may use the connection once more before it sees the end of it.
    closing = () if keep else ("Connection: close",)

    def act(server: Server, connection: socket.socket) -> None:
        while server.read(connection):
            lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(raw)}", *closing, *headers]
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + raw)
            if not keep:
                return

    return act


def raw_answer(data: bytes) -> Act:
    """Read a request, write these bytes and close."""

    def act(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(data)

    return act


def close(server: Server, connection: socket.socket) -> None:
    """Close before anything is read."""


def speak_first(server: Server, connection: socket.socket) -> None:
    """Answer what nobody asked, as a plain HTTP port does to a TLS client."""
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def read_and_close(server: Server, connection: socket.socket) -> None:
    server.read(connection)


def read_and_reset(server: Server, connection: socket.socket) -> None:
    """Close with RST: "connection reset by peer"."""
    server.read(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_and_hang(server: Server, connection: socket.socket) -> None:
    server.read(connection)
    server.released.wait(PATIENCE_S)


def hang(server: Server, connection: socket.socket) -> None:
    server.released.wait(PATIENCE_S)


def closed_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for 127.0.0.1, and a server's context that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
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
