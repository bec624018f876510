"""An emulated Gupshup: the self-serve WhatsApp API, its webhooks, and the clients' phones.

In a test, in-process: `create_emulator(clock, post)` gives a Flask app; `emulator_of(app)` is its state. As a process:
`python -m gupshup.emulator --port 0`. It shares no code with the product's Gupshup client, so that a misreading of the
vendor's documents shows as a refusal here.

Its layers, from top to bottom; each imports only from those below it:

    __main__                           the command line
    app, server, runner                the Flask application; HTTP; the threads that post webhooks
    vendor_api, control_api, pages     what is served: Gupshup's API, commands for tests and demo, the phones
    context                            the emulator behind a request
    emulator                           the state machine: messages out, replies in, webhooks
    rules                              what Gupshup accepts, refuses and reports, as functions
    state                              what is remembered; the vendor's codes
"""

from __future__ import annotations

from gupshup.emulator.app import create_emulator
from gupshup.emulator.context import emulator_of
from gupshup.emulator.emulator import Emulator, random_id

__all__ = ["Emulator", "create_emulator", "emulator_of", "random_id"]
