"""An emulated Gupshup: the self-serve WhatsApp API, its webhooks, and the client's telephone.

In a test, in-process: `create_emulator(clock, post)` gives a Flask app; its state is `app.extensions["gupshup"]`.
As a process: `python -m gupshup.emulator --port 0`. It shares no code with the product's Gupshup client, so that a
misreading of the vendor's documents shows as a refusal here.
"""

from __future__ import annotations

from gupshup.emulator.app import create_emulator, emulator_of
from gupshup.emulator.emulator import Emulator

__all__ = ["Emulator", "create_emulator", "emulator_of"]
