"""Webhooks: every recorded shape, and nothing that could make the parser raise."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gupshup.webhooks import (
    NOTICES,
    AccountEvent,
    Billing,
    OtherEvent,
    Preference,
    Reply,
    Status,
    TemplateEvent,
    Unknown,
    parse,
)
from tests.gupshup.recorded import EVENTS, changed, event_of, load

APP_ID = "e2f0b8d4-6c1a-4f3e-9b57-0a1c2d3e4f50"
GS_ID = "41de7a3c-5b1f-4c2e-8d90-6f7e8a9b0c1d"
WA_ID = "wamid.HBgLNzkwMDU1NTAwMDAVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA"
IN_ID = "ABEGkZlgQyWAAgo-sDVSUOa9jH0z"
ENVELOPE_AT = datetime.fromtimestamp(1790000000.123, UTC)
CLIENT = "79005550000"
MEDIA = "https://filemanager.gupshup.io/wa/e2f0b8d4/wa/media/"

COMMON: dict[str, Any] = {"app": "shopbot", "app_id": APP_ID, "at": ENVELOPE_AT}
SENDER: dict[str, Any] = COMMON | {"provider_id": IN_ID, "phone": CLIENT, "name": "Olga"}
QUOTED = {"context_gs_id": GS_ID, "context_id": WA_ID}

REPLIES: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": "Hi, is order 512 ready?"},
    "text_quoting": {"type": "text", "text": "This one", **QUOTED},
    "text_from_ad": {"type": "text", "text": "Hello"},
    "text_bsuid_without_phone": {
        "type": "text", "text": "Hi", "phone": "", "name": "olga.p", "user_id": "RU.1029384756",
    },
    "text_bsuid_as_source": {
        "type": "text", "text": "Hi", "phone": "", "name": "olga.p", "user_id": "US.13491208655302741918",
    },
    "text_source_differs": {"type": "text", "text": "Oi", "phone": "553199990000", "name": "Ana"},
    "text_button": {"type": "button", "text": "Confirm", "title": "Confirm", **QUOTED},
    "quick_reply_template": {
        "type": "button", "text": "Confirm", "title": "Confirm", "reply_id": "wf-91:confirm",
        "postback": "wf-91:confirm", **QUOTED,
    },
    "quick_reply_session": {
        "type": "button", "text": "Yes", "title": "Yes", "reply_id": "1", "index": 1, "msgid": "wf-8841", **QUOTED,
    },
    "button_reply": {
        "type": "button", "text": "No", "title": "No", "reply_id": "decline", "postback": "decline", "index": 2,
        "msgid": "wf-8841", **QUOTED,
    },
    "button_reply_without_context": {
        "type": "button", "text": "No", "title": "No", "reply_id": "2", "postback": "2", "index": 2, "msgid": "wf-8841",
    },
    "list_reply": {
        "type": "list", "text": "Laptop", "title": "Laptop", "reply_id": "laptop", "postback": "laptop", "index": 2,
        "msgid": "wf-8842", **QUOTED,
    },
    "image": {
        "type": "image", "text": "The broken screen", "file_url": MEDIA + "1a?download=false",
        "content_type": "image/jpeg",
    },
    "image_without_caption": {"type": "image", "file_url": MEDIA + "1b?download=false", "content_type": "image/jpeg"},
    "video": {"type": "video", "text": "Look", "file_url": MEDIA + "2a?download=false", "content_type": "video/mp4"},
    "audio_voice": {
        "type": "audio", "file_url": MEDIA + "3a?download=false", "content_type": "audio/ogg; codecs=opus",
    },
    "file": {
        "type": "file", "text": "Scan", "file_url": MEDIA + "4a?download=false", "file_name": "Passport.pdf",
        "content_type": "application/pdf",
    },
    "sticker": {"type": "sticker", "file_url": MEDIA + "5a?download=false", "content_type": "image/webp"},
    "location": {"type": "location", "text": "54.9885,73.3686"},
    "location_bare": {"type": "location", "text": "54.9885,73.3686"},
    "contact": {"type": "contact", "text": "Olga Petrova +7 900 555-00-00\nIvan +79001112233"},
    "reaction": {"type": "reaction", "text": "👍", "renews_window": False, **QUOTED},
    "form": {
        "type": "form", **QUOTED,
        "text": "name: Ольга\nvisit.day: 2026-12-01\nvisit.guests: 2\nextras: tea, parking\nagree: true",
    },
    "order": {"type": "unknown"},
}  # fmt: skip


@pytest.mark.parametrize("name", REPLIES)
def test_a_message_of_a_client_becomes_a_reply(name: str) -> None:
    assert event_of(f"message__{name}") == Reply(**SENDER | REPLIES[name])


STATUSES: dict[str, dict[str, Any]] = {
    "enqueued": {"kind": "enqueued", "gs_id": GS_ID, "whatsapp_id": WA_ID, "ref": GS_ID, "session": True},
    "enqueued_template": {"kind": "enqueued", "gs_id": GS_ID, "whatsapp_id": WA_ID, "ref": GS_ID, "session": False},
    "failed_sync": {
        "kind": "failed", "gs_id": GS_ID, "ref": GS_ID, "code": "1002", "reason": "Number Does Not Exist On WhatsApp",
    },
    "failed_async": {
        "kind": "failed", "gs_id": GS_ID, "whatsapp_id": WA_ID, "ref": GS_ID, "code": "131049",
        "reason": "This message was not delivered to maintain healthy ecosystem engagement.",
    },
    "failed_without_code": {"kind": "failed", "gs_id": GS_ID, "ref": GS_ID},
    "sent": {"kind": "sent", "gs_id": GS_ID, "whatsapp_id": WA_ID, "ref": GS_ID, "at": 1790000005},
    "sent_pricing_inside": {"kind": "sent", "gs_id": GS_ID, "whatsapp_id": WA_ID, "ref": GS_ID, "at": 1790000005},
    "delivered": {"kind": "delivered", "gs_id": GS_ID, "whatsapp_id": WA_ID, "ref": GS_ID, "at": 1790000007},
    "delivered_to_bsuid": {
        "kind": "delivered", "gs_id": GS_ID, "whatsapp_id": WA_ID, "ref": GS_ID, "at": 1790000007, "destination": "",
        "user_id": "US.13491208655302741918",
    },
    "delivered_ts_string": {"kind": "delivered", "gs_id": GS_ID, "whatsapp_id": WA_ID, "ref": GS_ID, "at": 1790000007},
    "delivered_old_without_gs_id": {"kind": "delivered", "whatsapp_id": WA_ID, "ref": WA_ID, "at": 1790000007},
    "read": {"kind": "read", "gs_id": GS_ID, "whatsapp_id": WA_ID, "ref": GS_ID, "at": 1790000060},
    "read_gupshup_id_alone": {"kind": "read", "gs_id": GS_ID, "ref": GS_ID, "at": 1790000060},
    "deleted": {"kind": "deleted", "whatsapp_id": IN_ID, "ref": IN_ID, "at": 1790000090},
    "mismatch": {"kind": "mismatch", "destination": "5531999990000", "wa_id": "553199990000"},
}  # fmt: skip


@pytest.mark.parametrize("name", STATUSES)
def test_a_status_names_the_message_the_kind_and_the_providers_time(name: str) -> None:
    expected = COMMON | {"destination": CLIENT} | STATUSES[name]
    if isinstance(expected["at"], int):
        expected["at"] = datetime.fromtimestamp(expected["at"], UTC)
    assert event_of(f"message_event__{name}") == Status(**expected)


TEMPLATE: dict[str, Any] = COMMON | {
    "id": "7c1d9a52-0f3e-4b67-9a18-d2f6b0c4e901", "name": "visit", "language": "ru",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("status_rejected", {"kind": "status-update", "status": "REJECTED", "reason": "INVALID_FORMAT"}),
        ("status_approved", {"kind": "status-update", "status": "APPROVED"}),
        ("category_alert", {"kind": "category-update", "category": "MARKETING"}),
        ("category_changed", {"kind": "category-update", "category": "MARKETING", "category_before": "UTILITY"}),
        ("category_word", {"kind": "category-update", "category": "MARKETING"}),
    ],
)
def test_a_template_event_says_what_changed(name: str, expected: dict[str, Any]) -> None:
    assert event_of(f"template_event__{name}") == TemplateEvent(**TEMPLATE | expected)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("review", "review-event"), ("violation", "status-event"), ("restricted", "status-event"), ("pndn", "pndn-event"),
     ("tier", "tier-event"), ("capability", "capability-event"), ("pricing_tier", "pricing-tier-update")],
)  # fmt: skip
def test_an_account_event_keeps_its_data(name: str, kind: str) -> None:
    data = json.loads(load(f"account_event__{name}"))["payload"]
    assert event_of(f"account_event__{name}") == AccountEvent(kind=kind, data=data, **COMMON)


@pytest.mark.parametrize(
    ("name", "type_"),
    [("user_event__sandbox_start", "user-event"), ("user_event__opted_in", "user-event"),
     ("onboarding_event__live", "onboarding-event"),
     ("platform_event__connectivity_check", "platform-event"), ("system_event__other", "system-event")],
)  # fmt: skip
def test_what_we_have_no_use_for_is_kept_as_it_came(name: str, type_: str) -> None:
    data = json.loads(load(name))["payload"]
    assert event_of(name) == OtherEvent(type=type_, data=data, **COMMON)


@pytest.mark.parametrize(
    ("name", "type_", "stops"),
    [("preference_event__stop", "preference-event", True), ("preference_event__resume", "preference-event", False),
     ("user_event__stop", "user-event", True)],
)  # fmt: skip
def test_a_client_stops_or_allows_the_marketing_of_a_number(name: str, type_: str, stops: bool) -> None:
    data = json.loads(load(name))["payload"]
    assert event_of(name) == Preference(type=type_, stops=stops, phone="79005550000", data=data, **COMMON)


BILL: dict[str, Any] = COMMON | {"ref": GS_ID, "gs_id": GS_ID, "whatsapp_id": WA_ID, "source": "whatsapp"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("deduction", {"is_billable": True, "category": "marketing", "kind": "regular"}),
     ("free", {"is_billable": False, "category": "utility", "kind": "free_customer_service"}),
     ("text", {"is_billable": True, "category": "marketing_lite", "kind": "regular"})],
)  # fmt: skip
def test_a_bill_says_whether_whatsapp_charges_a_message(name: str, expected: dict[str, Any]) -> None:
    assert event_of(f"billing_event__{name}") == Billing(**BILL | expected)


@pytest.mark.parametrize(
    ("deductions", "references"),
    [({"billable": "maybe", "category": "utility"}, {"gsId": GS_ID}), ({"category": "utility"}, {"gsId": GS_ID}),
     ({"billable": True}, {}), ({"billable": 1}, {"gsId": GS_ID})],
)  # fmt: skip
def test_a_bill_that_does_not_say_what_or_of_which_message_is_kept_as_it_came(deductions: Any, references: Any) -> None:
    body = {"type": "billing-event", "payload": {"deductions": deductions, "references": references}}
    [event] = parse(json.dumps(body))
    assert isinstance(event, OtherEvent)
    assert event.type_label == "billing-event"


def test_every_fixture_is_claimed_by_a_test() -> None:
    claimed = {f"message__{name}" for name in [*REPLIES, *NOTICES]} | {f"message_event__{name}" for name in STATUSES}
    tested = {path.stem for path in EVENTS if path.stem.split("__")[0] in ("message", "message_event")}
    assert tested == claimed


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty body"),
        (b"  \n", "empty body"),
        (b"<html>", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"7", "not a JSON object"),
        (b"{", "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b"{}", "no type"),
        (b'{"type":null,"payload":{}}', "no type"),
        (b'{"object":"whatsapp_business_account","entry":[]}', "version 3 envelope"),
    ],
)
def test_what_is_no_event_is_unknown_and_says_why(body: bytes, reason: str) -> None:
    (event,) = parse(body)
    assert isinstance(event, Unknown)
    assert event.reason == reason
    assert event.type_label == "unknown"


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"message"}',
        b'{"type":"message","payload":[]}',
        b'{"type":"message-event","payload":{"type":"played"}}',
        b'{"type":"message-event"}',
        b'{"type":"brand-new-event","payload":{"a":1}}',
    ],
)
def test_an_event_we_do_not_know_is_an_other_event(body: bytes) -> None:
    (event,) = parse(body)
    assert isinstance(event, OtherEvent)
    assert event.type_label in ("other", "message-event")


def test_several_envelopes_in_one_post_are_all_read() -> None:
    body = b"[" + load("message__text") + b"," + load("message_event__read") + b",7]"
    assert [type(event) for event in parse(body)] == [Reply, Status, Unknown]


def test_a_broken_byte_or_a_bom_does_not_cost_us_the_message() -> None:
    (event,) = parse(b"\xef\xbb\xbf" + load("message__text").replace(b"Olga", b"Ol\xffga"))
    assert isinstance(event, Reply)
    assert (event.text, event.name) == ("Hi, is order 512 ready?", "Ol\ufffdga")


def test_text_no_database_takes_is_made_storable() -> None:
    (event,) = parse(load("message__text").replace(b"Hi, is", b"a\\u0000b\\ud83d c\\ud83d\\ude00"))
    assert isinstance(event, Reply)
    assert event.text == "ab\ufffd c😀 order 512 ready?"


@pytest.mark.parametrize(
    ("type_", "inner", "expected"),
    [
        # The docs disagree about the types; the keys decide.
        ("text", {"title": "Yes", "reply": "Yes 1", "id": "m"}, ("button", "Yes", "1", 1, "m")),
        ("quick_reply", {"title": "Laptop", "description": "", "postbackText": "x"}, ("list", "Laptop", "x", None, "")),
        ("button_reply", {"title": "Yes", "description": ""}, ("button", "Yes", "", None, "")),
        ("list_reply", {"title": "Room 1", "reply": "Room 1 10"}, ("list", "Room 1", "10", 10, "")),
        ("list_reply", {"title": "Room 1", "reply": "Room 1"}, ("list", "Room 1", "", None, "")),
        ("button_reply", {"title": "Yes", "reply": "Other 2"}, ("button", "Yes", "", None, "")),
        ("button_reply", {"title": "Yes", "reply": "Yes 0"}, ("button", "Yes", "", None, "")),
        ("button_reply", {"title": "Yes", "reply": "Yes 1", "postbackText": None}, ("button", "Yes", "1", 1, "")),
        ("button", {"text": "Yes"}, ("button", "Yes", "", None, "")),
    ],
)
def test_one_normaliser_reads_all_shapes_of_a_click(
    type_: str, inner: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    event = changed("message__text", type=type_, payload=inner)
    assert isinstance(event, Reply)
    assert (event.type, event.text, event.reply_id, event.index, event.msgid) == expected


def test_an_unknown_type_keeps_whatever_text_there_is_and_renews_the_window() -> None:
    event = changed("message__text", type="poll", payload={"caption": "Which day?"})
    assert isinstance(event, Reply)
    assert (event.type, event.text, event.renews_window) == ("unknown", "Which day?", True)


@pytest.mark.parametrize(
    ("timestamp", "at"),
    [
        (1790000000123, ENVELOPE_AT),
        ("1790000000123", ENVELOPE_AT),
        (1790000000, datetime.fromtimestamp(1790000000, UTC)),
        (None, None),
        (True, None),
        ("soon", None),
        (-1, None),
        (10**400, None),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_times_come_in_seconds_or_milliseconds_or_not_at_all(timestamp: object, at: datetime | None) -> None:
    envelope = {**json.loads(load("message__text")), "timestamp": timestamp}
    (event,) = parse(json.dumps(envelope).encode())
    assert event.at == at
