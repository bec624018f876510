"""A system notification to one user: the bell in Bitrix24. Scope `im`, app tokens only.

Bitrix24 docs: api-reference/chats/notifications/im-notify-system-add.
"""

from __future__ import annotations

from bx24.client import Client
from bx24.errors import Rejected

METHOD = "im.notify.system.add"


def notify(client: Client, user_id: int, message: str, tag: str) -> None:
    """Tell this user. A notification of ours with the same tag disappears, so telling twice shows it once.

    Raises any Bx24Error; without the scope Rejected `insufficient_scope`, for no user Rejected `USER_ID_EMPTY`.
    """
    reply = client.call(METHOD, {"USER_ID": user_id, "MESSAGE": plain(message), "TAG": tag})
    if not reply.result:
        raise Rejected("notice_not_created", "Bitrix24 took the notification and made none of it")


def plain(text: str) -> str:
    """A text in which nothing is a BB code: names and vendors' words may hold brackets."""
    return text.replace("[", "(").replace("]", ")")
