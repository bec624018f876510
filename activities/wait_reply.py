"""Wait for the client's answer without sending anything."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from marshmallow import fields

from activities.base import REPLY_RESULTS, STATUS_RESULTS, Action, Desk, Plan, Results, wait_minutes_field
from bx24.i18n import Text
from bx24.properties import Properties
from gupshup.reading import is_blank


class WaitReply(Action):
    name = "wait_reply"
    title = Text("WhatsApp: wait for a reply", "WhatsApp: ждать ответ")
    description = Text(
        "Waits until the client writes or taps a button. Also takes an answer to the last message of this workflow",
        "Ждёт, пока клиент напишет или нажмёт кнопку. Учитывает и ответ на последнее сообщение этого процесса",
    )
    results: ClassVar[Results] = {**STATUS_RESULTS, **REPLY_RESULTS}

    class Content(Properties):
        accept = fields.List(
            fields.String(),
            load_default=list,
            metadata={
                "title": Text("Answers that count", "Какие ответы подходят"),
                "hint": Text(
                    "The text of an answer, or the ID of a button. Capitals do not matter. Empty: any answer",
                    "Текст ответа или код кнопки, регистр не важен. Пусто: любой ответ",
                ),
            },
        )

    class Ending(Properties):
        wait_minutes = wait_minutes_field()

    def make_plan(self, values: Mapping[str, Any], desk: Desk) -> Plan:
        accept = tuple(answer.strip() for answer in values["accept"] if not is_blank(answer))
        return Plan(until="replied", wait=timedelta(minutes=values["wait_minutes"]), accept=accept)
