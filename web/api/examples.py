"""What requests and answers look like, for the document of the API."""

from typing import Any

ID = "5Jmr1u6pXy0tq0pQm9v8Sg"
AT = "2026-11-23T09:00:00+00:00"
PROBLEM: dict[str, Any] = {
    "type": "https://waba.example.com/api/v1/docs#window_closed",
    "title": "The request has wrong values",
    "status": 422,
    "detail": "The 24-hour window is closed: the client has not written for more than a day.",
    "code": "window_closed",
    "errors": {"": [{"code": "window_closed", "message": "The 24-hour window is closed."}]},
}
LINE: dict[str, Any] = {
    "id": 1,
    "phone": "79001112233",
    "name": "Shop",
    "status": "connected",
    "window_hours": 24,
    "tier": 1000,
    "balance": None,
}
MESSAGE: dict[str, Any] = {
    "id": ID,
    "line": 1,
    "phone": "79161234567",
    "origin": "api",
    "type": "template",
    "status": "delivered",
    "error_code": None,
    "error_text": None,
    "provider_id": "0b1c8f0a-4f57-4a41-9d0e-7f3f1f0f2b11",
    "created_at": AT,
    "sent_at": "2026-11-23T09:00:01+00:00",
    "delivered_at": "2026-11-23T09:00:03+00:00",
    "read_at": None,
    "cost": None,
    "campaign": None,
    "item": None,
}
ACCEPTED: dict[str, Any] = {
    "id": ID,
    "status": "queued",
    "line": 1,
    "phone": "79161234567",
    "type": "template",
    "created_at": AT,
}
REPLY: dict[str, Any] = {
    "id": ID,
    "line": 1,
    "phone": "79161234567",
    "type": "button",
    "text": "Да",
    "reply_id": "yes",
    "file": None,
    "at": AT,
    "to_message": "x1Qk3E0bH2m7vV8nC4sRzA",
}


def page(item: dict[str, Any]) -> dict[str, Any]:
    """A page of a list with this row."""
    return {"items": [item], "next_cursor": "WyJhMSIsNTEyXQ.Zk1e"}


