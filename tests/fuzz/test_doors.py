"""Every door under mutated bodies: no 5xx, no fault of ours, no call over a second of CPU, nothing that grows.

CASES=20000 (`make fuzz`) plays longer, SEED=7 another order. A failure prints the edits that led to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from hypothesis import given, seed
from hypothesis import strategies as st
from werkzeug.test import Client as WsgiClient
from werkzeug.wrappers import Response

from tests.flows.scenes import OLGA, ONE_DATABASE, webhook_path
from tests.fuzz.calm import FORM, SEED, Calm, chosen
from tests.fuzz.mutations import EDITS, bytes_of, form_of, json_of
from tests.gupshup.recorded import EVENTS
from tests.support.world import AUTH, PORTAL
from tests.web.inside import Frame
from tests.web.posts import auth_of, encoded, frame_form, robot_call

FIXTURES = Path(__file__).parents[1] / "fixtures" / "bx24"
RUNS = [dict(parse_qsl(path.read_text().strip())) for path in sorted(FIXTURES.glob("run__*.form"))]
OPTIONS = dict(parse_qsl((FIXTURES / "frame__settings.form").read_text()))["PLACEMENT_OPTIONS"]
ACTIONS = (
    *("send_template", "send_text", "send_buttons", "send_list", "send_file", "send_contact", "send_location"),
    *("wait_reply", "check_window"),
)
#: Bytes of a request's first line; gunicorn answers a longer one 400 itself.
REQUEST_LINE = 4094


def test_robot_calls(calm: Calm) -> None:
    world, path_of = calm.world, "/{side}/{name}".format
    properties = {name: value for run in RUNS for name, value in run.items() if name.startswith("properties")}
    signed = encoded({"auth": auth_of(world)})

    @seed(SEED)
    @chosen
    @given(
        st.sampled_from(ACTIONS),
        st.sampled_from(["robots", "activities"]),
        st.booleans(),
        EDITS,
    )
    def call(name: str, side: str, as_form: bool, edits: Any) -> None:
        code = f"{'robot' if side == 'robots' else 'activity'}.{name}"
        body = robot_call(world, code=code, token=f"wf|A1|{calm.count}.{len(edits)}sig")
        body = f"{body}&{urlencode(properties)}&{urlencode(FIELDS[name])}".encode()
        spoiled = (form_of if as_form else bytes_of)(body, edits)
        with calm.watch.call():
            # Signed once more at the end: of repeated fields the first wins, so this only fills in what was dropped.
            answer = world.app.post(
                path_of(side=side, name=name), data=spoiled + b"&" + signed.encode(), content_type=FORM
            )
        calm.after(answer)

    call()
    calm.work()


def test_webhooks(calm: Calm) -> None:
    world = calm.world
    path = webhook_path(world, world.line)
    recorded = [event.read_bytes() for event in EVENTS]

    @seed(SEED)
    @chosen
    @given(st.sampled_from(recorded), st.booleans(), EDITS)
    def post(body: bytes, as_json: bool, edits: Any) -> None:
        spoiled = (json_of if as_json else bytes_of)(body, edits)
        with calm.watch.call():
            answer = world.app.post(path, data=spoiled, content_type="application/json")
        assert (answer.status_code, answer.data) in ((200, b""), (413, b""))
        calm.after()

    post()
    calm.work()


@ONE_DATABASE
def test_frames(calm: Calm) -> None:
    world = calm.world
    paths = ["/bx24/app", "/bx24/install", *(f"/robots/{name}/settings" for name in ACTIONS)]
    query = b"DOMAIN=acme.example&PROTOCOL=1&LANG=ru&APP_SID=0f"

    @seed(SEED)
    @chosen
    @given(st.sampled_from(paths), st.sampled_from(["form", "bytes", "options", "query"]), EDITS)
    def open_page(path: str, what: str, edits: Any) -> None:
        form = {**frame_form(world), "PLACEMENT_OPTIONS": OPTIONS}
        if what == "options":
            form["PLACEMENT_OPTIONS"] = json_of(OPTIONS.encode(), edits).decode("utf-8", "replace")
        body = urlencode(form).encode()
        body = {"form": form_of, "bytes": bytes_of}.get(what, lambda body, _: body)(body, edits)
        address = (form_of(query, edits) if what == "query" else query)[:REQUEST_LINE]
        with calm.watch.call():
            answer = world.app.post(f"{path}?{address.decode()}", data=body, content_type=FORM)
        calm.after(answer)

    open_page()


def test_what_pages_send(calm: Calm) -> None:
    world, frame = calm.world, Frame(calm.world)
    asked = {"side": "robots", "action": "send_text", "values": {"text": "Да", "phone": OLGA, "buttons": ["1", "2"]}}
    filters = {"words": OLGA, "line": "1", "action": "send_text", "status": "read", "period": "own", "before": "9"}

    @seed(SEED)
    @chosen
    @given(st.sampled_from(ACTIONS), st.sampled_from(["check", "check bytes", "messages", "line"]), EDITS)
    def send(name: str, what: str, edits: Any) -> None:
        if what.startswith("check"):
            body = json.dumps({**asked, "action": name, "values": {**asked["values"], **FIELDS[name]}}).encode()
            path, kind = "/settings/check", "application/json"
            body = (bytes_of if what == "check bytes" else json_of)(body, edits)
        else:
            path, kind = ("/app/messages" if what == "messages" else "/app/lines/1/name"), FORM
            body = form_of(urlencode(filters if what == "messages" else {"name": "Линия"}).encode(), edits)
        with calm.watch.call():
            answer = world.app.post(path, data=body, content_type=kind, headers=frame.headers)
        calm.after(answer)

    send()


class Spoiled:
    """A vendor's application whose answers are spoiled as `edits` say."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.edits: Any = []
        self.spoil: Callable[[bytes, Any], bytes] = json_of

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        answer = WsgiClient(self.app, use_cookies=False).open(environ)
        body = self.spoil(answer.data, self.edits) if self.edits else answer.data
        return Response(body, status=answer.status_code, content_type=answer.content_type)(environ, start_response)


