"""A layout of a configurable activity that the portal accepts, and a way to change one place in it."""

from __future__ import annotations

import copy
from typing import Any

LAYOUT: dict[str, Any] = {
    "icon": {"code": "sms"},
    "header": {
        "title": {"ru": "Сообщение WhatsApp", "en": "WhatsApp message"},
        "tags": {"status": {"title": {"ru": "Доставлено", "en": "Delivered"}, "type": "primary"}},
    },
    "body": {
        "logo": {"code": "channel-whatsapp"},
        "blocks": {
            "text": {"type": "text", "properties": {"value": "Здравствуйте, Ольга!\nЗаказ готов.", "multiline": True}},
            "template": {
                "type": "withTitle",
                "properties": {
                    "title": "Шаблон",
                    "inline": True,
                    "block": {"type": "text", "properties": {"value": "order_ready", "size": "sm", "color": "base_60"}},
                },
            },
            "line": {
                "type": "lineOfBlocks",
                "properties": {
                    "blocks": {
                        "file": {
                            "type": "link",
                            "properties": {
                                "text": "чек.pdf",
                                "action": {"type": "redirect", "uri": "https://files.example/check.pdf"},
                            },
                        }
                    }
                },
            },
        },
    },
    "footer": {
        "buttons": {
            "resend": {
                "title": "Отправить ещё раз",
                "type": "primary",
                "action": {
                    "type": "restEvent",
                    "id": "resend",
                    "actionParams": {"msg": "8f2c", "n": 7, "entityId": "mine"},
                    "animationType": "loader",
                },
            },
            "story": {
                "title": "История",
                "type": "secondary",
                "action": {
                    "type": "openRestApp",
                    "actionParams": {"message": 15},
                    "sliderParams": {"title": "История сообщения", "width": 700},
                },
            },
        },
        "menu": {
            "showDeleteItem": False,
            "items": {"stop": {"title": "Больше не писать", "action": {"type": "restEvent", "id": "stop"}}},
        },
    },
}
ABSENT = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    """The layout with another value at a path, or without that key."""
    layout = copy.deepcopy(LAYOUT)
    *parents, last = path.split("/")
    node = layout
    for key in parents:
        node = node.setdefault(key, {})
    if value is ABSENT:
        del node[last]
    else:
        node[last] = value
    return layout
