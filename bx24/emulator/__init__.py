"""A Bitrix24 portal and its auth server, small and strict: it refuses what Bitrix24 would refuse.

In tests: `create_emulator(clock, post)` gives WSGI applications and `deliver_due()`; as a process:
`python -m bx24.emulator --port 0`.
"""

from bx24.emulator.emulator import Emulator, create_emulator
from bx24.emulator.state.portal import Portal

__all__ = ["Emulator", "Portal", "create_emulator"]
