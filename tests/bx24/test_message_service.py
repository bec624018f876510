"""What the portal posts to a sender, and how senders are kept up to date."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from bx24.client import Client
from bx24.errors import Rejected
from bx24.forms import PayloadError, parse_form
from bx24.message_service import (
    MAX_TEXT,
    RANK,
    ProviderCall,
    Sender,
    Status,
    code_of,
    is_forgotten,
    status_command,
    sync,
)
from tests.bx24.conftest import Script, Tokens

Body = Callable[[str], bytes]
NOT_FOUND = {"error": "ERROR_SENDER_NOT_FOUND", "error_description": "Sender not found!"}
TAKEN = {"error": "ERROR_SENDER_ALREADY_INSTALLED", "error_description": "Sender already installed!"}


def read(body: Body, name: str, **changes: Any) -> ProviderCall:
    return ProviderCall.parse({**parse_form(body(name)), **changes})


def test_a_message_from_a_card_belongs_to_the_item_and_not_to_its_client(body: Body) -> None:
    call = read(body, "message__card.form")
    assert (call.code, call.module, call.item) == ("waba24_3", "crm", "DEAL_345")
    assert call.message_id == "5f0c1d2e3a4b5c6d7e8f90a1b2c3d4e5"
    assert (call.phone, call.text) == ("+79123456789", "Здравствуйте! Заказ № 512 готов 🎁")
    assert (call.auth.user_id, call.auth.refresh_token, call.ts) == (7, "", 1790000000)


def test_a_robots_message_has_its_document_and_no_tokens(body: Body) -> None:
    call = read(body, "message__robot.form")
    assert (call.module, call.item) == ("bizproc", "DEAL_345")
    assert (call.auth.access_token, call.auth.application_token) == ("", "cc33cc33cc33cc33cc33")


def test_marketing_has_no_item(body: Body) -> None:
    assert read(body, "message__marketing.form").item == ""


@pytest.mark.parametrize(
    ("bindings", "item"),
    [
        ({"0": {"OWNER_TYPE_ID": "3", "OWNER_ID": "44"}}, "CONTACT_44"),
        ({"0": {"OWNER_TYPE_ID": "1038", "OWNER_ID": "5"}}, "DYNAMIC_1038_5"),
        ({"0": {"OWNER_TYPE_ID": "x", "OWNER_ID": "5"}, "1": "junk"}, ""),
        ({}, ""),
        ("junk", ""),
    ],
)
def test_the_item_of_other_links(body: Body, bindings: Any, item: str) -> None:
    assert read(body, "message__card.form", bindings=bindings).item == item


def test_what_only_the_former_fields_hold_is_read(body: Body) -> None:
    call = read(body, "message__card.form", message_to="", message_body="")
    assert (call.phone, call.text) == ("+79123456789", "Здравствуйте! Заказ № 512 готов 🎁")


@pytest.mark.parametrize(
    "changes",
    [
        *({"code": ""}, {"code": "а"}, {"message_id": ""}, {"message_id": "a b"}, {"message_id": "a" * 65}),
        *({"code": {"0": "x"}}, {"auth": "x"}, {"auth": {}}),
    ],
)
def test_what_cannot_be_told_apart_is_refused(body: Body, changes: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        read(body, "message__card.form", **changes)


def test_a_text_is_read_up_to_its_limit(body: Body) -> None:
    assert len(read(body, "message__card.form", message_body="я" * (MAX_TEXT + 1)).text) == MAX_TEXT


# --- registration ----------------------------------------------------------------------------------------------------------


class Shelf:
    """Senders of one app in a portal. listed: what `list` says, None: the truth."""

    def __init__(self, *codes: str) -> None:
        self.fields: dict[str, dict[str, Any]] = {code: {} for code in codes}
        self.listed: list[str] | None = None
        self.refuse: dict[str, dict[str, str]] = {}

    def __call__(self, request: requests.PreparedRequest) -> Any:
        sent = json.loads(request.body or b"{}")
        if not str(request.url).endswith("/batch.json"):
            return {"result": list(self.fields) if self.listed is None else self.listed}
        result: dict[str, Any] = {"result": {}, "result_error": {}, "result_time": []}
        for key, command in sent["cmd"].items():
            method, _, query = command.partition("?")
            answer = self.do(method.rpartition(".")[2], parse_form(query.encode(), max_depth=9))
            result["result_error" if isinstance(answer, dict) else "result"][key] = answer
        return {"result": {part: value or [] for part, value in result.items()}}

    def do(self, verb: str, params: dict[str, Any]) -> Any:
        code = params.pop("CODE")
        if code in self.refuse:
            return self.refuse[code]
        if verb == "add":
            if code in self.fields:
                return TAKEN
            assert params.pop("TYPE") == "SMS"
        elif code not in self.fields:
            return NOT_FOUND
        if verb == "delete":
            del self.fields[code]
        else:
            self.fields[code] = params
        return True


@pytest.fixture
def client(http: requests.Session, tokens: Tokens) -> Client:
    return Client(http, tokens)


def portal_shelf(portal: Script, *codes: str) -> Shelf:
    shelf = Shelf(*codes)
    portal.answers = [shelf]
    return shelf


def sender(line_id: int, name: str = "Shop") -> Sender:
    return Sender(code_of(line_id), name, "WhatsApp", f"https://app.example/provider/{line_id}")


def test_missing_ones_are_added_known_ones_updated_and_old_ones_deleted(client: Client, portal: Script) -> None:
    shelf = portal_shelf(portal, "waba24_1", "waba24_9", "of.an.older.app")
    report = sync(client, [sender(1, "Опт"), sender(2)])
    assert (report.added, report.updated, report.deleted) == (["waba24_2"], ["waba24_1"], ["waba24_9"])
    assert report.ok
    assert sorted(shelf.fields) == ["of.an.older.app", "waba24_1", "waba24_2"]
    assert shelf.fields["waba24_1"]["NAME"] == "Опт"
    assert shelf.fields["waba24_2"]["HANDLER"] == "https://app.example/provider/2"


def test_a_list_that_is_wrong_costs_one_more_try(client: Client, portal: Script) -> None:
    shelf = portal_shelf(portal, "waba24_1")
    shelf.listed = ["waba24_2", "waba24_3"]
    report = sync(client, [sender(1), sender(2)])
    assert (report.added, report.updated, report.deleted) == (["waba24_2"], ["waba24_1"], ["waba24_3"])
    assert report.ok


def test_what_the_portal_refuses_is_reported_and_the_rest_is_done(client: Client, portal: Script) -> None:
    shelf = portal_shelf(portal)
    shelf.refuse["waba24_1"] = {"error": "ERROR_SENDER_ADD_FAILURE", "error_description": "Sender save error!"}
    report = sync(client, [sender(1), sender(2)])
    assert report.added == ["waba24_2"]
    assert report.failed["waba24_1"].code == "ERROR_SENDER_ADD_FAILURE"


# --- statuses --------------------------------------------------------------------------------------------------------------


def test_delivered_is_above_all_and_queued_below() -> None:
    assert sorted(Status, key=lambda status: RANK[status])[-1] == Status.DELIVERED
    assert RANK[Status.QUEUED] < RANK[Status.SENT] < RANK[Status.FAILED]
    assert status_command("waba24_1", "a" * 32, Status.DELIVERED) == (
        "messageservice.message.status.update",
        {"CODE": "waba24_1", "MESSAGE_ID": "a" * 32, "STATUS": "delivered"},
    )


def test_only_a_forgotten_message_is_forgotten() -> None:
    assert is_forgotten(Rejected("ERROR_MESSAGE_NOT_FOUND", "", 400))
    assert not is_forgotten(Rejected("ACCESS_DENIED", "", 403))
