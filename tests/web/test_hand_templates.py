"""Templates with a point and with cards, sent by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from activities.base import Shared
from messaging.files import hand_files
from tests.flows.scenes import OLGA, ONE_DATABASE
from tests.flows.test_templates import CATALOGUE, GOODS
from tests.support.world import World
from tests.web.hand_page import chosen, hidden, manual, opened, who
from tests.web.inside import Frame, seen


@ONE_DATABASE
def test_templates_with_a_point_and_with_cards_go_by_hand(world: World) -> None:
    world.install_app()
    world.connect_line(templates=CATALOGUE)
    frame, page = Frame(world), opened(world)
    place = who(page, template=chosen(page, "place"))
    form = frame.change("hand/template", **place)
    assert "Точка на карте" in form
    place["nonce"] = hidden(form, "nonce")
    wrong = frame.post("/app/hand/send", {**place, "param": ["Ольга"], "header": "нигде"}).text
    assert 'aria-describedby="h-header e-header"' in wrong
    assert 'value="нигде"' in wrong
    assert "передан" in seen(frame.post("/app/hand/send", {**place, "param": ["Ольга"], "header": "54.98, 73.36|Офис"}))
    goods = who(page, template=chosen(page, "goods"), nonce="goods")
    form = frame.change("hand/template", **goods)
    assert seen(form).count("Карточка 2:") == 3, "its file, its variable, its button"
    values = {"param": ["Ольга", "Стол", "Шкаф"], "button_param": ["1", "2"]}
    link = "https://files.example/a.png"
    missing = frame.post("/app/hand/send", {**goods, **values, "header": [link, ""]}).text
    assert "карточек: 2" in seen(missing)
    assert 'id="f-header-1" name="header" type="url" value="https://files.example/a.png"' in missing
    foreign = frame.post("/app/hand/send", {**goods, **values, "header": [link, "https://acme.example/disk/1"]}).text
    assert 'id="e-header"' in foreign
    world.advance_clock(5)
    [sent] = manual(world)
    assert (sent.template, sent.status) == ("place", "delivered")
    talk = seen(frame.change("hand/talk", **who(page)))
    assert "Офис" in talk


@ONE_DATABASE
def test_the_links_of_all_cards_have_the_time_of_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.install_app()
    world.connect_line(templates=CATALOGUE)
    given = []

    def fetched(*_: Any, seconds: float) -> Shared:
        given.append(seconds)
        world.now += timedelta(seconds=12)
        return Shared("image", "https://waba.example/files/1", "", "", 1)

    monkeypatch.setattr(hand_files, "linked", fetched)
    page = opened(world)
    form = who(page, template=chosen(page, "goods"), nonce="goods")
    links = [f"https://files.example/{number}.png" for number in (1, 2)]
    values = {"param": ["Ольга", "Стол", "Шкаф"], "button_param": ["1", "2"], "header": links}
    assert "передан" in seen(Frame(world).post("/app/hand/send", {**form, **values}))
    assert given == [15, 3]


@ONE_DATABASE
def test_what_was_sent_with_cards_is_shown_card_by_card(world: World) -> None:
    world.install_app()
    world.connect_line(templates=CATALOGUE)
    world.robots_start(("robot.send_template", {"phone": OLGA, "header": "602|602", **GOODS}))
    world.advance_clock(5)
    talk = seen(Frame(world).change("hand/talk", **who(opened(world))))
    assert "Ольга, смотрите ▪ Стол первый [Купить, Не нужно] ▪ Шкаф второй [Купить, Не нужно]" in talk
