"""WHAT can be done: one module per action, the only definition of it.

`ACTIVITIES` offers the actions to the workflow designer; there the phone is required, because a list element or a file
has no client of its own.
"""

from marshmallow import fields

from activities.base import Action
from activities.check_window import CheckWindow
from activities.close_chats import CloseChats
from activities.opt_out import OptOut
from activities.send_buttons import SendButtons
from activities.send_contact import SendContact
from activities.send_file import SendFile
from activities.send_list import SendList
from activities.send_location import SendLocation
from activities.send_template import SendTemplate
from activities.send_text import SendText
from activities.wait_delivery import WaitDelivery
from activities.wait_reply import WaitReply
from bx24.i18n import Text
from bx24.properties import Properties

_ALL: tuple[Action, ...] = (
    SendText(),
    SendTemplate(),
    SendButtons(),
    SendList(),
    SendFile(),
    SendContact(),
    SendLocation(),
    WaitReply(),
    WaitDelivery(),
    CheckWindow(),
    CloseChats(),
    OptOut(),
)
ACTIONS: dict[str, Action] = {action.name: action for action in _ALL}


def line_field() -> fields.String:
    """The line to send from; its options are the portal's own, filled in at registration."""
    return fields.String(
        load_default="",
        metadata={
            "title": Text("Line", "Линия"),
            "hint": Text(
                "Empty: the line of the last conversation with the client, or the default line if there is none",
                "Пусто: линия последней переписки с клиентом, а если её нет — основная",
            ),
            "type": "select",
        },
    )


class Person(Properties):
    """To whom an activity sends: the phone must be given."""

    line = line_field()
    phone = fields.String(
        required=True,
        metadata={
            "title": Text("Phone", "Телефон"),
            "hint": Text(
                "With the country code. Separate several phones by commas",
                "С кодом страны. Можно несколько через запятую",
            ),
        },
    )


#: What makes sense for an item of the CRM only, and is no activity.
ROBOTS_ONLY = ("close_chats",)
#: The order in which activities are registered and shown.
ACTIVITIES: dict[str, Action] = {name: action for name, action in ACTIONS.items() if name not in ROBOTS_ONLY}
