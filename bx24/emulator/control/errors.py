"""Refusals of the control API."""

from __future__ import annotations


class ControlError(Exception):
    """A control request that cannot be done; answered with `status` and {"error": text}."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status
