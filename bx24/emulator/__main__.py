"""`python -m bx24.emulator`: prints one line, {"portal": url, "auth": url}, as soon as both servers answer."""

from __future__ import annotations

import argparse
import json
import signal
import ssl
import sys
import threading

from bx24.emulator.emulator import Emulator
from bx24.emulator.server import Server


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bx24.emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument("--port", type=int, default=0, help="of the portal; 0 = any free one")
    parser.add_argument("--auth-port", type=int, default=0, help="of the auth server; 0 = any free one")
    parser.add_argument("--client-id", default="", help="of the app; generated when empty")
    parser.add_argument("--client-secret", default="", help="of the app; generated when empty")
    parser.add_argument("--tls-cert", help="PEM file with the certificate")
    parser.add_argument("--tls-key", help="PEM file with its key")
    parser.add_argument("--lang", choices=("ru", "en"), default="ru", help="language of the portal")
    return parser.parse_args(argv)


def tls_context(cert: str | None, key: str | None) -> ssl.SSLContext | None:
    if not cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def main() -> int:
    given = arguments()
    emulator = Emulator(client_id=given.client_id, client_secret=given.client_secret, lang=given.lang)
    server = Server(
        emulator,
        host=given.host,
        port=given.port,
        auth_port=given.auth_port,
        tls=tls_context(given.tls_cert, given.tls_key),
    )
    server.start()
    print(json.dumps({"portal": emulator.portal.base_url, "auth": emulator.cloud.auth_url}), flush=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
