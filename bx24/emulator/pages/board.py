"""The pages people look at: the deal board and the workflow log, in Russian and English."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from bx24.emulator.formats.texts import say
from bx24.emulator.formats.values import printable
from bx24.emulator.rules import deals
from bx24.emulator.state import crm
from bx24.emulator.state.portal import TIME_ZONE, Portal
from bx24.emulator.state.workflow import Workflow

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action *; frame-src *; base-uri 'none'"
)
_GOOD, _BAD, _WAIT = "ok", "bad", "warn"
TONES = {
    "finished": _GOOD,
    "returned": _GOOD,
    "message": _GOOD,
    "not_delivered": _BAD,
    "blocked": _BAD,
    "timeout": _WAIT,
    "answer_ignored": _WAIT,
    "terminated": _WAIT,
}


def register(app: Flask, portal: Portal) -> None:
    @app.get("/")
    def board() -> str:
        with portal.cloud.lock:
            return render_template("board.html", columns=_columns(portal), **context(portal, "board"))

    @app.get("/board/columns")
    def columns() -> str:
        with portal.cloud.lock:
            return render_template("_columns.html", columns=_columns(portal), **context(portal, "board"))

    @app.get("/log")
    def log() -> str:
        with portal.cloud.lock:
            return render_template("log.html", flows=_flows(portal), **context(portal, "log"))

    @app.get("/log/entries")
    def entries() -> str:
        with portal.cloud.lock:
            return render_template("_entries.html", flows=_flows(portal), **context(portal, "log"))

    @app.post("/deals/<int:deal_id>/move")
    def move(deal_id: int) -> ResponseReturnValue:
        try:
            with portal.cloud.lock:
                deals.move(portal, deal_id, request.form.get("stage", ""))
        except KeyError:
            return redirect("/", 303)
        return redirect("/", 303)

    @app.after_request
    def headers(response: Response) -> Response:
        if response.mimetype == "text/html" and not request.path.startswith("/rest/"):
            response.headers.setdefault("Content-Security-Policy", CSP)
        chosen = request.args.get("lang", "")
        if chosen in ("ru", "en"):
            response.set_cookie(_cookie(portal), chosen, samesite="Lax")
        return response


def _cookie(portal: Portal) -> str:
    # Two portals of one process share the host name and therefore the cookie jar.
    return f"lang_{portal.number}"


def context(portal: Portal, page: str) -> dict[str, Any]:
    """What every template needs: the language, the texts, who we are."""
    lang = request.args.get("lang") or request.cookies.get(_cookie(portal), portal.lang)
    lang = "ru" if lang == "ru" else "en"

    def t(key: str, **details: object) -> str:
        return say(key, lang, **details)

    def lang_url(other: str) -> str:
        return "?" + urlencode({**request.args.to_dict(), "lang": other})

    return {
        "lang": lang,
        "lang_url": lang_url,
        "t": t,
        "page": page,
        "portal": portal,
        "title_of": crm.title,
        "clock": _clock,
        "show": printable,
        "tones": TONES,
    }


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, TIME_ZONE).strftime("%H:%M:%S")


def _columns(portal: Portal) -> list[dict[str, Any]]:
    lang = context(portal, "board")["lang"]
    latest: dict[str, Workflow] = {flow.document_id[2]: flow for flow in portal.workflows.values()}
    columns = []
    for stage in portal.stages:
        robots = [
            {"title": portal.robot_title(robot, lang), "known": robot.code in portal.robots, "code": robot.code}
            for robot in stage.robots
        ]
        cards = [
            _card(portal, deal, latest.get(f"DEAL_{deal['id']}"), lang)
            for deal in portal.crm.of(crm.DEAL)
            if deal["stageId"] == stage.id
        ]
        columns.append(
            {"id": stage.id, "robots": robots, "cards": cards, "total": sum(card["amount"] for card in cards)}
        )
    return columns


def _card(portal: Portal, deal: dict[str, Any], flow: Workflow | None, lang: str) -> dict[str, Any]:
    client = portal.crm.client(deal)
    phones = [row["value"] for row in (client or {}).get("fm", []) if row["typeId"] == "PHONE"]
    step = flow.step if flow else None
    return {
        "id": deal["id"],
        "title": deal["title"],
        "client": crm.title(client) if client else "",
        "phone": phones[0] if phones else "",
        "more_phones": len(phones) - 1,
        "amount": deal.get("opportunity") or 0,
        "flow": flow,
        "state": ("waiting" if flow.waiting else flow.state) if flow else "",
        "step": portal.robot_title(step, lang) if step else "",
    }


def _flows(portal: Portal) -> list[dict[str, Any]]:
    wanted = request.args.get("document", "")
    flows = [flow for flow in portal.workflows.values() if not wanted or flow.document_id[2] == wanted]
    shown = []
    for flow in reversed(flows[-100:]):
        item = portal.crm.document(flow.document_id)
        shown.append(
            {
                "flow": flow,
                "title": crm.title(item) if item else flow.document_id[2],
                "state": "waiting" if flow.waiting else flow.state,
            }
        )
    return shown
