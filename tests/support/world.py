"""A whole world in one process: a portal, Gupshup, a client's phone and our app, connected over WSGI.

The database and Redis are real, the vendors are the emulators. There are no sockets between them. The clock stands still
until `world.advance_clock(seconds)` lets time pass, so no test sleeps.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from cryptography.fernet import Fernet
from sqlalchemy import event, select, update
from werkzeug.test import Client as WsgiClient

import bx24.client
import bx24.emulator
import gupshup.client
import gupshup.emulator
from bx24.emulator.rules.workflow_engine import Engine
from bx24.emulator.state.workflow import PlacedRobot
from gupshup.emulator.partner_api import PARTNER_TOKEN
from messaging.lines import lines
from messaging.runtime import Runtime
from messaging.store import schema
from messaging.store.crypto import Cipher
from messaging.store.models import InboundEvent, Message, Portal, Run
from messaging.system.config import Config
from messaging.worker import due_work
from messaging.worker.drain import Drain
from tests.support import due_dates, shared
from tests.support.net import Net

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PORTAL, AUTH, GUPSHUP, APP = (
    "https://acme.example",
    "https://auth.example",
    "https://api.gupshup.example",
    "https://waba.example",
)
KEY = Fernet.generate_key().decode()
#: The columns that registering the robots writes to a portal.
REGISTRATION = ("registration", "registered_at", "registration_due_at", "registration_tries", "language", "region")
_REGISTERED: list[bytes] = []
Row = TypeVar("Row", InboundEvent, Message, Run)
#: Seconds to the next look at what is overdue and waits; each look that finds nothing doubles them.
FIRST_LOOK_S, LAST_LOOK_S = 0.5, 4.0
BODY = "Здравствуйте, {{1}}! Заказ {{2}} готов."


class World:
    """All parts, connected. `app` is a client of our Flask app, `bx` the emulated Bitrix24, `gs` the emulated Gupshup."""

    def __init__(
        self, database_url: str, redis_url: str, folder: Path, lang: str = "ru", files: Mapping[str, str] | None = None
    ) -> None:
        """files: the settings of the bucket for files; None: they are kept in `folder`."""
        self.now = START
        self.net = Net()
        post = self._poster()
        self.bx = bx24.emulator.create_emulator(
            lambda: self.now.timestamp(),
            lambda url, headers, body: post(url, headers, body),
            fetch=self._fetch,
            pause=lambda _: None,
            client_id="local.test",
            client_secret="secret-of-the-app",
            portal_url=PORTAL,
            auth_url=AUTH,
            lang=lang,
            make_app=shared.PortalApps(),
        )
        self.gs = gupshup.emulator.Emulator(
            lambda: self.now,
            lambda url, body: post(url, {"Content-Type": "application/json"}, json.dumps(body).encode())[0],
            gupshup.emulator.random_id,
            GUPSHUP,
        )
        self.gs_app = shared.gupshup_app(self.gs)
        self.runtime = self._runtime(database_url, redis_url, folder, files or {})
        self.flask = shared.our_app(self.runtime)
        self.app = self.flask.test_client()
        self.net.apps = {
            urlsplit(PORTAL).netloc: self.bx.portal_app,
            urlsplit(AUTH).netloc: self.bx.auth_app,
            urlsplit(GUPSHUP).netloc: self.gs_app,
            urlsplit(APP).netloc: self.flask,
        }
        self.drain = Drain(self.runtime, threads=16)
        #: For what only the tests ask: whoever listens to the app's database does not hear it.
        self._own_look = shared.SharedDatabase(database_url, KEY).read
        self._commits = 0
        self._settled: tuple[int, Drain | None] = (0, None)
        self._look_s = FIRST_LOOK_S
        event.listen(self.runtime.db.engine, "commit", self._count_commit)
        self.line: Any = None

    def _count_commit(self, _: Any) -> None:
        self._commits += 1

    def _poster(self) -> Callable[[str, dict[str, str], bytes], tuple[int, str]]:
        session = requests.Session()
        session.mount("https://", self.net)

        def post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
            answer = session.post(url, data=body, headers=headers, allow_redirects=False)
            return answer.status_code, answer.text

        return post

    def _fetch(self, url: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """How the portal downloads a file of a chat: over the net, following redirects."""
        session = requests.Session()
        session.mount("https://", self.net)
        answer = session.get(url, headers=headers)
        return answer.status_code, answer.headers.get("Content-Type", ""), answer.content

    def _runtime(self, database_url: str, redis_url: str, folder: Path, files: Mapping[str, str]) -> Runtime:
        config = Config(
            public_url=APP,
            client_id=self.bx.client_id,
            client_secret=self.bx.client_secret,
            auth_servers=(AUTH,),
            gupshup_url=GUPSHUP,
            database_url=database_url,
            redis_url=redis_url,
            data_dir=folder,
            secret_keys=(KEY,),
            **files,  # type: ignore[arg-type]  # texts all of them
        )
        cipher = Cipher(config.secret_keys)
        sessions = [bx24.client.session(4), gupshup.client.session(4)]
        for session in sessions:
            session.mount("https://", self.net)
        runtime = Runtime(
            config=config,
            cipher=cipher,
            db=shared.SharedDatabase(database_url, KEY),
            clock=lambda: self.now,
            bx_session=sessions[0],
            gs_session=sessions[1],
            redis_url=redis_url,
        )
        runtime.file_session.mount("https://", self.net)
        runtime.callback_session.mount("https://", self.net)
        schema.upgrade(runtime.db.engine)
        runtime.prepare()
        return runtime

    def close(self) -> None:
        self.runtime.close()

    # --- time ------------------------------------------------------------------------------------------------------

    def replace_worker(self) -> None:
        """The worker dies without giving anything back, and a new one begins. The old leases run out by themselves."""
        self.drain = Drain(self.runtime, threads=16)

    def do_due_work(self) -> None:
        """Do what is due now, in our app and in both emulators, until nothing is left. The clock does not move."""
        for _ in range(30):
            if self._may_have_work():
                if self.drain.settle():
                    self._look_s = FIRST_LOOK_S
                self._settled = self._commits, self.drain
            if not self.bx.deliver_due() + self.gs.deliver_due() and not self._due():
                return

    def _may_have_work(self) -> bool:
        """Whether something is due, as the worker itself asks before a round; or somebody has written something."""
        if self._settled != (self._commits, self.drain):
            return True
        with self._own_look() as session:
            return bool(due_work.due_shards(session, self.runtime))

    def _due(self) -> bool:
        next_bx, next_gs = self.bx.next_due(), self.gs.next_due()
        return (next_bx is not None and next_bx <= self.now.timestamp()) or (
            next_gs is not None and next_gs <= self.now
        )

    def advance_clock(self, seconds: float = 0.0) -> None:
        """Let `seconds` pass, from one thing that is due to the next. 0: only do what is due now."""
        self.do_due_work()
        until = self.now + timedelta(seconds=seconds)
        while self.now < until:
            self.now = min(until, self._next_due())
            self.do_due_work()

    def _next_due(self) -> datetime:
        """When something is due next: in the portal, at Gupshup, or in our database."""
        far = self.now + timedelta(days=365)
        next_bx, next_gs = self.bx.next_due(), self.gs.next_due()
        due = [datetime.fromtimestamp(next_bx, UTC) if next_bx else far, next_gs or far]
        with self._own_look() as session:
            due += due_dates.of(session, self.drain.name, timedelta(seconds=self.runtime.config.unknown_after_s))
        first = min(due)
        if first > self.now:
            return max(first, self.now + timedelta(milliseconds=1))
        # A row that is overdue and still there waits for something that has no date in the database: the line's rate
        # limit, of which the worker knows, or an earlier message of the same conversation.
        looks = [self.drain.again_in or self._look_s, self._look_s]
        self._look_s = min(2 * self._look_s, LAST_LOOK_S)
        soon = self.now + timedelta(seconds=min(looks))
        return min([soon, *(date for date in due if date >= self.now + timedelta(seconds=FIRST_LOOK_S))])

    # --- setting up ---------------------------------------------------------------------------------------------

    @property
    def portal(self) -> Any:
        return self.bx.portal

    @property
    def control(self) -> WsgiClient:
        """A client of the portal emulator's control API."""
        return WsgiClient(self.bx.portal_app)

    def install_app(self, seconds: float = 1) -> None:
        """Install the app through its install page, as a browser would, and let `seconds` pass to register its robots."""
        answer = self.control.post(
            "/emulator/install",
            json={"install_url": f"{APP}/bx24/install", "app_url": f"{APP}/bx24/app", "finish": True},
            base_url=PORTAL,
        ).json
        assert answer["status"] == 200, answer
        if seconds:
            self.advance_clock(seconds)

    def install_and_connect(self) -> None:
        """Install the app, connect one line and register the robots.

        The first call in a process registers them by REST and keeps the result; later calls copy it, because
        registering would take a sixth of a typical test. Tests of registration begin with `install_app`.
        """
        self.install_app(seconds=0)  # the robots are registered once, after the line is connected
        self.connect_line(seconds=0)
        if _REGISTERED:
            self._register(*pickle.loads(_REGISTERED[0]))
        self.advance_clock(1)
        if not _REGISTERED:
            with self.runtime.db.read() as session:
                stored = session.scalars(select(Portal)).one()
            columns = {name: getattr(stored, name) for name in REGISTRATION}
            kept = {name: getattr(self.portal, name) for name in ("robots", "events", "triggers", "_next_id")}
            _REGISTERED.append(pickle.dumps((kept, columns)))

    def _register(self, kept: dict[str, Any], columns: dict[str, Any]) -> None:
        with self.bx.lock:
            for name, value in kept.items():
                setattr(self.portal, name, value)
        with self.runtime.db.write() as session:
            session.execute(update(Portal).values(columns))

    def connect_line(
        self, name: str = "acmeshop", phone: str = "79001112233", seconds: float = 1, **kwargs: Any
    ) -> Any:
        """Create an app at Gupshup with two templates, connect it as a line, and let `seconds` pass."""
        made = WsgiClient(self.gs_app).post(
            "/emulator/apps",
            json={"app_name": name, "phone": phone, "templates": kwargs.pop("templates", TEMPLATES)},
            base_url=GUPSHUP,
        )
        assert made.status_code == 201, made.json
        self.gupshup_app = made.json
        new = lines.NewLine(made.json["api_key"], name, phone, kwargs.get("app_id", made.json["app_id"]))
        self.line = lines.add(self.runtime, self.portal.member_id, new)
        WsgiClient(self.gs_app).post(
            f"/emulator/apps/{name}/webhook",
            json={"url": lines.webhook_url(self.runtime, self.line)},
            base_url=GUPSHUP,
        )
        if seconds:
            self.advance_clock(seconds)
        return self.line

    # --- acting ------------------------------------------------------------------------------------------------------

    def robots_start(self, *robots: tuple[str, dict[str, Any]], entity: int = 2, item: int = 1, **extra: Any) -> Any:
        """Start a workflow of these robots, (code, values) each, on a CRM item. Time does not pass.

        Returns the emulator's workflow; `returned(workflow)` reads what a step was answered.
        """
        document = extra.pop("document", None)
        if document is None:
            from bx24.emulator.state.crm import document_type

            kind = document_type(entity)
            document = (kind, (kind[0], kind[1], f"{kind[2]}_{item}"))
        with self.bx.lock:
            placed = [PlacedRobot(code=code, values=values, **extra) for code, values in robots]
            return Engine(self.portal).start(document[1], document[0], placed, user_id=1)

    def robot_runs(self, code: str, seconds: float = 2, **values: Any) -> Any:
        """Start a workflow of one robot on deal 1, let `seconds` pass, and return the workflow."""
        flow = self.robots_start((code, values))
        self.advance_clock(seconds)
        return flow

    def become_partner(self) -> None:
        """From now on the installation has the token of the emulated partner."""
        self.runtime.config = replace(
            self.runtime.config, gupshup_partner_url=GUPSHUP, gupshup_partner_token=PARTNER_TOKEN
        )
        self.runtime.__dict__.pop("partner", None)

    def set_wallet(self, **wallet: Any) -> None:
        """What Gupshup's partner API says about the app of the line that was connected last, from now on."""
        name = self.gupshup_app["app_name"]
        answer = WsgiClient(self.gs_app).post(f"/emulator/apps/{name}/wallet", json=wallet, base_url=GUPSHUP)
        assert answer.status_code == 204, answer.json

    def client_replies(self, phone: str, text: str = "Да", **more: Any) -> None:
        """The client of this phone writes to our line."""
        body = {"app": self.gupshup_app["app_name"], "phone": phone, "type": "text", "text": text, **more}
        answer = WsgiClient(self.gs_app).post("/emulator/reply", json=body, base_url=GUPSHUP)
        assert answer.status_code == 201, answer.json

    def set_gupshup_faults(self, **faults: Any) -> None:
        """Let Gupshup fail from now on; the names are those of the emulator's `POST /emulator/faults`."""
        answer = WsgiClient(self.gs_app).post("/emulator/faults", json=faults, base_url=GUPSHUP)
        assert answer.status_code == 200, answer.json

    # --- looking -----------------------------------------------------------------------------------------------------

    @property
    def sent(self) -> list[Any]:
        """The messages that Gupshup accepted, in order."""
        return self.gs.accepted()

    def stored_rows(self, model: type[Row]) -> list[Row]:
        """Every row of a table, in the order of its ids."""
        with self.runtime.db.read() as session:
            return list(session.scalars(select(model).order_by(model.id)))


def returned(flow: Any, step: int = 0) -> dict[str, Any]:
    """The values with which a step of a workflow was answered; {} if it has no answer yet."""
    if step >= len(flow.tokens):
        return {}
    return next((dict(answer.values) for answer in flow.answers if answer.token == flow.tokens[step]), {})


TEMPLATES: list[dict[str, Any]] = [
    {"name": "order_ready", "language": "ru", "body": BODY},
    {"name": "welcome", "language": "ru", "body": "Здравствуйте! Спасибо за заявку."},
    {"name": "welcome", "language": "en_US", "body": "Hello! Thank you for your request."},
]
