"""Lines that only operators see and ticks, in the chats of many clients at once: a campaign writes one line to each."""

from __future__ import annotations

import pytest

from tests.flows.chats import Chats
from tests.flows.scenes import PHONES, jump_clock, rest_calls, text_robot
from tests.support.world import World

ADD = "im.message.add"
SHOWN = "Отправлено автоматически (робот):\nЗаказ готов"


@pytest.fixture
def chats(shop: World) -> Chats:
    """Eight clients have written: each has a chat."""
    made = Chats(shop)
    for phone in PHONES:
        shop.client_replies(phone, "Здравствуйте")
    jump_clock(shop, 2, 2, 2, 2)
    assert len(made.all()) == len(PHONES)
    return made


def robots_write(world: World, words: str = "Заказ готов") -> None:
    """A robot writes to each of the clients at the same moment."""
    for phone in PHONES:
        world.robots_start(text_robot(phone, words=words))


def test_lines_of_many_clients_go_in_few_requests(chats: Chats) -> None:
    world = chats.world
    robots_write(world)
    jump_clock(world, 1, 2, 2, 2)
    assert [chats.notes(phone) for phone in PHONES] == [[SHOWN]] * len(PHONES)
    assert len(rest_calls(world, ADD)) <= 2


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "html_502", "internal_error", "query_limit"])
def test_a_request_with_many_lines_that_breaks_off_shows_each_once(chats: Chats, fault: str) -> None:
    world = chats.world
    chats.spoil("batch", fault)
    robots_write(world)
    jump_clock(world, 1, 20, 100, 100, 60, 60, 60, 1)
    assert [chats.notes(phone) for phone in PHONES] == [[SHOWN]] * len(PHONES)


def test_ticks_of_many_chats_go_in_few_requests(chats: Chats) -> None:
    world = chats.world
    written = {phone: chats.write("Заказ готов", phone=phone) for phone in PHONES}
    jump_clock(world, 1, 2, 2, 2, 2)
    for phone, number in written.items():
        assert not {one["id"]: one for one in chats.chat(phone)["messages"]}[number]["sending"]
    assert len(rest_calls(world, "imconnector.send.status.delivery")) < len(PHONES) / 2


def test_ticks_wait_for_a_line_that_is_off_for_a_while(chats: Chats) -> None:
    world = chats.world
    chats.post("faults", errors={"imconnector.send.status.delivery": ["NOT_ACTIVE_LINE"] * len(PHONES)})
    written = {phone: chats.write("Заказ готов", phone=phone) for phone in PHONES}
    jump_clock(world, 1, 2, 2, 2, 2)
    assert any(one["sending"] for phone in PHONES for one in chats.chat(phone)["messages"])
    jump_clock(world, 1300, 2, 1300, 2)
    for phone, number in written.items():
        assert not {one["id"]: one for one in chats.chat(phone)["messages"]}[number]["sending"]


def test_one_chat_that_is_gone_costs_the_others_nothing(chats: Chats) -> None:
    world = chats.world
    chats.post("faults", errors={ADD: ["ACCESS_ERROR"]})
    robots_write(world)
    jump_clock(world, 1, 20, 100, 1)
    shown = [chats.notes(phone) for phone in PHONES]
    assert sorted(map(len, shown)) == [0] + [1] * (len(PHONES) - 1)


def test_what_looks_like_a_reference_is_shown_as_it_is_and_found_again(chats: Chats) -> None:
    world = chats.world
    chats.spoil("batch", "drop_after")
    robots_write(world, "Код $result[n0]")
    jump_clock(world, 1, 20, 100, 100, 60, 60, 60, 1)
    for phone in PHONES:
        [note] = chats.notes(phone)
        assert note.replace("\u2060", "").endswith("Код $result[n0]")


def test_a_clients_lines_keep_their_order_whatever_fails(chats: Chats) -> None:
    world = chats.world
    chats.post("faults", errors={ADD: ["QUERY_LIMIT_EXCEEDED"] * 3})
    robots_write(world, "раз")
    robots_write(world, "два")
    jump_clock(world, 1, 20, 100, 100, 60, 60, 60, 1)
    for phone in PHONES:
        assert [note.rpartition("\n")[2] for note in chats.notes(phone)] == ["раз", "два"]
