"""The robot designer of the deals: which robots stand on which stage, and the panel that sets one up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from flask import Flask, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from bx24.emulator.formats.texts import text_of
from bx24.emulator.pages import robot_form, settings_options
from bx24.emulator.pages.app_frame import frame_data, uri
from bx24.emulator.pages.layout import base_values, language, viewer
from bx24.emulator.rules import frames
from bx24.emulator.rules.robot_filter import robots_for
from bx24.emulator.state import crm
from bx24.emulator.state.portal import Portal, Stage
from bx24.emulator.state.records import RobotRecord
from bx24.emulator.state.workflow import PlacedRobot

SETTINGS = "BIZPROC_ACTIVITY_PROPERTIES_DIALOG"
UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
"""TimeoutDurationType of the host's own row, in seconds."""


@dataclass(frozen=True)
class Panel:
    """A robot being set up: where it stands or will stand, and the robots of its stage that run before it."""

    stage: Stage
    robot: PlacedRobot
    record: RobotRecord
    index: int
    is_new: bool

    @property
    def earlier(self) -> list[PlacedRobot]:
        return self.stage.robots[: self.index]


def register(app: Flask, portal: Portal) -> None:
    @app.get("/designer")
    def designer() -> ResponseReturnValue:
        with portal.cloud.lock:
            return _designer(portal)

    @app.get("/designer/<stage_id>/add")
    def add(stage_id: str) -> ResponseReturnValue:
        with portal.cloud.lock:
            offered = robots_for(portal, crm.document_type(crm.DEAL))
            stage = _stage(portal, stage_id)
            return render_template("offered.html", stage=stage, offered=offered, **base_values(portal, "designer"))

    @app.route("/designer/<stage_id>/new/<code>", methods=["GET", "POST"])
    def new(stage_id: str, code: str) -> ResponseReturnValue:
        with portal.cloud.lock:
            return _shown_or_saved(portal, _new(portal, stage_id, code))

    @app.route("/robots/<stage_id>/<int:index>", methods=["GET", "POST"])
    def placed(stage_id: str, index: int) -> ResponseReturnValue:
        with portal.cloud.lock:
            return _shown_or_saved(portal, _placed(portal, stage_id, index))

    @app.post("/robots/<stage_id>/<int:index>/<action>")
    def change(stage_id: str, index: int, action: str) -> ResponseReturnValue:
        with portal.cloud.lock:
            return _change(portal, _stage(portal, stage_id), index, action)


def _designer(portal: Portal) -> str:
    words = base_values(portal, "designer")
    columns = [
        {
            "id": stage.id,
            "robots": [
                {
                    "name": robot.name,
                    "title": portal.robot_title(robot, words["lang"]),
                    "code": robot.code,
                    "record": portal.robots.get(robot.code),
                }
                for robot in stage.robots
            ],
        }
        for stage in portal.stages
    ]
    done = request.args.get("done", "")
    told = text_of(f"done_{done}", words["lang"], title=request.args.get("title", "")) if done in DONE else ""
    return render_template("designer.html", columns=columns, told=told, focus=request.args.get("focus", ""), **words)


DONE = ("saved", "deleted", "up", "down")


def _stage(portal: Portal, stage_id: str) -> Stage:
    return portal.stage(stage_id) or abort(404)


def _record(portal: Portal, code: str) -> RobotRecord:
    return portal.robots.get(code) or abort(404)


def _new(portal: Portal, stage_id: str, code: str) -> Panel:
    """The step's name is a temporary one: a robot gets its own when it is saved."""
    stage = _stage(portal, stage_id)
    return Panel(stage, PlacedRobot(code), _record(portal, code), len(stage.robots), True)


def _placed(portal: Portal, stage_id: str, index: int) -> Panel:
    stage = _stage(portal, stage_id)
    if index >= len(stage.robots):
        abort(404)
    robot = stage.robots[index]
    return Panel(stage, robot, _record(portal, robot.code), index, False)


