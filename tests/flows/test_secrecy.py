"""No token, key, phone or text in a log line; nothing of it readable in the database (contract, promise 6)."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from messaging.lines import lines
from messaging.store.models import Portal
from messaging.system import logs
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    jump_clock,
    open_windows,
    set_portal_faults,
    start_each,
    template_robot,
    text_robot,
    webhook_path,
)
from tests.support.world import APP, PORTAL, World

PARAM, BODY, REPLY, NAME = "Ольга Секретова", "Ваш код 4711, никому", "Мой адрес: Лесная 5", "Никитина Ольга"
SHORT_PHONE = "376312345"
"""An Andorran mobile: nine digits with the country code."""


def _story(world: World) -> None:
    """Everything that handles secrets: runs, replies, refusals, refresh, a dead pair, faults of ours, an uninstall."""
    open_windows(world)
    order = {"template": "order_ready", "params": [PARAM, "512"], "language": "ru"}
    start_each(
        world,
        template_robot(until="replied", **order),
        template_robot(PHONES[0], until="read", **order),
        template_robot(SHORT_PHONE, **order),
        template_robot("+7 (916) 222-33-02", **order),
        text_robot(words=BODY, until="delivered"),
        text_robot(PHONES[3], words=BODY),
        template_robot("8 916 позвоните", **order),
    )
    world.set_gupshup_faults(next=["drop_after_accept", "401"])
    world.advance_clock(4)
    lines.resume(world.runtime, world.line.id)  # the 401 has stopped it
    world.client_replies(OLGA, REPLY, client_name=NAME)
    world.client_replies(SHORT_PHONE, REPLY)
    world.app.post(webhook_path(world, world.line), data=f'{{"broken": "{OLGA} {REPLY}'.encode())
    world.app.post("/gupshup/not-the-secret-but-long-enough-to-be-one-12345", data=REPLY.encode())
    world.app.post("/robots/send_text", data=f"event_token=abc&auth[member_id]={OLGA}&properties[text]={BODY}".encode())
    world.net.broken["api.gupshup.example"] = RuntimeError(f"a fault of ours that quotes {OLGA}")
    set_portal_faults(world, expire_tokens=True, html_502=1)
    start_each(world, template_robot(phone=""), text_robot(words=BODY))
    world.advance_clock(3)
    world.net.broken.clear()
    jump_clock(world, 30, 30, 60)


def _secrets(world: World) -> dict[str, str]:
    with world.runtime.db.read() as session:
        portal = session.get_one(Portal, 1)
        line = portal.lines[0]
        api_key = line.api_key or ""
        tokens = [portal.access_token, portal.refresh_token, portal.previous_refresh_token, portal.application_token]
    every = list(world.bx.tokens._by_access.values())
    found = {f"access {number}": grant.access_token for number, grant in enumerate(every)}
    found |= {f"refresh {number}": grant.refresh_token for number, grant in enumerate(every)}
    found |= {f"stored token {number}": token or "" for number, token in enumerate(tokens)}
    flows = world.portal.workflows.values()
    found |= {f"event token {token[:9]}": token for flow in flows for token in flow.tokens}
    found |= {"api key": api_key, "client secret": world.bx.client_secret}
    found |= {"webhook secret": webhook_path(world, world.line).rpartition("/")[2]}
    found |= {"param": PARAM, "body": BODY, "reply": REPLY, "Olga": OLGA, "name": NAME, "short phone": SHORT_PHONE}
    found |= {"typed phone": "(916) 222-33-02", "a phone": PHONES[0], "another": PHONES[3]}
    return {what: value for what, value in found.items() if len(value) > 8}


@ONE_DATABASE
@pytest.mark.parametrize("format", ["text", "json"])
def test_no_log_line_shows_a_secret(shop: World, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    captured = io.StringIO()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", captured)
        logs.configure(format, "debug")
        _story(shop)
        secrets = _secrets(shop)
        shop.control.post("/emulator/uninstall", json={"clean": 1}, base_url=PORTAL)
        shop.advance_clock(1)
    logs.configure("text", "error")
    written = captured.getvalue()
    assert written.count("\n") > 40, "this is about the lines of a whole story"
    assert "run stored" in written
    assert "Traceback" in written, "a fault of ours is among them"
    shown = {
        what: next(line for line in written.splitlines() if secret in line)
        for what, secret in secrets.items()
        if secret in written
    }
    assert shown == {}
    escaped = {what for what, secret in secrets.items() if secret.encode("unicode_escape").decode() in written}
    assert escaped == set()


def test_nothing_secret_is_readable_in_the_database(shop: World) -> None:
    _story(shop)
    secrets = _secrets(shop)
    raw = _everything_stored(shop)
    assert shop.portal.member_id in raw, "this is about what is really stored"
    assert {what for what, secret in secrets.items() if secret in raw} == set()
    escaped = {what for what, secret in secrets.items() if secret.encode("unicode_escape").decode() in raw}
    assert escaped == set(), "not as JSON writes it either"


def _everything_stored(world: World) -> str:
    engine = world.runtime.db.engine
    if engine.dialect.name == "sqlite":
        file = Path(str(engine.url.database))
        return "".join(path.read_bytes().decode("utf-8", "replace") for path in file.parent.glob(f"{file.name}*"))
    with engine.connect() as connection:
        tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
        return "\n".join(
            str(row[0]) for table in tables for row in connection.execute(text(f'SELECT t::text FROM "{table}" t'))
        )


@ONE_DATABASE
def test_answers_of_pages_and_probes_show_no_secret(shop: World) -> None:
    _story(shop)
    secrets = _secrets(shop)
    pages = [shop.app.get(path).text for path in ("/healthz", "/readyz", "/metrics", "/bx24/app", "/nothing")]
    pages += [shop.app.post("/robots/send_text", data=b"event_token=1").text]
    assert {what for what, secret in secrets.items() for page in pages if secret in page} == set()
    assert APP not in "".join(pages[:3])


LINES = {
    "to=79123456789": "79123456789",
    "to=+376312345 ok": "376312345",
    '{"destination": "4915112345678"}': "4915112345678",
    "phone:79123456789": "79123456789",
    "wa/79123456789/x": "79123456789",
    "call +7 912 345-67-89 now": "345-67-89",
    "8 (912) 345-67-89": "345-67-89",
    "https://auth/oauth/token/?client_secret=abcdefgh&refresh_token=ijklmnop": "abcdefgh",
    "GET /rest/app.info?auth=0123456789abcdef": "0123456789abcdef",
    "POST /gupshup/AbCdEfGhIjKlMnOp": "AbCdEfGhIjKlMnOp",
    "GET /files/AbCdEfGhIjKlMnOp": "AbCdEfGhIjKlMnOp",
    "token 6a0b1c2d00000000000000000000000000000000000000000000000000000000000000": "6a0b1c2d0000000",
}


@pytest.mark.parametrize(("line", "secret"), LINES.items())
def test_a_line_of_a_library_is_scrubbed(line: str, secret: str) -> None:
    assert secret not in logs.scrub(line)


@pytest.mark.parametrize(
    "line",
    [
        "run=1234567 in 12.5 ms",
        "2026-11-23T13:04:49.750116Z",
        "port 5432",
        "127.0.0.1:54321",
        "robots registered added=18",
    ],
)
def test_a_harmless_line_stays_readable(line: str) -> None:
    assert logs.scrub(line) == line
