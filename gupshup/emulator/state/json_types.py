"""JSON as the emulator handles it."""

from __future__ import annotations

JsonObject = dict[str, object]
