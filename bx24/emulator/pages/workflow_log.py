"""The log: every workflow with what happened in it, the newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask, render_template, request

from bx24.emulator.formats.values import printable
from bx24.emulator.pages.layout import base_values
from bx24.emulator.state import crm
from bx24.emulator.state.portal import TIME_ZONE, Portal

_SHOWN = 100
_GOOD, _BAD, _WARNING, _QUIET = "ok", "bad", "warn", "quiet"
TONES = {
    "finished": _GOOD,
    "returned": _GOOD,
    "message": _GOOD,
    "not_delivered": _BAD,
    "blocked": _BAD,
    "timeout": _WARNING,
    "answer_ignored": _WARNING,
    "answer_repeated": _QUIET,
    "terminated": _WARNING,
}
"""The colour of a line by its kind, as a class of static/portal.css. Other kinds have none."""


def register(app: Flask, portal: Portal) -> None:
    @app.get("/log")
    def log() -> str:
        with portal.cloud.lock:
            return render_template("log.html", **_values(portal))

    @app.get("/log/entries")
    def entries() -> str:
        """The changing part of the log, for the refresh."""
        with portal.cloud.lock:
            return render_template("_entries.html", **_values(portal))


def _values(portal: Portal) -> dict[str, Any]:
    return {
        **base_values(portal, "log"),
        "flows": _flows(portal),
        "tones": TONES,
        "clock": _clock,
        "show": printable,
    }


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, TIME_ZONE).strftime("%H:%M:%S")


def _flows(portal: Portal) -> list[dict[str, Any]]:
    wanted = request.args.get("document", "")
    flows = [flow for flow in portal.workflows.values() if not wanted or flow.document_id[2] == wanted]
    shown = []
    for flow in reversed(flows[-_SHOWN:]):
        item = portal.crm.document(flow.document_id)
        title = crm.title(item) if item else flow.document_id[2]
        shown.append({"flow": flow, "title": title, "state": flow.shown_state})
    return shown
