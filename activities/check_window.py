"""Tell whether a session message may be sent to the client right now, and for how long."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from activities.base import STATUS_RESULTS, WINDOW_UNTIL, Action, Desk, Nothing, Plan, Results
from bx24.i18n import Text


class CheckWindow(Action):
    name = "check_window"
    title = Text("WhatsApp: is the 24-hour window open?", "WhatsApp: окно 24 часа открыто?")
    description = Text(
        "Tells whether the 24-hour window is open, until when, and how many minutes are left. Sends nothing",
        "Узнаёт, открыто ли окно 24 часа, до какого времени и сколько минут осталось. Ничего не отправляет",
    )
    Content = Nothing
    Ending = Nothing
    results: ClassVar[Results] = {
        **STATUS_RESULTS,
        "window_open": Text("Window open (Y/N)", "Окно открыто (Y/N)"),
        "window_until": WINDOW_UNTIL,
        "minutes_left": (Text("Minutes left", "Осталось минут"), "int"),
    }

    def make_plan(self, values: Mapping[str, Any], desk: Desk) -> Plan:
        until, now = desk.window_until(), desk.now()
        if until is None or until <= now:
            return Plan(values={"window_open": "N", "window_until": "", "minutes_left": 0})
        return Plan(
            values={
                "window_open": "Y",
                "window_until": until.isoformat(timespec="seconds"),
                "minutes_left": (until - now) // timedelta(minutes=1),
            }
        )