def _change(portal: Portal, stage: Stage, index: int, action: str) -> ResponseReturnValue:
    if index >= len(stage.robots) or action not in ("delete", "up", "down"):
        abort(404)
    robot = stage.robots[index]
    if action == "delete":
        del stage.robots[index]
        return _back(portal, robot, "deleted", focus=f"add-{stage.id}")
    other = index + (1 if action == "down" else -1)
    if 0 <= other < len(stage.robots):
        stage.robots[index], stage.robots[other] = stage.robots[other], robot
    return _back(portal, robot, action, focus=f"{action}-{robot.name}")


def _back(portal: Portal, robot: PlacedRobot, done: str, *, focus: str) -> ResponseReturnValue:
    title = portal.robot_title(robot, language(portal))
    return redirect("/designer?" + urlencode({"done": done, "title": title, "focus": focus}), 303)


def _shown_or_saved(portal: Portal, panel: Panel) -> ResponseReturnValue:
    return _save(portal, panel) if request.method == "POST" else _panel(portal, panel, {})


def _save(portal: Portal, panel: Panel) -> ResponseReturnValue:
    """Put the robot on its stage, or open the panel again with the problems and everything that was typed."""
    lang = language(portal)
    values, problems = robot_form.read(panel.record, request.form, lang)
    changed = _host_rows(portal, panel, problems, lang)
    changed = replace(changed, values=values)
    if problems:
        return _panel(portal, replace(panel, robot=changed), problems)
    if panel.is_new:
        panel.stage.robots.append(changed)
    else:
        # A new record: workflows that are running keep the robot as it was when they started.
        panel.stage.robots[panel.index] = changed
    return _back(portal, changed, "saved", focus=f"edit-{changed.name}")


def _host_rows(portal: Portal, panel: Panel, problems: dict[str, str], lang: str) -> PlacedRobot:
    """What stands below the frame: title, run as, status text, waiting, time limit."""
    form, robot = request.form, panel.robot
    amount, user = form.get("timeout_duration", "").strip(), form.get("auth_user_id", "")
    seconds = dict(UNITS).get(form.get("timeout_type", "s"), 1)
    if amount and not amount.isdigit():
        problems["timeout_duration"] = text_of("bad_limit", lang)
    if user and not (user.isdigit() and int(user) in portal.users):
        problems["auth_user_id"] = text_of("bad_user", lang)
        user = ""
    return replace(
        robot,
        title=form.get("title", robot.title).strip(),
        status_text=form.get("status_text", "").strip(),
        use_subscription=form.get("use_subscription", robot.use_subscription),
        # Only administrators see the row; saved by anyone else, the robot keeps its user.
        auth_user_id=(int(user) if user else None) if "auth_user_id" in form else robot.auth_user_id,
        timeout_s=int(amount) * seconds if amount.isdigit() else 0,
    )


def _panel(portal: Portal, panel: Panel, problems: dict[str, str]) -> str:
    words = base_values(portal, "designer")
    record, robot, lang = panel.record, panel.robot, words["lang"]
    made, data = _frame(portal, panel) if record.placement_handler else (None, None)
    unit, seconds = next((unit for unit in UNITS if robot.timeout_s and robot.timeout_s % unit[1] == 0), UNITS[2])
    return render_template(
        "panel.html",
        panel=panel,
        frame=made,
        data=data,
        problems=problems,
        inputs=robot_form.hidden(record, robot.values),
        controls=[] if made else robot_form.drawn(record, robot.values, problems, lang),
        limit=request.form.get("timeout_duration", robot.timeout_s // seconds or ""),
        unit=request.form.get("timeout_type", unit),
        units=[name for name, _ in reversed(UNITS)],
        is_admin=(user := portal.users.get(viewer(portal))) is not None and user.is_admin,
        default_user=portal.users.get(int(record.fields.get("AUTH_USER_ID") or 0)),
        **words,
    )


def _frame(portal: Portal, panel: Panel) -> tuple[frames.Frame, dict[str, Any]]:
    options = settings_options.settings_options(portal, panel.robot, panel.earlier) | uri()
    made = frames.new_frame(
        portal,
        panel.record.placement_handler,
        user_id=viewer(portal),
        placement=SETTINGS,
        options=options,
        lang=language(portal),
    )
    data = frame_data(portal, made, SETTINGS, options)
    return made, {**data, "properties": [code.lower() for code in robot_form.properties(panel.record)]}
