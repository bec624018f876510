"""What one test leaves to the next within a process: what is dear to make and remembers nothing of a test.

An engine keeps the SQL of the statements it has seen, an app its compiled routes and templates. Made anew for each test,
they took longer than most tests themselves.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Flask
from sqlalchemy import Engine
from werkzeug.local import LocalProxy

from app import create_app
from bx24.emulator.portal_app import create_portal_app
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.portals import Portals
from gupshup.emulator import Emulator, create_emulator
from gupshup.emulator.context import attach
from messaging.runtime import Runtime
from messaging.store.crypto import Cipher
from messaging.store.database import Database, open_engine


class SharedDatabase(Database):
    """A database whose connections stay open for the next test.

    What a test listens to on its engine ends with the test: that engine is its own, over the same connections.
    """

    def __init__(self, url: str, key: str) -> None:
        super().__init__(_engine(url, key).execution_options())

    def close(self) -> None:
        """Nothing: see `disconnect`."""


@cache
def _engine(url: str, key: str) -> Engine:
    _ENGINES.append(open_engine(url, Cipher((key,))))
    return _ENGINES[-1]


def disconnect() -> None:
    """Give back all connections: a database ends."""
    for engine in _ENGINES:
        engine.dispose()


def our_app(runtime: Runtime) -> Flask:
    """Our app over this runtime, until the next test asks for it."""
    if runtime.config.trusted_proxies:
        return create_app(runtime)
    if not _OURS:
        _OURS.append(create_app(runtime))
    _OURS[0].extensions["waba24"] = runtime
    return _OURS[0]


def gupshup_app(emulator: Emulator) -> Flask:
    """The application of this emulated Gupshup, until the next test asks for it."""
    if not _GUPSHUPS:
        _GUPSHUPS.append(create_emulator())
    attach(_GUPSHUPS[0], emulator, lambda _: None)
    return _GUPSHUPS[0]


class PortalApps:
    """Makes the applications of one world's portals; those of the next world are the same, with other portals."""

    def __init__(self) -> None:
        self._served = 0

    def __call__(self, portal: Portal, portals: Portals) -> Flask:
        if self._served == len(_PORTALS):
            seat: list[Any] = [portal, portals]
            made = create_portal_app(_seated(seat, 0), _seated(seat, 1))
            _PORTALS.append((made, seat))
        app, seat = _PORTALS[self._served]
        seat[:] = portal, portals
        self._served += 1
        return app


def _seated(seat: list[Any], place: int) -> Any:
    return LocalProxy(lambda: seat[place])


_ENGINES: list[Engine] = []
_OURS: list[Flask] = []
_GUPSHUPS: list[Flask] = []
_PORTALS: list[tuple[Flask, list[Any]]] = []