@ONE_DATABASE
def test_answers_of_portal_and_authorization_server(calm: Calm) -> None:
    """To a page, and to robots that need a card, a contact, a file."""
    world = calm.world
    hosts = {name: urlsplit(url).netloc for name, url in (("portal", PORTAL), ("auth", AUTH))}
    spoiled = {name: Spoiled(world.net.apps[host]) for name, host in hosts.items()}
    world.net.apps.update({hosts[name]: one for name, one in spoiled.items()})
    asking = ["send_template", "send_contact", "send_file"]

    @seed(SEED)
    @chosen
    @given(st.sampled_from(sorted(hosts)), st.sampled_from(asking), st.booleans(), EDITS)
    def answer(who: str, name: str, as_json: bool, edits: Any) -> None:
        form, body = frame_form(world), robot_call(world, code=f"robot.{name}", token=f"wf|A1|{calm.count}.sig")
        body = body.replace(OLGA, "") + "&" + urlencode({"properties[contact]": "1", "properties[file]": "17"})
        spoiled[who].spoil, spoiled[who].edits = json_of if as_json else bytes_of, edits
        try:
            with calm.watch.call():
                page = world.app.post("/bx24/app?DOMAIN=acme.example&PROTOCOL=1&LANG=ru", data=form)
            assert page.status_code in (200, 403), page.status_code
            world.app.post(f"/robots/{name}", data=body, content_type=FORM)
            world.now += timedelta(seconds=1)
            with calm.watch.call():
                world.drain.settle()
        finally:
            spoiled[who].edits = []
        calm.after()

    answer()


#: What each action asks for beside a phone; the recorded calls have a template's.
FIELDS: dict[str, dict[str, str]] = {
    "send_template": {"properties[template]": "order_ready", "properties[params][0]": "Ольга"},
    "send_text": {"properties[text]": "Здравствуйте, *Ольга*"},
    "send_buttons": {
        "properties[text]": "Придёте?",
        "properties[buttons][0]": "[1]Да",
        "properties[buttons][1]": "Нет",
    },
    "send_list": {"properties[text]": "Когда?", "properties[button]": "Время", "properties[rows][0]": "[9]9:00"},
    "send_file": {"properties[file]": "https://acme.example/price.pdf", "properties[caption]": "Прайс"},
    "send_contact": {"properties[contact]": "CONTACT_1", "properties[contact_email]": "a@b.example"},
    "send_location": {"properties[latitude]": "55.75", "properties[longitude]": "37.61"},
    "wait_reply": {"properties[wait_minutes]": "60"},
    "check_window": {"properties[phone]": OLGA},
}
