"""`python -m bx24.emulator`: one line of JSON, keep-alive, more portals, a clean end."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from bx24.emulator import Emulator, create_emulator
from bx24.emulator.__main__ import arguments
from bx24.emulator.emulator import http_post
from bx24.emulator.server import Server


@pytest.fixture
def process() -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    command = [sys.executable, "-m", "bx24.emulator", "--client-id", "local.p", "--client-secret", "s", "--lang", "en"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout
        yield running, json.loads(running.stdout.readline())
        running.kill()


@pytest.fixture
def running() -> Iterator[Emulator]:
    emulator = create_emulator()
    served = Server(emulator)
    served.start()
    yield emulator
    served.stop()


def test_it_prints_its_addresses_serves_and_ends_quietly(process: Any) -> None:
    popen, urls = process
    state = requests.get(f"{urls['portal']}/emulator/state", timeout=10).json()
    assert (state["portal"], state["auth"]) == (urls["portal"], urls["auth"])
    assert (state["client_id"], state["lang"]) == ("local.p", "en")
    assert requests.get(f"{urls['auth']}/rest/app.info", timeout=10).json()["error"] == "NO_AUTH_FOUND"
    popen.send_signal(signal.SIGTERM)
    assert popen.wait(10) == 0
    assert popen.stderr.read() == ""


def test_connections_are_kept_whatever_was_answered(running: Emulator) -> None:
    connection = http.client.HTTPConnection(urlsplit(running.portal.base_url).netloc, timeout=10)
    seen = set()
    for method, path, body, status in [
        ("GET", "/emulator/calls", None, 200),
        ("POST", "/rest/profile", "auth=x", 401),
        ("POST", "/no/such/page", "a=" + "b" * 100_000, 404),
        ("HEAD", "/", None, 200),
        ("GET", "/emulator/calls", None, 200),
    ]:
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
        assert connection.sock is not None
        seen.add(connection.sock.getsockname())
    assert len(seen) == 1
    connection.close()


def test_a_dropped_connection_really_breaks(running: Emulator) -> None:
    url = running.portal.base_url
    requests.post(f"{url}/emulator/faults", json={"drop_after": 1}, timeout=10)
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{url}/rest/profile", timeout=10)
    assert requests.post(f"{url}/rest/profile", timeout=10).status_code == 401


def test_more_portals_and_new_addresses_on_new_ports(running: Emulator) -> None:
    url = running.portal.base_url
    second = requests.post(f"{url}/emulator/portals", json={"lang": "en"}, timeout=10).json()
    state = requests.get(f"{second['portal']}/emulator/state", timeout=10).json()
    assert state["member_id"] == second["member_id"] != running.portal.member_id
    renamed = requests.post(f"{url}/emulator/rename", json={}, timeout=10).json()["portal"]
    assert renamed != url
    moved = requests.post(f"{url}/rest/profile", allow_redirects=False, timeout=10)
    assert (moved.status_code, moved.headers["Location"]) == (302, f"{renamed}/rest/profile")
    assert requests.post(f"{renamed}/rest/profile", timeout=10).status_code == 401


def test_what_is_due_leaves_by_itself(running: Emulator) -> None:
    portal = running.portal
    install = {"install_url": f"{portal.base_url}/none", "app_url": f"{portal.base_url}/none", "kind": "api"}
    requests.post(f"{portal.base_url}/emulator/install", json=install, timeout=10)
    for _ in range(100):
        outgoing = requests.get(f"{portal.base_url}/emulator/calls", timeout=10).json()["outgoing"]
        if outgoing:
            break
        running.cloud.changed.wait(0.1)
    assert [(attempt["label"], attempt["status"]) for attempt in outgoing] == [("event ONAPPINSTALL", 404)]


def test_only_loopback() -> None:
    with pytest.raises(ValueError, match="loopback"):
        Server(create_emulator(), host="0.0.0.0")


def test_nobody_there_is_an_oserror() -> None:
    with pytest.raises(OSError, match="refused"):
        http_post("http://127.0.0.1:1/", {}, b"")


def test_defaults_of_the_command_line() -> None:
    given = arguments([])
    assert (given.port, given.auth_port, given.host, given.lang, given.tls_cert) == (0, 0, "127.0.0.1", "ru", None)
