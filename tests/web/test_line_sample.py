"""The line's page: a test message to a phone that is typed, and how that phone is read meanwhile."""

from __future__ import annotations

import re
from typing import Any

import pytest

from messaging.store.models import Message
from messaging.store.states import Origin
from tests.flows.scenes import ONE_DATABASE, gupshup_control
from tests.support.world import World
from tests.web.inside import EMPLOYEE, Frame, seen

OWN = "+7 912 345-67-89"
OWN_DIGITS = "79123456789"


def path(world: World) -> str:
    return f"lines/{world.line.id}/sample"


def form_of(frame: Frame) -> dict[str, str]:
    """The form as it stands there: its nonce, and the template that is chosen."""
    html = frame.page(path(frame.world))
    return {
        "nonce": re.findall(r'name="nonce" value="([^"]+)"', html)[0],
        "template": re.findall(r'<option value="([^"]+)"', html)[0],
    }


def test_a_test_message_goes_out_with_the_samples_of_its_template(shop: World) -> None:
    frame = Frame(shop)
    form = form_of(frame)
    assert "Отправляем на +7 912 345-67-89" in seen(frame.change(path(shop), phone=OWN, **form))
    shop.advance_clock(2)
    [sent] = shop.sent
    assert sent.destination == OWN_DIGITS
    assert sent.template["id"] == form["template"]
    assert all(sent.template["params"])
    [row] = shop.stored_rows(Message)
    assert (row.origin, row.item, row.author_id) == (Origin.MANUAL, "", 1)


def test_the_same_form_sends_one_message_and_the_next_form_another(shop: World) -> None:
    frame = Frame(shop)
    form = form_of(frame)
    for _ in range(2):
        frame.change(path(shop), phone=OWN, **form)
    shop.advance_clock(2)
    assert len(shop.sent) == 1
    assert "уже отправила другое сообщение" in seen(frame.change(path(shop), phone="+7 912 000-00-01", **form))
    frame.change(path(shop), phone=OWN, **form_of(frame))
    shop.advance_clock(2)
    assert [message.destination for message in shop.sent] == [OWN_DIGITS, OWN_DIGITS]


@ONE_DATABASE
def test_a_phone_that_is_none_is_said_beside_its_field_and_stays(shop: World) -> None:
    frame = Frame(shop)
    form = form_of(frame)
    html = frame.change(path(shop), phone="12", **form)
    assert "Это не похоже на номер" in seen(html)
    assert 'value="12"' in html
    assert f'value="{form["nonce"]}"' in html
    shop.advance_clock(2)
    assert shop.sent == []


@ONE_DATABASE
def test_a_template_that_needs_a_file_or_a_value_for_a_button_is_not_offered(shop: World) -> None:
    app = shop.gupshup_app["app_name"]
    for name, more in (
        ("with_link", {"buttons": [{"type": "URL", "text": "Открыть", "url": "https://a.b/{{1}}"}]}),
        ("with_photo", {"kind": "IMAGE"}),
    ):
        gupshup_control(shop, f"apps/{app}/templates", {"name": name, "language": "ru", "body": "Добрый день!", **more})
    shop.advance_clock(2000)
    html = Frame(shop).page(path(shop))
    assert "order_ready" in html
    assert "with_link" not in html
    assert "with_photo" not in html


@ONE_DATABASE
def test_only_administrators_send_it(shop: World) -> None:
    form = form_of(Frame(shop))
    reader = Frame(shop, EMPLOYEE)
    assert "<form" not in reader.page(path(shop))
    reader.change(path(shop), 403, phone=OWN, **form)
    shop.advance_clock(2)
    assert shop.sent == []


@ONE_DATABASE
@pytest.mark.parametrize(
    ("fields", "read"),
    [
        ({"phone": "8 912 345-67-89"}, "Поймём как +7 912 345-67-89 · RU"),
        ({"phone": "+1 212 555 0123"}, "Поймём как +1 212-555-0123 · US"),
        ({"phone": "912"}, ""),
        # The number of a line is stored as it stands there: an 8 in front is no country code.
        ({"phone": "8 912 345-67-89", "whole": "1"}, ""),
        ({"phone": "+7 912 345-67-89", "whole": "1"}, "Поймём как +7 912 345-67-89 · RU"),
    ],
)
def test_a_phone_is_shown_as_it_will_be_read(shop: World, fields: dict[str, Any], read: str) -> None:
    assert seen(Frame(shop).change("phone", **fields)).strip() == read
