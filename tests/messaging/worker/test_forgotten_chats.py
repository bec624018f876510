"""The chat of a client is forgotten with him: his number among the conversations may be given to another client."""

from __future__ import annotations

from datetime import timedelta

from messaging.store.models import Conversation
from messaging.store.open_channels import ClientChat
from messaging.worker.retention import Retention
from tests.flows.chats import Chats
from tests.flows.scenes import OLGA
from tests.support.world import World
from tests.web.posts import count_of


def test_a_clients_chat_is_forgotten_with_his_conversation(shop: World) -> None:
    Chats(shop)
    shop.client_replies(OLGA, "Здравствуйте")
    shop.advance_clock(2)
    assert count_of(shop, ClientChat) == 1
    shop.now += timedelta(days=401)
    worker = Retention(shop.runtime)
    while not worker.is_paused:
        worker.step()
    assert (count_of(shop, Conversation), count_of(shop, ClientChat)) == (0, 0)
