"""The panel that sets up one robot: the app's settings page or the portal's own form, and the rows of the portal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask import Flask, abort, render_template, request
from flask.typing import ResponseReturnValue

from bx24.emulator.formats.texts import text_of
from bx24.emulator.pages import robot_form
from bx24.emulator.pages.app_frame import frame_data, uri_option
from bx24.emulator.pages.layout import base_values, language, viewer
from bx24.emulator.pages.robot_designer import back_to_designer, find_stage
from bx24.emulator.pages.settings_options import settings_options
from bx24.emulator.rules import frames, standard_robots
from bx24.emulator.state.portal import Portal, Stage
from bx24.emulator.state.records import RobotRecord
from bx24.emulator.state.workflow import PlacedRobot

SETTINGS_PLACEMENT = "BIZPROC_ACTIVITY_PROPERTIES_DIALOG"
UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
"""TimeoutDurationType, the unit of the time limit, in seconds."""


@dataclass(frozen=True)
class Panel:
    """A robot that is being set up. `index`: its place on the stage, or the place it will get."""

    stage: Stage
    robot: PlacedRobot
    record: RobotRecord
    index: int
    is_new: bool

    @property
    def earlier(self) -> list[PlacedRobot]:
        """The robots of the stage that run before this one."""
        return self.stage.robots[: self.index]


def register(app: Flask, portal: Portal) -> None:
    @app.route("/designer/<stage_id>/new/<code>", methods=["GET", "POST"])
    def new_robot(stage_id: str, code: str) -> ResponseReturnValue:
        with portal.cloud.lock:
            return _show_or_save(portal, _panel_of_new(portal, stage_id, code))

    @app.route("/robots/<stage_id>/<int:index>", methods=["GET", "POST"])
    def placed_robot(stage_id: str, index: int) -> ResponseReturnValue:
        with portal.cloud.lock:
            return _show_or_save(portal, _panel_of_placed(portal, stage_id, index))


def _panel_of_new(portal: Portal, stage_id: str, code: str) -> Panel:
    """The robot's name is temporary: it gets its own when it is saved."""
    stage = find_stage(portal, stage_id)
    return Panel(stage, PlacedRobot(code), _find_record(portal, code), len(stage.robots), True)


def _panel_of_placed(portal: Portal, stage_id: str, index: int) -> Panel:
    stage = find_stage(portal, stage_id)
    if index >= len(stage.robots):
        abort(404)
    robot = stage.robots[index]
    return Panel(stage, robot, _find_record(portal, robot.code), index, False)


def _find_record(portal: Portal, code: str) -> RobotRecord:
    return standard_robots.record_of(portal, code) or abort(404)


def _show_or_save(portal: Portal, panel: Panel) -> ResponseReturnValue:
    return _save(portal, panel) if request.method == "POST" else _show(portal, panel, {})


def _save(portal: Portal, panel: Panel) -> ResponseReturnValue:
    """Put the robot on its stage; or show the panel again, with the problems and everything that was typed."""
    lang = language(portal)
    values, problems = robot_form.read_form(panel.record, request.form, lang)
    row_problems = _problems_of_portal_rows(portal, lang)
    robot = replace(_with_portal_rows(panel.robot, row_problems), values=values)
    problems |= row_problems
    if problems:
        return _show(portal, replace(panel, robot=robot), problems)
    if panel.is_new:
        panel.stage.robots.append(robot)
    else:
        # A new record: workflows that are running keep the robot as it was when they started.
        panel.stage.robots[panel.index] = robot
    return back_to_designer(portal, robot, "saved", focus=f"edit-{robot.name}")


def _problems_of_portal_rows(portal: Portal, lang: str) -> dict[str, str]:
    """What is wrong with the time limit and with the user on whose behalf the robot runs."""
    amount, user = request.form.get("timeout_duration", "").strip(), request.form.get("auth_user_id", "")
    problems = {}
    if amount and not amount.isdigit():
        problems["timeout_duration"] = text_of("bad_limit", lang)
    if user and not (user.isdigit() and int(user) in portal.users):
        problems["auth_user_id"] = text_of("bad_user", lang)
    return problems


def _with_portal_rows(robot: PlacedRobot, problems: dict[str, str]) -> PlacedRobot:
    """The robot with what was typed below its settings: title, user, status text, waiting, time limit."""
    form = request.form
    amount = form.get("timeout_duration", "").strip()
    user = "" if "auth_user_id" in problems else form.get("auth_user_id", "")
    unit_s = dict(UNITS).get(form.get("timeout_type", "s"), 1)
    return replace(
        robot,
        title=form.get("title", robot.title).strip(),
        status_text=form.get("status_text", "").strip(),
        use_subscription=form.get("use_subscription", robot.use_subscription),
        # Only administrators see this row; when anybody else saves, the robot keeps its user.
        auth_user_id=(int(user) if user else None) if "auth_user_id" in form else robot.auth_user_id,
        timeout_s=int(amount) * unit_s if amount.isdigit() else 0,
    )


def _show(portal: Portal, panel: Panel, problems: dict[str, str]) -> str:
    record, robot, lang = panel.record, panel.robot, language(portal)
    frame, data = _frame(portal, panel) if record.placement_handler else (None, None)
    user = portal.users.get(viewer(portal))
    return render_template(
        "panel.html",
        panel=panel,
        frame=frame,
        data=data,
        problems=problems,
        inputs=robot_form.hidden_inputs(record, robot.values),
        controls=[] if frame else robot_form.controls(record, robot.values, problems, lang),
        is_admin=user is not None and user.is_admin,
        default_user=portal.users.get(int(record.fields.get("AUTH_USER_ID") or 0)),
        **_time_limit(robot),
        **base_values(portal, "designer"),
    )


def _time_limit(robot: PlacedRobot) -> dict[str, Any]:
    """The row of the time limit: as typed, else in the largest unit that fits; minutes for a robot without a limit."""
    fits = (unit for unit in UNITS if robot.timeout_s and robot.timeout_s % unit[1] == 0)
    unit, unit_s = next(fits, UNITS[2])
    return {
        "limit": request.form.get("timeout_duration", robot.timeout_s // unit_s or ""),
        "unit": request.form.get("timeout_type", unit),
        "units": [name for name, _ in reversed(UNITS)],
    }


def _frame(portal: Portal, panel: Panel) -> tuple[frames.Frame, dict[str, Any]]:
    """The settings page of the app, and what static/host.js needs for it."""
    options = settings_options(portal, panel.robot, panel.earlier) | uri_option()
    frame = frames.new_frame(
        portal,
        panel.record.placement_handler,
        user_id=viewer(portal),
        placement=SETTINGS_PLACEMENT,
        options=options,
        lang=language(portal),
    )
    data = frame_data(portal, frame, SETTINGS_PLACEMENT, options)
    return frame, {**data, "properties": [code.lower() for code in robot_form.properties(panel.record)]}
