"""A CRM contact as a contact card."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from activities.errors import Refused
from bx24.batch import BatchReply
from bx24.errors import Bx24Error
from messaging.portals import crm, tokens
from robots import client
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World


@ONE_DATABASE
@pytest.mark.parametrize("reference", ["1", "CONTACT_1", "C_1", " 1 ", "1, 2", "contact|1"])
def test_a_contact_as_a_card(shop: World, reference: str) -> None:
    contact = shop.portal.crm.get(3, 1)
    contact["post"] = "Директор"
    contact["fm"].append(dict(contact["fm"][0]))
    card = crm.contact_card(shop.runtime, 1, reference)
    assert (card.first_name, card.last_name) == ("Ольга", "Никитина")
    assert card.phones == ("+7 (912) 345-67-89",)
    assert card.emails == ("olga@example.com",)
    assert (card.company, card.position) == ("ООО «Ромашка»", "Директор")


@ONE_DATABASE
def test_a_contact_without_a_company(shop: World) -> None:
    card = crm.contact_card(shop.runtime, 1, "2")
    assert card.phones == ("8 495 123-45-67", "8 (916) 222-33-44", "добавочный 12")
    assert (card.company, card.position, card.emails) == ("", "", ())


@ONE_DATABASE
@pytest.mark.parametrize(
    ("reference", "words"),
    [("999", "no such contact"), ("3", "no phone"), ("Ольга", "number of a CRM"), ("", "number")],
)
def test_a_contact_that_cannot_be_sent(shop: World, reference: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        crm.contact_card(shop.runtime, 1, reference)
    assert caught.value.code == "contact_not_found"
    assert words in caught.value.text.en
    assert "{" not in caught.value.text.ru


@ONE_DATABASE
def test_a_busy_portal_is_asked_for_the_contact_again(shop: World) -> None:
    shop.net.broken["acme.example"] = requests.exceptions.ConnectionError("down")
    with pytest.raises(Bx24Error) as caught:
        crm.contact_card(shop.runtime, 1, "1")
    assert caught.value.retryable


@ONE_DATABASE
@pytest.mark.parametrize(
    "card", ["text", 7, ["x"], None, {"item": "text"}, {"item": [1]}, {"item": {"contactId": 1e999}}]
)
def test_a_card_that_is_none_has_no_phone(shop: World, monkeypatch: pytest.MonkeyPatch, card: Any) -> None:
    """A self-hosted portal answers what it likes; its run fails for want of a phone, not through a fault of ours."""
    monkeypatch.setattr(tokens.PortalClient, "batch", lambda *_: BatchReply({"2_1": card}, {}, {}))
    assert client.phones(2, 1, crm.Cards(tokens.portal_client(shop.runtime, 1)).fetch) == []
