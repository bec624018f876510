"""The official Python client must be able to work with the emulator as if it were a portal.

It insists on https and on its own OAuth host: the emulator gets a certificate, and only the host's name is exchanged.
"""

from __future__ import annotations

import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from b24pysdk import Client
from b24pysdk.api.requesters import bitrix_oauth_requester
from b24pysdk.credentials import BitrixApp, BitrixToken, OAuthPlacementData, OAuthWorkflowData
from b24pysdk.errors import BitrixAPIError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bx24.emulator import Emulator
from bx24.emulator.formats.php import decode
from bx24.emulator.server import Server

HOST = "127.0.0.1"


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "emulated portal")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


class App:
    """A robot's handler on a real socket: answers 200 and keeps the body."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.arrived = threading.Event()
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                app.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                app.arrived.set()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def app() -> Iterator[App]:
    made = App()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    made = Emulator(client_id="local.sdk", client_secret="secret")
    running = Server(made, tls=context)
    running.start()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(cert))
    monkeypatch.setenv("NO_PROXY", HOST)
    requester = bitrix_oauth_requester.BitrixOAuthRequester
    monkeypatch.setattr(requester, "_BASE_OAUTH_URL", made.cloud.auth_url)
    monkeypatch.setattr(requester, "_OAUTH_TOKEN_URL", f"{made.cloud.auth_url}/oauth/token/")
    monkeypatch.setattr(requester, "_APP_INFO_URL", f"{made.cloud.auth_url}/rest/app.info/")
    yield made
    running.stop()


@pytest.fixture
def token(emulator: Emulator) -> BitrixToken:
    grant = requests.get(f"{emulator.portal.base_url}/emulator/token", timeout=10).json()
    return BitrixToken(
        domain=urlsplit(grant["client_endpoint"]).netloc,
        auth_token=grant["access_token"],
        refresh_token=grant["refresh_token"],
        expires_in=grant["expires_in"],
        bitrix_app=BitrixApp(client_id=grant["client_id"], client_secret=grant["client_secret"]),
    )


def test_the_sdk_knows_the_app_and_the_user(emulator: Emulator, token: BitrixToken) -> None:
    info = token.get_app_info()
    assert info.result.client_id == "local.sdk"
    assert info.result.install.member_id == emulator.portal.member_id
    assert info.result.install.client_endpoint == emulator.portal.client_endpoint
    client = Client(token)
    assert client.profile().result["ADMIN"] is True
    assert client.app.info().result["STATUS"] == "L"
    assert client.profile().time.operating == 0


def test_the_sdk_registers_and_lists_robots(emulator: Emulator, token: BitrixToken) -> None:
    client = Client(token)
    robot = {"code": "sdk.say", "handler": "https://app.example/robots/say", "name": {"ru": "Сказать"}}
    assert client.bizproc.robot.add(**robot, use_subscription=True, properties={"x": {"Name": "X"}}).result is True
    assert client.bizproc.robot.list().result == ["sdk.say"]
    with pytest.raises(BitrixAPIError) as refused:
        _ = client.bizproc.robot.add(**robot).response
    assert refused.value.error == "ERROR_ACTIVITY_ALREADY_INSTALLED"
    assert client.bizproc.robot.delete(code="sdk.say").result is True


def test_the_sdk_reads_crm_alone_and_in_a_batch(token: BitrixToken) -> None:
    client = Client(token)
    assert client.crm.deal.get(bitrix_id=1).result["CONTACT_ID"] == "1"
    batch = client.call_batch(
        {"deal": client.crm.deal.get(bitrix_id=1), "contact": client.crm.contact.get(bitrix_id=1)}
    )
    assert batch.result.result["contact"]["PHONE"][0]["VALUE"] == "+7 (912) 345-67-89"
    raw = token.call_batch({"d": ("crm.deal.get", {"id": 1}), "missing": ("crm.deal.get", {"id": 999})})
    assert raw["result"]["result_error"]["missing"]["error_description"] == "Not found"


def test_the_sdk_takes_a_robot_call_and_answers_it(emulator: Emulator, token: BitrixToken, app: App) -> None:
    client = Client(token)
    assert client.bizproc.robot.add(
        code="sdk.say",
        handler=f"{app.url}/robots/say",
        name="Say",
        use_subscription=True,
        properties={"text": {"Name": "Text", "Type": "text"}},
        return_properties={"status": {"Name": "Status", "Type": "string"}},
    ).result
    run = {"code": "sdk.say", "values": {"text": "{=Document:TITLE}"}, "timeout_s": 60}
    started = requests.post(f"{emulator.portal.base_url}/emulator/run", json=run, timeout=10).json()["workflow"]
    assert app.arrived.wait(10)
    call = OAuthWorkflowData.from_dict(decode(app.bodies[0]))
    assert (call.workflow_id, call.use_subscription, call.timeout_duration) == (started["id"], True, 60)
    assert call.properties == {"text": "Шкаф-купе на заказ"}
    assert call.auth.oauth_token.access_token
    assert client.bizproc.event.send(event_token=call.event_token, return_values={"status": "sent"}).result is True
    log = requests.get(f"{emulator.portal.base_url}/emulator/log", timeout=10).json()["workflows"][0]
    assert log["state"] == "completed"
    assert list(log["returned"].values()) == [{"IsTimeout": 0, "status": "sent"}]


def test_the_sdk_starts_a_workflow(emulator: Emulator, token: BitrixToken) -> None:
    made = {"name": "Probe", "robots": []}
    number = requests.post(f"{emulator.portal.base_url}/emulator/templates", json=made, timeout=10).json()["id"]
    workflow = Client(token).bizproc.workflow
    listed = workflow.template.list(select=["ID", "NAME", "DOCUMENT_TYPE"], filter={"MODULE_ID": "crm"}).result
    assert listed == [{"ID": str(number), "NAME": "Probe", "DOCUMENT_TYPE": "DEAL"}]
    deal = ["crm", "CCrmDocumentDeal", "DEAL_1"]
    assert workflow.start(template_id=number, document_id=deal).result in emulator.portal.workflows
    with pytest.raises(BitrixAPIError) as refused:
        _ = workflow.start(template_id=number + 1, document_id=deal).response
    assert refused.value.error == "ERROR_WRONG_WORKFLOW_ID"


def test_the_sdk_refreshes_an_expired_token_by_itself(emulator: Emulator, token: BitrixToken) -> None:
    old = token.auth_token
    requests.post(f"{emulator.portal.base_url}/emulator/faults", json={"expire_tokens": True}, timeout=10)
    assert Client(token).profile().result["ID"] == "1"
    assert token.auth_token != old
    renewed = token.refresh_oauth_token()
    assert renewed.member_id == emulator.portal.member_id
    assert renewed.client_endpoint == emulator.portal.client_endpoint


def test_the_sdk_reads_a_frame(emulator: Emulator, token: BitrixToken, app: App) -> None:
    body = {"install_url": f"{app.url}/install", "app_url": f"{app.url}/app"}
    answer = requests.post(f"{emulator.portal.base_url}/emulator/install", json=body, timeout=10).json()
    query = decode(urlsplit(answer["url"]).query)
    data = OAuthPlacementData.from_dict({**query, **decode(app.bodies[0])})
    assert data.validate_against_app_info(token.get_app_info().result)
    assert json.dumps(data.to_dict(), default=str)
