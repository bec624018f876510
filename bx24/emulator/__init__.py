"""A Bitrix24 portal and its auth server, small and strict: what Bitrix24 would refuse is refused, with its error codes.

In tests: `create_emulator(clock, post)` gives WSGI applications and `deliver_due()`. As a process:
`python -m bx24.emulator --port 0`.

The layers, each importing only from those below it:

    __main__, server           sockets, and the thread that calls the app
    emulator                   all portals of a process with their applications
    portal_app, auth_server    a Flask application per portal, and the one of the auth server
    rest, pages, control       what a portal answers: to the app, to people, to tests and the demo
    rules                      what Bitrix24 does: workflows, fields, installing the app
    state                      what it remembers: the cloud that portals share, a portal, its CRM
    formats                    how it writes things: PHP's forms, values, texts

Whoever changes state holds `cloud.lock`. Calls to the app are made without the lock, because the app calls back.
"""

from bx24.emulator.emulator import Emulator, create_emulator
from bx24.emulator.state.portal import Portal

__all__ = ["Emulator", "Portal", "create_emulator"]
