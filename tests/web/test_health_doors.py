"""Health: events told to customers' systems, and messages that Bitrix24 has handed over; and the figures of both."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.flows.hooks import Receiver, everybody_is_public
from tests.flows.scenes import OLGA, ONE_DATABASE, open_windows, template_robot
from tests.flows.sms import Sms
from tests.support.world import World
from tests.web.inside import EMPLOYEE, Frame, seen

pytestmark = ONE_DATABASE


@pytest.fixture
def receiver(shop: World, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    everybody_is_public(monkeypatch)
    return Receiver(shop, monkeypatch)


def health(shop: World, **who: str | int) -> str:
    shop.runtime.counters.flush(shop.runtime.redis)
    return Frame(shop, **who).page("health")  # type: ignore[arg-type]


def metric(shop: World, name: str) -> float:
    found = [line for line in shop.app.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
    assert len(found) == 1, name
    return float(found[0].rpartition(" ")[2])


def test_without_webhooks_and_senders_nothing_is_said_of_them(shop: World) -> None:
    page = seen(health(shop))
    assert "События для ваших систем" not in page
    assert "переданные Битрикс24" not in page
    assert metric(shop, 'waba24_endpoints{state="on"}') == 0


def test_an_address_that_takes_nothing_is_named_until_it_does(shop: World, receiver: Receiver) -> None:
    receiver.register()
    shop.robot_runs("robot.send_template", **template_robot()[1])
    shop.advance_clock(5)
    page = health(shop)
    assert "ничего не принимают" not in seen(page)
    assert "События для ваших систем 3 за 24 часа" in seen(page)
    receiver.answer(then=500)
    shop.client_replies(OLGA, "Вы где?")
    shop.advance_clock(30)
    page = health(shop)
    assert f"{receiver.host} Не принимает" in seen(page)
    assert f'/app/webhooks/{receiver.endpoint().key}"' in page
    assert "Не приняты" in page
    assert metric(shop, 'waba24_endpoints{state="failing"}') == 1
    assert metric(shop, "waba24_callbacks_waiting") == 1
    other = health(shop, user_id=EMPLOYEE)
    assert receiver.host in other
    assert "/app/webhooks/" not in other, "only administrators may open it"


def test_an_address_that_is_switched_off_is_named(shop: World, receiver: Receiver) -> None:
    receiver.register()
    receiver.answer(then=410)
    shop.client_replies(OLGA, "Ау")
    shop.advance_clock(5)
    assert f"{receiver.host} Отключён" in seen(health(shop))
    assert metric(shop, 'waba24_endpoints{state="off"}') == 1


def test_what_bitrix24_hands_over_is_counted_with_the_reasons(shop: World) -> None:
    sms = Sms(shop)
    sms.send("Никто не писал")  # the window is closed and there is no template
    shop.advance_clock(5)
    open_windows(shop, OLGA)
    sms.send("Здравствуйте")
    shop.advance_clock(5)
    sms.again(sms.all()[-1]["id"])
    shop.advance_clock(5)
    page = seen(health(shop))
    assert "Сообщения, переданные Битрикс24 2 за 24 часа" in page
    assert "window_closed 1" in page
    assert "1 сообщение передано повторно" in page
    shop.now += timedelta(days=2)
    assert "переданные Битрикс24" not in seen(health(shop))