OPT_OUT: dict[str, Any] = {
    "phone": "79161234567",
    "lines": None,
    "source": "word",
    "why": "стоп",
    "since": AT,
}
NEW_CAMPAIGN: dict[str, Any] = {
    "name": "Autumn sale",
    "line": 1,
    "template": "order_ready",
    "params": [{"value": "name", "if_empty": "there"}, "512"],
    "audience": {"phones": [{"phone": "+7 916 123-45-67", "values": {"name": "Ольга"}}]},
    "per_minute": 60,
    "hours": "09:00-21:00",
}
CAMPAIGN: dict[str, Any] = {
    "id": "q3Zk0yP8sV1xWm2d",
    "name": "Autumn sale",
    "state": "draft",
    "paused_reason": None,
    "problem": None,
    "lines": [1],
    "template": "order_ready",
    "language": "ru",
    "hours": "09:00-21:00",
    "per_minute": 60,
    "start_at": None,
    "created_at": AT,
    "started_at": None,
    "ended_at": None,
    "counts": {
        **dict.fromkeys(("queued", "sending", "unknown", "accepted", "sent", "delivered", "read", "failed"), 0),
        "pending": 1,
        "skipped": {"duplicate": 1},
        "replied": 0,
    },
}
NEW_RECIPIENTS: dict[str, Any] = {
    "recipients": [{"phone": "+7 916 123-45-67", "values": {"name": "Ольга"}}, {"phone": "12"}]
}
ADDED: dict[str, Any] = {"accepted": 1, "rejected": [{"index": 1, "reason": "invalid_phone"}]}
RECIPIENT: dict[str, Any] = {
    "phone": "79161234567",
    "state": "delivered",
    "reason": None,
    "message": ID,
    "values": {"name": "Ольга"},
    "replied_at": None,
}
PREVIEW: dict[str, Any] = {"total": 2, "will_send": 1, "skipped": {"duplicate": 1}, "cost": None}
#: Type of a message → a body that sends one.
NEW_MESSAGES: dict[str, dict[str, Any]] = {
    "text": {"phone": "+7 916 123-45-67", "type": "text", "text": "Заказ готов, ждём вас."},
    "template": {
        "phone": "+7 916 123-45-67",
        "type": "template",
        "template": "order_ready",
        "params": ["Ольга", "512"],
    },
    "buttons": {"phone": "+7 916 123-45-67", "type": "buttons", "text": "Придёте?", "buttons": ["Да|yes", "Нет|no"]},
    "list": {
        "phone": "+7 916 123-45-67",
        "type": "list",
        "text": "Выберите время",
        "button": "Время",
        "items": ["# Утро", "10:00|свободно|10", "# Вечер", "18:00|свободно|18"],
    },
    "file": {"phone": "+7 916 123-45-67", "type": "file", "file": "https://example.com/invoice.pdf"},
    "contact": {
        "phone": "+7 916 123-45-67",
        "type": "contact",
        "contact_name": "Анна, менеджер",
        "contact_phone": "+7 916 765-43-21",
    },
    "location": {"phone": "+7 916 123-45-67", "type": "location", "latitude": 54.9885, "longitude": 73.3686},
}
NEW_WEBHOOK: dict[str, Any] = {
    "url": "https://crm.example.com/waba24",
    "events": ["message.status", "message.received"],
    "origins": [],
}
WEBHOOK: dict[str, Any] = {
    **NEW_WEBHOOK,
    "id": "wh_3fJq0Rk2mW8xYcZt",
    "state": "on",
    "off_reason": None,
    "failing_since": None,
    "waiting": 0,
    "created_at": AT,
}
SECRET = "whsec_m0EWl2E3H3k55NG0my4rlnZxKCdowJyQTfzrWUhHT3k="
_FIGURES: dict[str, Any] = {
    "counts": {
        **dict.fromkeys(("held", "queued", "sending", "unknown", "accepted", "dropped"), 0),
        **{"sent": 12, "delivered": 80, "read": 140, "failed": 8},
    },
    "replied": 31,
    "opted_out": 2,
    "cost": [{"amount": "18.48", "currency": "USD"}],
}
REPORT: dict[str, Any] = {
    "since": "2026-11-01",
    "until": "2026-11-23",
    "items": [{"template": "order_ready", **_FIGURES}],
    "total": _FIGURES,
}
TEMPLATE_CONTENT: dict[str, Any] = {
    "category": "UTILITY",
    "kind": "TEXT",
    "header": "Заказ {{1}}",
    "header_sample": "512",
    "body": "Здравствуйте, {{1}}! Ваш заказ готов, ждём вас до {{2}} каждый день.",
    "samples": ["Ольга", "20:00"],
    "footer": "Acme",
    "buttons": [{"type": "QUICK_REPLY", "text": "Приду", "value": "", "sample": ""}],
}
NEW_TEMPLATE: dict[str, Any] = {"line": 1, "name": "order_waits", "language": "ru", **TEMPLATE_CONTENT}
TEMPLATE: dict[str, Any] = {
    **NEW_TEMPLATE,
    "id": "7f3f1f0f-4f57-4a41-9d0e-0b1c8f0a2b11",
    "status": "PENDING",
    "can_send": False,
    "reason": None,
    "reason_text": None,
    "params_count": 3,
    "button_params_count": 0,
}
TEMPLATE_PREVIEW: dict[str, Any] = {
    "header": "Заказ 512",
    "body": "Здравствуйте, Ольга! Ваш заказ готов, ждём вас до 20:00 каждый день.",
    "footer": "Acme",
    "buttons": ["Приду"],
    "problems": [
        {
            "field": "name",
            "code": "name_taken",
            "message": "The line has a template with this name and language. Choose another name.",
            "blocks": True,
        }
    ],
}
MEDIA: dict[str, Any] = {"media": "5124", "kind": "IMAGE", "name": "photo.jpg", "size": 48_211}
