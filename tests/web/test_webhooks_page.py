"""The page Webhooks: by whom, wrong input, other portals; the secret once; deliveries, tests, again, deleting."""

from __future__ import annotations

import re

import pytest

from messaging.callbacks import endpoints
from messaging.callbacks.endpoints import Wanted
from messaging.store.callbacks import Callback, Endpoint
from messaging.store.crypto import Cipher
from messaging.worker.retention import LOCK, Retention
from tests.flows.hooks import URL, Receiver, everybody_is_public
from tests.flows.scenes import OLGA, ONE_DATABASE, jump_clock, template_robot
from tests.flows.test_tenants import Neighbours
from tests.support.world import World
from tests.web.inside import EMPLOYEE, Frame, seen

NEW = {"url": URL, "events": "message.status"}


@pytest.fixture
def receiver(shop: World, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    everybody_is_public(monkeypatch)
    return Receiver(shop, monkeypatch)


def made(frame: Frame, receiver: Receiver) -> str:
    """Make a webhook on the page; its key."""
    page = frame.change("webhooks", **NEW)
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", page)
    assert secret, seen(page)
    receiver.secret = secret[0]
    return receiver.endpoint().key


@ONE_DATABASE
def test_administrators_alone_see_and_change(shop: World, receiver: Receiver) -> None:
    key = made(Frame(shop), receiver)
    reader = Frame(shop, EMPLOYEE)
    for path in ("webhooks", f"webhooks/{key}"):
        reader.page(path, 403)
    assert 'data-section="webhooks"' not in reader.page("opt-outs")
    for path in ("", f"/{key}/test", f"/{key}/on", f"/{key}/secret", f"/{key}/again", f"/{key}/remove"):
        reader.change(f"webhooks{path}", 403, **NEW)
        assert shop.app.post(f"/app/webhooks{path}").status_code == 401
    assert receiver.endpoint().state == "on"


def test_the_secret_is_shown_once_and_nothing_lies_open(shop: World, receiver: Receiver) -> None:
    frame = Frame(shop)
    key = made(frame, receiver)
    assert "whsec_" not in frame.page("webhooks") + frame.page(f"webhooks/{key}")
    shop.robot_runs("robot.send_template", **template_robot()[1])
    with shop.runtime.db.engine.connect() as connection:
        for table in ("endpoint", "callback"):
            stored = str(connection.exec_driver_sql(f"SELECT * FROM {table}").all())
            assert receiver.secret not in stored
            assert OLGA not in stored
            assert receiver.host not in stored
    assert isinstance(shop.runtime.cipher, Cipher)


@ONE_DATABASE
def test_wrong_input_is_named_and_what_was_typed_stays(shop: World, receiver: Receiver) -> None:
    frame = Frame(shop)
    page = frame.change("webhooks", url="https://10.0.0.1/hooks", events="line.state")
    assert "Этот сервер в частной сети" in seen(page)
    assert 'value="https://10.0.0.1/hooks"' in page
    assert re.search(r'value="line.state" checked', page)
    assert "Выберите хотя бы одно событие" in seen(frame.change("webhooks", url=URL))
    assert "Введите адрес своей системы" in seen(frame.change("webhooks", url="", events="line.state"))
    nothing = seen(frame.change("webhooks", url=""))
    assert "Введите адрес своей системы" in nothing
    assert "Выберите хотя бы одно событие" in nothing, "all that is wrong is said at once"
    frame.change("webhooks", url=URL, events="no.such")
    frame.change("webhooks", url=URL, events="line.state", origins="nobody")
    assert shop.stored_rows(Endpoint) == []  # type: ignore[type-var]
    for _ in range(endpoints.MOST):
        frame.change("webhooks", **NEW)
    assert "Вебхуков уже 5" in seen(frame.change("webhooks", **NEW))
    assert 'name="url"' not in frame.page("webhooks")


@ONE_DATABASE
def test_a_test_event_is_seen_with_its_answer_and_sent_again(shop: World, receiver: Receiver) -> None:
    frame = Frame(shop)
    key = made(frame, receiver)
    receiver.answer(500, then=200)
    assert "Тестовое событие отправляется" in seen(frame.change(f"webhooks/{key}/test"))
    shop.advance_clock(1)
    page = seen(frame.page(f"webhooks/{key}"))
    assert "HTTP 500" in page
    assert "answer 500" in page
    assert "Не принимает" in page
    shop.advance_clock(6)
    page = seen(frame.page(f"webhooks/{key}"))
    assert "Доставлено HTTP 200" in page
    assert "2 попытки" in page
    delivery = receiver.rows()[0].key
    assert "Отправлено снова: 1" in seen(frame.change(f"webhooks/{key}/again", delivery=delivery))
    assert "Отправлять снова нечего" in seen(frame.change(f"webhooks/{key}/again", delivery=delivery)), (
        "it waits already"
    )
    assert "Отправлять снова нечего" in seen(frame.change(f"webhooks/{key}/again"))
    shop.advance_clock(1)
    assert len(receiver.events) == 2


@ONE_DATABASE
def test_a_webhook_that_is_off_needs_a_hand(shop: World, receiver: Receiver) -> None:
    frame = Frame(shop)
    key = made(frame, receiver)
    receiver.answer(410)
    frame.change(f"webhooks/{key}/test")
    shop.advance_clock(1)
    assert f"Вебхук {receiver.host} отключён" in seen(frame.page("start/needs"))
    assert "Приёмник ответил 410" in seen(frame.page(f"webhooks/{key}"))
    assert "Вебхук включён" in seen(frame.change(f"webhooks/{key}/on"))
    shop.advance_clock(1)
    assert f"Вебхук {receiver.host}" not in seen(frame.page("start/needs"))
    assert len(receiver.events) == 1
    receiver.answer(*[500] * 9)
    frame.change(f"webhooks/{key}/test")
    jump_clock(shop, 1, 1000, 1000)
    assert f"Вебхук {receiver.host} ничего не принимает" in seen(frame.page("start/needs"))


@ONE_DATABASE
def test_the_webhooks_of_another_portal_are_nobodys(shop: World, receiver: Receiver) -> None:
    key = made(Frame(shop), receiver)
    beta = Neighbours(shop)
    theirs = Frame(shop, member_id=beta.portal.member_id)
    assert key not in theirs.page("webhooks")
    for path in ("test", "on", "secret", "again", "remove"):
        assert "тем временем удалили" in seen(theirs.change(f"webhooks/{key}/{path}"))
    assert "тем временем удалили" in seen(theirs.page(f"webhooks/{key}"))
    assert receiver.rows() == []
    assert receiver.endpoint().state == "on"


def delete_old(world: World) -> None:
    world.runtime.redis.delete(LOCK)
    worker = Retention(world.runtime)
    while not worker.is_paused:
        worker.step()


def test_what_is_deleted_and_when(shop: World, receiver: Receiver) -> None:
    frame = Frame(shop)
    key = made(frame, receiver)
    frame.change(f"webhooks/{key}/test")
    shop.advance_clock(1)
    receiver.answer(410)
    frame.change(f"webhooks/{key}/test")
    shop.advance_clock(1)
    assert [row.state for row in receiver.rows()] == ["done", "waiting"]
    for days, left in ((1, 2), (1.1, 1), (11, 1), (1, 0)):
        shop.now += shop.now.resolution * round(days * 86_400_000_000)
        delete_old(shop)
        assert len(receiver.rows()) == left, days
    assert receiver.endpoint().waiting == 0
    frame.change(f"webhooks/{key}/on")
    frame.change(f"webhooks/{key}/test")
    assert "удалён" in seen(frame.change(f"webhooks/{key}/remove"))
    delete_old(shop)
    assert shop.stored_rows(Endpoint) == []  # type: ignore[type-var]
    assert shop.stored_rows(Callback) == []  # type: ignore[type-var]


@ONE_DATABASE
def test_uninstalling_clean_forgets_webhooks(shop: World, receiver: Receiver) -> None:
    from messaging.portals import uninstalling

    made(Frame(shop), receiver)
    endpoints.test(shop.runtime, shop.line.portal_id, receiver.endpoint().key)
    uninstalling.uninstall(shop.runtime, shop.line.portal_id, clean=False)
    shop.advance_clock(5)
    assert receiver.events == [], "an app that is not installed tells nobody anything"
    uninstalling.uninstall(shop.runtime, shop.line.portal_id, clean=True)
    assert shop.stored_rows(Endpoint) == []  # type: ignore[type-var]


def test_the_wanted_is_kept_in_our_order(shop: World, receiver: Receiver) -> None:
    wanted = Wanted(f" {URL} ", ["line.state", "message.status", "line.state"], ["campaign", "robot"])
    tidy = endpoints.check(shop.runtime, wanted)
    assert tidy == Wanted(URL, ["message.status", "line.state"], ["robot", "campaign"])
