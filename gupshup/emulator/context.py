"""The emulator behind a Flask application, and behind the request that it is answering."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, current_app

from gupshup.emulator.emulator import Emulator

_EMULATOR, _PAUSE = "gupshup", "gupshup.pause"


def attach(app: Flask, emulator: Emulator, pause: Callable[[float], None]) -> None:
    """Tell a Flask application its emulator. pause: waits for a number of seconds."""
    app.extensions[_EMULATOR], app.extensions[_PAUSE] = emulator, pause


def emulator_of(app: Flask) -> Emulator:
    """The emulator behind an application made by `create_emulator`."""
    found = app.extensions[_EMULATOR]
    assert isinstance(found, Emulator)
    return found


def current() -> Emulator:
    """The emulator behind the request."""
    return emulator_of(current_app)


def sleep(seconds: float) -> None:
    """Wait with the pause that was given to the application."""
    if seconds > 0:
        current_app.extensions[_PAUSE](seconds)
