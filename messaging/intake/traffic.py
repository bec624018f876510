"""What the calls and webhooks that pass say about the vendors: counted in memory, without a query (decision 0030)."""

from collections.abc import Sequence

from bx24 import open_points as of_bitrix24
from bx24.payloads import RunCall
from gupshup import open_points as of_gupshup
from gupshup import webhooks
from gupshup.reading import parse_json
from messaging.runtime import Runtime
from messaging.system.counters import POINT

WEBHOOK, CALL, EVENT, FRAME = "webhook", "call", "event", "frame"
_POINT_OF = {"late": of_bitrix24.ORDER, "order": of_bitrix24.ORDER, "rate": of_bitrix24.RATE}


def saw_call(runtime: Runtime, portal_id: int, call: RunCall) -> None:
    """A robot's call of this portal came."""
    for point, answer in of_bitrix24.of_run(call):
        runtime.counters.seen(POINT, point, answer, portal_id)
    for what, answer in runtime.arrivals.came(portal_id, call.ts, runtime.clock()):
        runtime.counters.seen(POINT, _POINT_OF[what], f"{what}_{answer}", portal_id)


def saw_webhook(
    runtime: Runtime, portal_id: int, events: Sequence[webhooks.Event], body: bytes, *, is_new: bool
) -> None:
    """A webhook of a line of this portal came. is_new: False for one that was stored before."""
    if not is_new:
        runtime.counters.seen(POINT, of_gupshup.REPETITIONS, "repeated", portal_id)
        return
    for event in events:
        for point, answer in of_gupshup.answers(event):
            runtime.counters.seen(POINT, point, answer, portal_id)
    if why := next(filter(None, map(_unknown, events)), ""):
        payload = "" if webhooks.is_too_long(body) else parse_json(body)
        runtime.shape_reports.keep(
            WEBHOOK, why, body.decode("utf-8", "replace") if payload is None else payload, portal_id
        )


def _unknown(event: webhooks.Event) -> str:
    """Why an event is not understood, in words of ours; "" if it is."""
    match event:
        case webhooks.Unknown():
            return event.reason
        case webhooks.OtherEvent() if event.type_label in ("other", "message-event", "message"):
            return f"no known type: {event.type_label}"
        case webhooks.Reply(type=webhooks.ReplyType.UNKNOWN):
            return "a message of no known type"
    return ""
