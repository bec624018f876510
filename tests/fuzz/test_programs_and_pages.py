"""As test_doors.py, for the doors of programs, of the message provider, of chats and of campaigns."""

from __future__ import annotations

import io
import json
import re
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st
from werkzeug.wrappers import Response

from messaging.callbacks import endpoints
from messaging.store.api import IdempotencyKey
from messaging.store.models import Base
from tests.api import test_switching
from tests.api.caller import Program
from tests.api.test_switching import LINE, days
from tests.flows.chats import Chats, record_posts
from tests.flows.hooks import Receiver
from tests.flows.scenes import OLGA, ONE_DATABASE, PHONES
from tests.fuzz.calm import FORM, SEED, Calm, chosen
from tests.fuzz.mutations import EDITS, ODD_TEXTS, bytes_of, form_of, json_of
from tests.web.inside import Frame
from tests.web.posts import auth_of, encoded
from tests.web.test_campaigns_page import FILE, Draft
from tests.web.test_provider_door import handed
from web.api import examples

REQUEST_LINE = 4094
SPOIL: dict[str, Callable[[bytes, Any], bytes]] = {"form": form_of, "json": json_of, "bytes": bytes_of}


@pytest.fixture(autouse=True)
def nobody_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of a mutated address: every other one exists, and no name server is asked."""
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = str(host)
        if name in ("localhost", "127.0.0.1", "::1"):
            return real(host, port, *args, **kwargs)
        if len(name) % 2:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port or 443))]
        raise socket.gaierror(socket.EAI_NONAME, "no such host")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def forget(calm: Calm, *models: type[Base]) -> None:
    """What would fill up: drafts and webhooks have limits, which later cases would find reached."""
    with calm.world.runtime.db.write() as session:
        for model in models:
            session.query(model).delete()


@ONE_DATABASE
def test_messages_that_the_portal_hands_over(calm: Calm) -> None:
    world = calm.world
    signed = encoded({"auth": auth_of(world), "code": f"waba24_{world.line.id}"})

    @seed(SEED)
    @chosen
    @given(st.sampled_from(["form", "bytes"]), EDITS)
    def hand_over(what: str, edits: Any) -> None:
        body = SPOIL[what](handed(world, f"{calm.count:032x}").encode(), edits)
        with calm.watch.call():
            answer = world.app.post(f"/provider/{world.line.id}", data=body + b"&" + signed.encode(), content_type=FORM)
        calm.after(answer)

    hand_over()
    calm.work()


@ONE_DATABASE
def test_what_programs_ask_and_send(calm: Calm) -> None:
    program = Program(calm.world)
    bodies = [
        *(("POST", "/messages", body) for body in examples.NEW_MESSAGES.values()),
        ("POST", "/campaigns", examples.NEW_CAMPAIGN),
        ("POST", "/campaigns", {**examples.NEW_CAMPAIGN, "audience": {"crm": {"type": "deal", "filter": {"id": 1}}}}),
        ("POST", "/webhooks", examples.NEW_WEBHOOK),
        ("PUT", f"/optouts/{OLGA}", {"why": "Позвонил"}),
    ]
    lists = ["/messages", "/replies", "/campaigns", "/optouts", "/reports/messages", "/campaigns/x/recipients"]
    query = urlencode(
        {
            **{"phone": f"+{OLGA}", "line": "1", "status": "read", "since": "2026-11-01T00:00:00Z", "limit": "5"},
            **{"until": "2026-12-01", "group_by": "day,line", "cursor": "WyJhIiwxXQ.x", "state": "pending"},
        }
    )

    @seed(SEED)
    @chosen
    @given(st.sampled_from(bodies), st.sampled_from(lists), st.sampled_from([*SPOIL, "query"]), st.booleans(), EDITS)
    def call(sent: Any, listed: str, what: str, is_keyed: bool, edits: Any) -> None:
        method, path, body = sent
        with calm.watch.call():
            if what in ("query", "form"):
                address = form_of(query.encode(), edits)[:REQUEST_LINE].decode("ascii", "replace")
                answer = program.get(f"{listed}?{address}")
            else:
                headers = {"Idempotency_Key": f"{calm.count}"} if is_keyed else {}
                answer = program.call(method, path, SPOIL[what](json.dumps(body).encode(), edits), **headers)
        _judged(answer)
        calm.after(answer)
        if calm.count % 10 == 0:
            _forget_drafts(calm)
            forget(calm, IdempotencyKey)

    call()
    calm.work()


def _judged(answer: Any) -> None:
    """Every answer below /api/ is JSON; a refusal says what is wrong."""
    if answer.status_code >= 400:
        assert answer.mimetype == "application/problem+json"
        assert answer.json["code"], answer.json
    elif answer.status_code != 204:
        assert answer.is_json


def _forget_drafts(calm: Calm) -> None:
    runtime, portal_id = calm.world.runtime, calm.world.line.portal_id
    from messaging.campaigns import changes
    from messaging.insight import campaigns

    with runtime.db.read() as session:
        keys = [one.key for one in campaigns.newest(session, portal_id, None, 500, states=["draft"])]
        hooks = [one.key for one in endpoints.listed(session, portal_id)]
    for key in keys:
        changes.remove(runtime, portal_id, key)
    for key in hooks:
        endpoints.remove(runtime, portal_id, key)


@ONE_DATABASE
def test_what_programs_of_the_former_product_ask(calm: Calm) -> None:
    program = test_switching.Program(calm.world)
    asked = {
        **{"line_number": LINE, **days(calm.world), "phone": OLGA, "page": "1", "page_size": "5", "direction": "in"},
        **{"template_name": "order_ready", "template_language": "ru", "template_params": ["Ольга", "512"]},
        **{"message_ids": ["m1", 2], "group_by": "day", "status": "pending", "include_text": True, "name": "Осень"},
        **{"recipients": [OLGA, {"phone": PHONES[1], "params": ["a", "b"], "external_id": 7}], "campaign_id": "x"},
    }
    words = {name: json.dumps(value) if isinstance(value, list) else str(value) for name, value in asked.items()}
    headers = {"OLChat-Api-Token": program.made.token}

    @seed(SEED)
    @chosen
    @given(st.sampled_from(test_switching.METHODS), st.sampled_from([*SPOIL]), EDITS)
    def call(method: str, what: str, edits: Any) -> None:
        body, kind = (urlencode(words), FORM) if what == "form" else (json.dumps(asked), "application/json")
        with calm.watch.call():
            answer = calm.world.app.post(
                f"/rest/client/v2/{method}/", data=SPOIL[what](body.encode(), edits), content_type=kind, headers=headers
            )
        assert answer.json.keys() in ({"result"}, {"error", "error_description"})
        assert answer.status_code < 500 or answer.json["error"] in ("templates_unavailable", "send_failed"), answer.json
        calm.after(None)
        if calm.count % 10 == 0:
            _forget_drafts(calm)

    call()
    calm.work()


@ONE_DATABASE
def test_answers_of_webhook_receivers(calm: Calm, monkeypatch: pytest.MonkeyPatch) -> None:
    world = calm.world
    receiver = Receiver(world, monkeypatch)
    made = receiver.register()
    told = [*ODD_TEXTS, "Wed, 21 Oct 2026 07:28:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "120", "-5"]

    @seed(SEED)
    @chosen
    @given(st.integers(200, 599), st.sampled_from(told), st.sampled_from(told), EDITS)
    def answer(status: int, again: str, kind: str, edits: Any) -> None:
        body = bytes_of(b'{"error": "busy"}' * 20, edits)
        headers = {name: _as_header(text) for name, text in (("Retry-After", again), ("Content-Type", kind))}
        receiver.always = lambda _: Response(body, status, headers)
        endpoints.test(world.runtime, made.portal_id, made.key)
        endpoints.switch_on(world.runtime, made.portal_id, made.key)
        with calm.watch.call():
            world.drain.settle()
        calm.after()

    answer()
    assert receiver.requests


def _as_header(text: str) -> str:
    return re.sub(r"[^\x20-\x7e\xa0-\xff]", "", text)[:4000]


@ONE_DATABASE
def test_what_operators_write(calm: Calm) -> None:
    world = calm.world
    chats = Chats(world)
    world.client_replies(OLGA, "Где заказ?")
    world.advance_clock(5)
    _webhooks, events = record_posts(world)
    chats.write("[b]Анна:[/b][br]Здравствуйте, [url=https://a.example]вот[/url]", ("a.pdf", "application/pdf", b"%PDF"))
    world.now += timedelta(milliseconds=100)
    world.bx.deliver_due()
    (path, _headers, recorded) = events[-1]
    body = recorded if isinstance(recorded, bytes) else recorded.encode()
    signed = encoded({"auth": auth_of(world)}).encode()
    world.net.broken.clear()

    @seed(SEED)
    @chosen
    @given(st.sampled_from(["form", "bytes"]), EDITS)
    def post(what: str, edits: Any) -> None:
        fresh = re.sub(rb"(message_id%5D=)\d+", rb"\g<1>%d" % (1000 + calm.count), body)
        with calm.watch.call():
            answer = world.app.post(path, data=SPOIL[what](fresh, edits) + b"&" + signed, content_type=FORM)
        calm.after(answer)

    post()
    calm.work()


CAMPAIGN_FORMS: dict[str, Any] = {
    "name": {"name": "Осень"},
    "audience": {"kind": "phones", "take": "phones"},
    "phones": {"phones": f"+{PHONES[0]}\n{PHONES[1]}; Анна"},
    "crm": {
        "type": "2",
        "stage": "NEW",
        "field": "title",
        "compared": "%",
        "value": "Заказ",
        "person": "1",
        "take": "1",
    },
    "columns": {"sheet": "", "phone": "Телефон", "international": "1"},
    "template": {"lines": "1", "template": "ru order_ready", "source": "text", "text": "Ольга", "header": "x"},
    "preview": {"lines": "1", "template": "ru order_ready", "source": "value", "text": "Имя", "nth": "1"},
    "timing": {"has_hours": "1", "from": "09:00", "to": "21:00", "per_minute": "60", "start": "2026-12-01T09:00"},
    "budget": {"budget": "10.5", "currency": "USD"},
    "recipients": {"state": "skipped", "reason": "duplicate", "after": "3"},
    "test": {"test_phone": f"+{OLGA}"},
    "recipients.csv": {"state": "pending", "after": "1"},
}
OTHER_FORMS: dict[str, Any] = {
    "reports": {"by1": "line", "by2": "day", "period": "own", "first": "2026-11-01", "last": "2026-11-20", "sort": "x"},
    "reports.csv": {"by1": "template", "period": "90", "line": "1", "campaign": "1", "origin": "robot"},
    "prices": {"country": "RU", "category": "marketing", "since": "2026-10-01", "amount": "0.08", "currency": "USD"},
    "opt-outs": {"words": OLGA, "before": "7"},
    "opt-outs.csv": {"after": "9"},
    "opt-outs/add": {"phone": f"+{PHONES[3]}, {PHONES[4]}"},
    "opt-outs/rules": {"stop_words": "стоп, хватит", "start_words": "старт", "cap": "3", "days": "7"},
    "webhooks": {"url": "https://crm1.example/x", "events": "message.status", "origins": "robot"},
    "rules": {"quiet": "1", "from": "21:00", "to": "09:00", "zone": "Europe/Moscow"},
    "rights": {"phones": "all", "reports": "admins"},
}


@ONE_DATABASE
def test_forms_of_campaigns_reports_and_lists(calm: Calm) -> None:
    draft = Draft(calm.world)
    forms = [(f"/app/campaigns/{draft.key}/{path}", fields) for path, fields in CAMPAIGN_FORMS.items()]
    forms += [(f"/app/{path}", fields) for path, fields in OTHER_FORMS.items()]
    frame = Frame(calm.world)

    @seed(SEED)
    @chosen
    @given(st.sampled_from(forms), st.booleans(), st.sampled_from(["main", "found", "more"]), EDITS)
    def send(form: Any, is_form: bool, target: str, edits: Any) -> None:
        path, fields = form
        body = (form_of if is_form else bytes_of)(urlencode(fields).encode(), edits)
        headers = {**frame.headers, "HX-Target": target}
        with calm.watch.call():
            answer = calm.world.app.post(path, data=body, content_type=FORM, headers=headers)
        calm.after(answer)

    send()
    calm.work()


@ONE_DATABASE
def test_files_that_people_load(calm: Calm) -> None:
    """Opt-outs, prices and recipients."""
    draft, frame = Draft(calm.world), Frame(calm.world)
    prices = "country,category,since,amount,currency\nRU,marketing,2026-10-01,0.08,USD\n*,utility,01.10.2026,0.01,EUR\n"
    files = [
        ("/app/opt-outs/import", FILE),
        ("/app/prices/import", prices),
        (f"/app/campaigns/{draft.key}/file", FILE),
    ]

    @seed(SEED)
    @chosen
    @given(st.sampled_from(files), st.sampled_from(["utf-8", "utf-16", "cp1251"]), st.integers(1, 300), EDITS)
    def load(file: Any, encoding: str, times: int, edits: Any) -> None:
        path, text = file
        content = bytes_of((text * times).encode(encoding), edits)
        with calm.watch.call():
            answer = frame.post(path, file=(io.BytesIO(content), "list.csv"))
        calm.after(answer)

    load()
    calm.work()
