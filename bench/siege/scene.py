"""What stands before the siege begins: the installation, the tenant with his day, the attacker with his portals."""

from __future__ import annotations

import html
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from sqlalchemy import select, update

from bench.ground import FIELDS, Ground, HeldCall, say
from bench.siege import portals, proxy
from bench.siege.targets import Day, Opened, Signed, Target
from messaging.api import tokens
from messaging.callbacks import endpoints
from messaging.callbacks.endpoints import Wanted
from messaging.lines import lines
from messaging.store.models import Line, Portal, Run
from tests.crash.processes import Process, free_port, until
from tests.crash.rig import Shop

PER_S = 20.0
PACE, BURST = 80.0, 40
#: Of so many calls one finds its phone in the CRM, as most robots of a portal do: its REST takes two requests a second.
CARD_EVERY = 80
LEAD = 1
PHONE = "79120000001"
#: A thousand characters that open marks and close none.
MARKS = "*`a " * 250
_FRAME = re.compile(r'<script type="application/json" id="frame">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True)
class Scene:
    """An installation that is up. calls: the tenant's, in the order of his day; cards: the phones that stand in the CRM."""

    town: Any
    top: Process
    shop: Shop
    calls: list[HeldCall]
    cards: frozenset[str]
    day: Day
    target: Target


@contextmanager
def opened(ground: Ground, database: str, seconds: float, behind_nginx: bool) -> Iterator[Scene]:
    """An installation on this database, with calls for so many seconds; the attacker's portals are hostile from now on."""
    with ExitStack() as cleanup:
        town = cleanup.enter_context(ground.town(database, emulated=True))
        town.env.pop("WORKER_THREADS")  # as `make serve` has it
        if behind_nginx:
            cleanup.enter_context(proxy.nginx(town.env["BIND"], _moved_aside(town)))
        top = town.serve()
        tenant, own, *hostile = ground.shops(town, 5, PACE, BURST)
        calls, cards = _calls(ground, tenant, int(seconds * PER_S))
        yield Scene(
            town,
            top,
            tenant,
            calls,
            cards,
            _day(town.url, tenant, calls),
            _target(ground, town, own, hostile, cleanup),
        )


def _moved_aside(town: Any) -> str:
    """Let the app listen elsewhere, so that a proxy can have the public address; where."""
    bind = f"127.0.0.1:{free_port()}"
    town.env.update(BIND=bind, TRUSTED_PROXIES="1")
    return bind


# --- the tenant


def _calls(ground: Ground, shop: Shop, count: int) -> tuple[list[HeldCall], frozenset[str]]:
    calls = ground.hold(shop, count)
    cards = set()
    for place in range(CARD_EVERY // 2, count, CARD_EVERY):
        calls[place] = _from_lead(shop, calls[place].phone)
        cards.add(calls[place].phone)
    return calls, frozenset(cards)


def _from_lead(shop: Shop, phone: str) -> HeldCall:
    """A call on a lead of its own, which has this phone."""
    lead = _post(f"{shop.portal}/emulator/deals", {"entityTypeId": LEAD, "title": "Lead", "phones": [f"+{phone}"]})
    asked = {"code": "robot.send_template", "values": FIELDS, "each": [{}], "entityTypeId": LEAD}
    (held,) = _post(f"{shop.portal}/emulator/hold", {**asked, "id": lead["item"]["id"]})["calls"]
    return HeldCall(held["workflow"], phone, held["url"], held["body"].encode())


def _day(url: str, shop: Shop, calls: list[HeldCall]) -> Day:
    frame = _frame(shop)
    options = json.dumps(
        {"code": "robot.send_template", "current_values": FIELDS, "document_type": ["crm", "x", "DEAL"]}
    )
    pages: dict[str, tuple[str, bytes | None]] = {
        "start": (frame.url(url), frame.body()),
        "messages": (f"{url}/app/messages", None),
        "settings": (frame.url(url, "/robots/send_template/settings"), frame.body(PLACEMENT_OPTIONS=options)),
    }
    return Day(url, tuple((call.url, call.body) for call in calls), pages, _token(url, frame), PER_S)


# --- the attacker


def _target(ground: Ground, town: Any, own: Shop, hostile: list[Shop], cleanup: ExitStack) -> Target:
    say("siege: the attacker prepares")
    for shop in (own, *hostile):
        _open_window(ground, shop)
    text = _signed(own, "robot.send_text", text=MARKS)
    frame = _frame(own)
    marked = _marked(town, text)
    file_calls = [_signed(shop, "robot.send_file", file="17") for shop in hostile[:2]]
    card_call = _signed(hostile[2], "robot.send_template", **{**FIELDS, "phone": ""})
    addresses = [cleanup.enter_context(portals.serve(kind)) for kind in (portals.Slow, portals.Slow, portals.Swollen)]
    for shop, address in zip(hostile, addresses, strict=True):
        _move(town, shop, address)
    slow = tuple((_frame(shop), call) for shop, call in zip(hostile[:2], file_calls, strict=True))
    return Target(
        url=town.url,
        hook=_hook(town, own),
        token=_token(town.url, frame),
        marked=marked,
        file=f"{addresses[2]}/file",
        text=text,
        document=_signed(own, "robot.send_file", file="17"),
        frame=frame,
        slow=slow,
        swollen=(_frame(hostile[2]), card_call),
        **_programs(town, own, addresses[0]),
    )


def _programs(town: Any, shop: Shop, receiver: str) -> dict[str, Any]:
    """The attacker's line, his token of the API, and as many webhooks as he may have, all at this address."""
    with town.runtime.db.read() as session:
        line = session.get_one(Line, shop.line_id)
        portal_id, phone = line.portal_id, line.phone
    wanted = Wanted(f"{receiver}/hooks", endpoints.EVENTS)
    made = [endpoints.make(town.runtime, portal_id, wanted).key for _ in range(endpoints.MOST)]
    return {"line": phone, "api": tokens.add(town.runtime, portal_id, "attacker").token, "receivers": tuple(made)}


def _open_window(ground: Ground, shop: Shop) -> None:
    """A client writes, so that he may be sent anything."""
    _post(
        f"{ground.vendors.gupshup}/emulator/reply",
        {"app": shop.app, "phone": PHONE, "type": "text", "text": "Здравствуйте"},
    )


def _signed(shop: Shop, code: str, **values: Any) -> Signed:
    asked = {"code": code, "values": {"phone": PHONE, **values}, "each": [{}]}
    (held,) = _post(f"{shop.portal}/emulator/hold", asked)["calls"]
    return Signed.of(held["url"], held["body"].encode())


def _marked(town: Any, text: Signed) -> str:
    """Let a text full of marks be sent; the path of its page."""
    requests.post(text.url, text.again(), headers={"Content-Type": "application/x-www-form-urlencoded"}, timeout=30)

    def run() -> int | None:
        with town.runtime.db.read() as session:
            found: int | None = session.scalar(select(Run.id).where(Run.action == "send_text", Run.state != "stored"))
            return found

    return f"/app/messages/{until('a text full of marks is sent', run)}"


def _move(town: Any, shop: Shop, address: str) -> None:
    """The portal lives on a server of the attacker from now on."""
    member = _get(f"{shop.portal}/emulator/state")["member_id"]
    _post(f"{shop.portal}/emulator/rename", {"url": address})
    with town.runtime.db.write() as session:
        session.execute(update(Portal).where(Portal.member_id == member).values(client_endpoint=f"{address}/rest/"))


def _hook(town: Any, shop: Shop) -> str:
    with town.runtime.db.read() as session:
        return lines.webhook_url(town.runtime, session.get_one(Line, shop.line_id))


# --- frames, requests


def _frame(shop: Shop) -> Opened:
    """As the administrator's browser would open it."""
    auth = _get(f"{shop.portal}/emulator/token?user_id=1")
    query = {"DOMAIN": urlsplit(shop.portal).netloc, "PROTOCOL": "0", "LANG": "ru", "APP_SID": secrets.token_hex(16)}
    form = {
        "AUTH_ID": auth["access_token"],
        "AUTH_EXPIRES": "3600",
        "REFRESH_ID": auth["refresh_token"],
        "member_id": auth["member_id"],
        "PLACEMENT": "DEFAULT",
        "SERVER_ENDPOINT": auth["server_endpoint"],
    }
    return Opened(urlencode(query), form)


def _token(url: str, frame: Opened) -> str:
    """What the page's script sends as its header."""
    page = requests.post(
        frame.url(url), frame.body(), headers={"Content-Type": "application/x-www-form-urlencoded"}, timeout=30
    )
    found = _FRAME.search(page.text)
    assert found, f"the main page does not open: {page.status_code}"
    return str(json.loads(html.unescape(found[1]))["token"])


def _get(url: str) -> Any:
    answer = requests.get(url, timeout=30)
    answer.raise_for_status()
    return answer.json()


def _post(url: str, body: dict[str, Any]) -> Any:
    answer = requests.post(url, json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()
