"""The board: deals by stage, each with the state of its workflow. A deal can be moved to another stage.

The triggers of the app stand on their stages; they are placed and taken away here.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from bx24.emulator.formats import php
from bx24.emulator.pages.app_frame import BOARD_PATH
from bx24.emulator.pages.crm_pages import may_see, row_places
from bx24.emulator.pages.layout import base_values, language
from bx24.emulator.rules import deals, placements, standard_robots, triggers
from bx24.emulator.state import crm
from bx24.emulator.state.portal import Portal, Stage
from bx24.emulator.state.records import localized
from bx24.emulator.state.timeline import Badge
from bx24.emulator.state.workflow import PlacedRobot, Workflow


def register(app: Flask, portal: Portal) -> None:
    @app.get("/")
    @app.get(BOARD_PATH)
    def board() -> str:
        with portal.cloud.lock:
            toolbar = placements.places(portal, crm.DEAL, "LIST_TOOLBAR", language(portal), {})
            return render_template("board.html", toolbar=toolbar, **_values(portal))

    @app.get("/board/columns")
    def columns() -> str:
        """The changing part of the board, for the refresh."""
        with portal.cloud.lock:
            return render_template("_columns.html", **_values(portal))

    @app.post("/deals/<int:deal_id>/move")
    def move(deal_id: int) -> ResponseReturnValue:
        try:
            with portal.cloud.lock:
                deals.move(portal, deal_id, request.form.get("stage", ""))
        except KeyError:
            return redirect("/", 303)
        return redirect("/", 303)

    @app.post("/stages/<stage_id>/triggers")
    def place_trigger(stage_id: str) -> ResponseReturnValue:
        with portal.cloud.lock:
            try:
                allow_back = "allow_back" in request.form
                triggers.place(portal, stage_id, request.form.get("code", ""), allow_back=allow_back)
            except KeyError:
                abort(404)
        return redirect("/", 303)

    @app.post("/triggers/<int:placed_id>/remove")
    def remove_trigger(placed_id: int) -> ResponseReturnValue:
        with portal.cloud.lock:
            triggers.remove(portal, placed_id)
        return redirect("/", 303)


def _values(portal: Portal) -> dict[str, Any]:
    offered = portal.triggers.of(portal.installation.row_id)
    return {"columns": _columns(portal), "offered_triggers": offered, **base_values(portal, "board")}


def _columns(portal: Portal) -> list[dict[str, Any]]:
    lang = language(portal)
    badges = portal.timeline.shown_badges()
    latest = {flow.document_id[2]: flow for flow in portal.workflows.values()}
    columns = []
    for stage in portal.stages:
        cards = [
            _card(portal, deal, latest.get(f"DEAL_{deal['id']}"), badges.get((crm.DEAL, deal["id"])), lang)
            for deal in portal.crm.of(crm.DEAL)
            if deal["stageId"] == stage.id and may_see(portal, deal)
        ]
        columns.append(
            {
                "id": stage.id,
                "robots": _robots(portal, stage, lang),
                "triggers": _triggers(portal, stage),
                "cards": cards,
                "total": sum(card["amount"] for card in cards),
            }
        )
    return columns


def _triggers(portal: Portal, stage: Stage) -> list[dict[str, Any]]:
    """The triggers on a stage; one whose installation is gone, or that is not registered any more, is dead."""
    shown = []
    for placed in portal.triggers.on(stage.id):
        known = portal.triggers.find(placed.app_id, placed.code)
        dead = known is None or placed.app_id != portal.installation.row_id
        title = known.name if known else placed.code
        shown.append({"id": placed.id, "title": title, "allow_back": placed.allow_back, "dead": dead})
    return shown


def _robots(portal: Portal, stage: Stage, lang: str) -> list[dict[str, Any]]:
    return [
        {"title": standard_robots.title_of(portal, robot, lang), "known": _is_known(portal, robot), "code": robot.code}
        for robot in stage.robots
    ]


def _is_known(portal: Portal, robot: PlacedRobot) -> bool:
    return standard_robots.record_of(portal, robot.code) is not None


def _card(
    portal: Portal, deal: dict[str, Any], flow: Workflow | None, badge: Badge | None, lang: str
) -> dict[str, Any]:
    client = portal.crm.client(deal)
    phones = [row["value"] for row in (client or {}).get("fm", []) if row["typeId"] == "PHONE"]
    step = flow.step if flow else None
    return {
        "places": row_places(portal, (crm.DEAL, deal["id"]), lang),
        "badge": _badge(badge, lang),
        "id": deal["id"],
        "title": deal["title"],
        "client": crm.title(client) if client else "",
        "phone": phones[0] if phones else "",
        "more_phones": len(phones) - 1,
        "amount": deal.get("opportunity") or 0,
        "flow": flow,
        "state": flow.shown_state if flow else "",
        "step": standard_robots.title_of(portal, step, lang) if step else "",
    }


def _badge(badge: Badge | None, lang: str) -> dict[str, str] | None:
    if badge is None:
        return None
    title, value = (php.upper_keys(text) if isinstance(text, dict) else text for text in (badge.title, badge.value))
    return {"type": badge.type, "title": localized(title, lang), "value": localized(value, lang)}
