"""The statuses that a message goes through: which ones, at what times, and the event that reports each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gupshup.emulator.rules import webhook_bodies
from gupshup.emulator.state import codes
from gupshup.emulator.state.faults import DELAYS, Faults
from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.records import Message, Status


@dataclass(frozen=True)
class Failure:
    """Why a message will fail. after: the last status before the failure; None: the usual one for this code."""

    code: int
    reason: str
    after: str | None = None

    @classmethod
    def of_code(cls, code: int) -> Failure:
        return cls(code, codes.reason_of(code))

    @classmethod
    def of_fault(cls, fault: Mapping[str, object]) -> Failure:
        code, after = int(str(fault["code"])), fault.get("after")
        return cls(code, str(fault.get("reason") or codes.reason_of(code)), None if after is None else str(after))


def plan(message: Message, failure: Failure | None, start: datetime, faults: Faults) -> list[Status]:
    """The statuses to come. A failure replaces the status that would have come next, and all later ones."""
    times = {name: start + timedelta(milliseconds=faults.delay_ms(message.app.name, name)) for name in DELAYS}
    good = [Status(name, at) for name, at in times.items()]
    if failure is None:
        return good
    kept = _good_before(message, failure, faults)
    end = good[kept].at if kept < len(good) else good[-1].at + timedelta(milliseconds=100)
    return [*good[:kept], Status("failed", end, failure.code, failure.reason)]


def _good_before(message: Message, failure: Failure, faults: Faults) -> int:
    if failure.after is not None:
        return list(DELAYS).index(failure.after) + 1
    shape = faults.get(message.app.name, "failed_shape")
    synchronous = shape == "sync" or (shape is None and codes.is_synchronous(failure.code))
    return 0 if synchronous else 1


def event(message: Message, step: Status, faults: Faults) -> JsonObject | None:
    """The payload that reports a status; None if the fault `drop_statuses` swallows it."""
    name = message.app.name
    if step.status in faults.strings(name, "drop_statuses"):
        return None
    if step.status == "enqueued":
        return webhook_bodies.enqueued(message)
    if step.status != "failed":
        return webhook_bodies.progress(message, step, gs_id=not faults.flag(name, "omit_gs_id"))
    shape = faults.get(name, "failed_shape")
    # WhatsApp knows a message from `enqueued` on, so its failure has the asynchronous shape.
    asynchronous = message.reached("enqueued")
    return webhook_bodies.failed(message, step, synchronous=shape == "sync" if shape else not asynchronous)


def lag(app: str, status: str, faults: Faults) -> timedelta:
    """The time from a status to the post of its webhook. With the fault order=reversed, later ones arrive first."""
    pause = faults.number(app, "webhook_delay_ms")
    if faults.get(app, "order") == "reversed" and status in DELAYS:
        # Times are mirrored around `delivered`: the earlier a status, the later its webhook.
        pause += 2 * (faults.delay_ms(app, "delivered") - faults.delay_ms(app, status))
    return timedelta(milliseconds=pause)
