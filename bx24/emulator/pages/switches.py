"""The page of switches: faults that a settings page must cope with, the language, and the user who looks."""

from __future__ import annotations

from flask import Flask, redirect, render_template, request
from flask.typing import ResponseReturnValue

from bx24.emulator.pages.layout import base_values
from bx24.emulator.state.portal import Portal

SWITCHES = ("refuse_resize", "slow_frames", "session_ended", "many_fields")
"""Fields of `Faults`."""


def register(app: Flask, portal: Portal) -> None:
    @app.get("/switches")
    def switches() -> str:
        with portal.cloud.lock:
            shown = [(name, bool(getattr(portal.faults, name))) for name in SWITCHES]
            saved = request.args.get("saved") == "1"
            return render_template("switches.html", switches=shown, saved=saved, **base_values(portal, "switches"))

    @app.post("/switches")
    def save() -> ResponseReturnValue:
        with portal.cloud.lock:
            portal.faults.update({name: name in request.form for name in SWITCHES})
            portal.change_settings(lang=request.form.get("lang"), viewer=request.form.get("viewer"))
            return redirect(f"/switches?saved=1&lang={portal.lang}", 303)
