"""The robot designer of the deals: the robots of each stage, and adding, moving and deleting them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Flask, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from bx24.emulator.formats.texts import text_of
from bx24.emulator.pages import robot_form
from bx24.emulator.pages.layout import base_values, language
from bx24.emulator.rules import placements, standard_robots
from bx24.emulator.rules.robot_filter import robots_for
from bx24.emulator.state import crm
from bx24.emulator.state.portal import Portal, Stage
from bx24.emulator.state.workflow import PlacedRobot

_DONE = ("saved", "deleted", "up", "down")


def register(app: Flask, portal: Portal) -> None:
    @app.get("/designer")
    def designer() -> ResponseReturnValue:
        with portal.cloud.lock:
            return _designer(portal)

    @app.get("/designer/<stage_id>/add")
    def add(stage_id: str) -> ResponseReturnValue:
        with portal.cloud.lock:
            offered = [*standard_robots.offered(portal), *robots_for(portal, crm.document_type(crm.DEAL))]
            stage = find_stage(portal, stage_id)
            return render_template("offered.html", stage=stage, offered=offered, **base_values(portal, "designer"))

    @app.post("/robots/<stage_id>/<int:index>/<action>")
    def change(stage_id: str, index: int, action: str) -> ResponseReturnValue:
        with portal.cloud.lock:
            return _change(portal, find_stage(portal, stage_id), index, action)


def find_stage(portal: Portal, stage_id: str) -> Stage:
    """The stage, or the answer 404."""
    return portal.stage(stage_id) or abort(404)


def back_to_designer(portal: Portal, robot: PlacedRobot, done: str, *, focus: str) -> ResponseReturnValue:
    """Show the designer with a line about what was `done` to a robot. focus: id of the control to focus."""
    title = standard_robots.title_of(portal, robot, language(portal))
    return redirect("/designer?" + urlencode({"done": done, "title": title, "focus": focus}), 303)


def _designer(portal: Portal) -> str:
    lang, done = language(portal), request.args.get("done", "")
    status = text_of(f"done_{done}", lang, title=request.args.get("title", "")) if done in _DONE else ""
    columns = [{"id": stage.id, "robots": _robots(portal, stage, lang)} for stage in portal.stages]
    return render_template(
        "designer.html",
        columns=columns,
        status=status,
        focus=request.args.get("focus", ""),
        toolbar=placements.places(portal, crm.DEAL, "ROBOT_DESIGNER_TOOLBAR", lang, {}),
        **base_values(portal, "designer"),
    )


def _robots(portal: Portal, stage: Stage, lang: str) -> list[dict[str, Any]]:
    return [
        {
            "name": robot.name,
            "title": standard_robots.title_of(portal, robot, lang),
            "code": robot.code,
            "record": record,
            "says": robot_form.summary(portal, record, robot.values, lang) if record else "",
        }
        for robot in stage.robots
        for record in [standard_robots.record_of(portal, robot.code)]
    ]


def _change(portal: Portal, stage: Stage, index: int, action: str) -> ResponseReturnValue:
    if index >= len(stage.robots) or action not in ("delete", "up", "down"):
        abort(404)
    robot = stage.robots[index]
    if action == "delete":
        del stage.robots[index]
        return back_to_designer(portal, robot, "deleted", focus=f"add-{stage.id}")
    other = index + (1 if action == "down" else -1)
    if 0 <= other < len(stage.robots):
        stage.robots[index], stage.robots[other] = stage.robots[other], robot
    return back_to_designer(portal, robot, action, focus=f"{action}-{robot.name}")
