"""Close the client's dialogs in Open Channels that belong to the CRM item. A robot only: a list element has no chats."""

from collections.abc import Mapping
from typing import Any, ClassVar

from activities.base import STATUS_RESULTS, Action, Desk, Nothing, Plan, Results
from bx24.i18n import Text

NOT_GRANTED = Text(
    "Nothing was closed: the app has no permission for Open Channels.",
    "Ничего не закрыто: у приложения нет права «Открытые линии».",
)


class CloseChats(Action):
    name = "close_chats"
    title = Text("WhatsApp: close the client's chats", "WhatsApp: закрыть чаты с клиентом")
    description = Text(
        "Finishes the open WhatsApp dialogs of the item in Open Channels and tells how many there were",
        "Завершает открытые диалоги WhatsApp по элементу в открытых линиях и сообщает, сколько их было",
    )
    Content = Nothing
    Ending = Nothing
    results: ClassVar[Results] = {
        **STATUS_RESULTS,
        "closed": (Text("Dialogs closed", "Закрыто диалогов"), "int"),
    }

    def make_plan(self, values: Mapping[str, Any], desk: Desk) -> Plan:
        closed = desk.close_chats()
        if closed is None:
            return Plan(values={"closed": 0}, note=NOT_GRANTED)
        return Plan(values={"closed": closed})
