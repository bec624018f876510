"""The board: deals by stage, each with the state of its workflow. A deal can be moved to another stage."""

from __future__ import annotations

from typing import Any

from flask import Flask, redirect, render_template, request
from flask.typing import ResponseReturnValue

from bx24.emulator.pages.layout import base_values, language
from bx24.emulator.rules import deals
from bx24.emulator.state import crm
from bx24.emulator.state.portal import Portal, Stage
from bx24.emulator.state.workflow import Workflow


def register(app: Flask, portal: Portal) -> None:
    @app.get("/")
    def board() -> str:
        with portal.cloud.lock:
            return render_template("board.html", columns=_columns(portal), **base_values(portal, "board"))

    @app.get("/board/columns")
    def columns() -> str:
        """The changing part of the board, for the refresh."""
        with portal.cloud.lock:
            return render_template("_columns.html", columns=_columns(portal), **base_values(portal, "board"))

    @app.post("/deals/<int:deal_id>/move")
    def move(deal_id: int) -> ResponseReturnValue:
        try:
            with portal.cloud.lock:
                deals.move(portal, deal_id, request.form.get("stage", ""))
        except KeyError:
            return redirect("/", 303)
        return redirect("/", 303)


def _columns(portal: Portal) -> list[dict[str, Any]]:
    lang = language(portal)
    latest = {flow.document_id[2]: flow for flow in portal.workflows.values()}
    columns = []
    for stage in portal.stages:
        cards = [
            _card(portal, deal, latest.get(f"DEAL_{deal['id']}"), lang)
            for deal in portal.crm.of(crm.DEAL)
            if deal["stageId"] == stage.id
        ]
        total = sum(card["amount"] for card in cards)
        columns.append({"id": stage.id, "robots": _robots(portal, stage, lang), "cards": cards, "total": total})
    return columns


def _robots(portal: Portal, stage: Stage, lang: str) -> list[dict[str, Any]]:
    return [
        {"title": portal.robot_title(robot, lang), "known": robot.code in portal.robots, "code": robot.code}
        for robot in stage.robots
    ]


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
        "state": flow.shown_state if flow else "",
        "step": portal.robot_title(step, lang) if step else "",
    }
