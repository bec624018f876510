"""The line's page: whether the line is a sender of the portal, which template takes free texts, what quiet hours mean."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from messaging.store.models import Portal
from messaging.store.provider import LineSender
from tests.flows.scenes import OLGA, gupshup_control
from tests.flows.sms import Sms
from tests.support.world import World
from tests.web.inside import EMPLOYEE, Frame, seen


@pytest.fixture
def sms(shop: World) -> Sms:
    return Sms(shop)


def path(world: World) -> str:
    return f"lines/{world.line.id}/provider"


def card(frame: Frame) -> str:
    return seen(frame.page(path(frame.world)))


def stored(world: World) -> list[tuple[str, str]]:
    with world.runtime.db.read() as session:
        return [(one.template_id, one.quiet) for one in session.query(LineSender)]


def test_the_card_says_whether_the_line_is_registered(sms: Sms) -> None:
    frame = Frame(sms.world)
    assert "Линия зарегистрирована" in card(frame)
    registration: dict[str, Any] = {"scopes": ["messageservice"], "failed": {sms.code: "ACCESS_DENIED"}}
    with sms.world.runtime.db.write() as session:
        session.execute(update(Portal).values(registration=registration))
    assert "Битрикс24 ответил: ACCESS_DENIED" in card(frame)


def test_a_portal_without_the_permission_is_told_so(shop: World) -> None:
    assert "нет права отправлять сообщения за Битрикс24 (messageservice)" in card(Frame(shop))


def test_only_templates_with_one_variable_in_their_text_are_offered(sms: Sms) -> None:
    world = sms.world
    fitting = sms.add_template()
    sms.add_template(name="no_variable", body="Здравствуйте!")
    sms.add_template(name="two_variables", body="Здравствуйте, {{1}}! Заказ {{2}} готов.")
    sms.add_template(name="with_link", buttons=[{"type": "URL", "text": "Открыть", "url": "https://a.b/{{1}}"}])
    rejected = sms.add_template(name="rejected_one")
    gupshup_control(world, f"apps/{world.gupshup_app['app_name']}/templates/{rejected}", {"status": "REJECTED"})
    world.advance_clock(2000)
    html = Frame(world).page(path(world))
    assert fitting in html
    assert "free_text (ru): Сообщение от магазина" in seen(html)
    for name in ("no_variable", "two_variables", "with_link", "rejected_one", "order_ready"):
        assert name not in html


def test_an_administrator_sets_the_template_and_free_texts_go_in_it(sms: Sms) -> None:
    world, frame = sms.world, Frame(sms.world)
    template = sms.add_template()
    world.advance_clock(2000)
    assert "Сохранено" in seen(frame.change(path(world), template=template, quiet="hold"))
    assert stored(world) == [(template, "hold")]
    frame.change(path(world), template=template, quiet="send")
    sms.send("Заказ готов")
    world.advance_clock(10)
    assert [message.template["params"] for message in world.sent] == [["Заказ готов"]]
    assert world.sent[0].destination == OLGA
    frame.change(path(world), template="", quiet="send")
    assert stored(world) == [("", "send")]


@pytest.mark.parametrize(
    ("template", "quiet", "words"),
    [("0000", "send", "Этот шаблон выбрать нельзя"), ("", "later", "Выберите, что делать в тихие часы")],
)
def test_a_wrong_choice_is_explained(sms: Sms, template: str, quiet: str, words: str) -> None:
    assert words in seen(Frame(sms.world).change(path(sms.world), template=template, quiet=quiet))
    assert stored(sms.world) == []


def test_a_template_that_is_gone_is_told(sms: Sms) -> None:
    world, frame = sms.world, Frame(sms.world)
    template = sms.add_template()
    world.advance_clock(2000)
    frame.change(path(world), template=template, quiet="send")
    gupshup_control(world, f"apps/{world.gupshup_app['app_name']}/templates/{template}", {"status": "PAUSED"})
    world.advance_clock(2000)
    assert "free_text больше нельзя отправить" in card(frame)
    assert "Сохранено" in seen(frame.change(path(world), template=template, quiet="drop")), "it may stay"


def test_an_employee_reads_and_changes_nothing(sms: Sms) -> None:
    frame = Frame(sms.world, EMPLOYEE)
    assert "Сохранить" not in card(frame)
    frame.change(path(sms.world), 403, template="", quiet="send")
    assert stored(sms.world) == []


def test_a_line_of_another_portal_is_not_found(sms: Sms) -> None:
    Frame(sms.world).page("lines/999/provider", 404)
