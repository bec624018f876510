"""The door of the message provider: who may come in, what is kept, and what happens while the database is away."""

from __future__ import annotations

from typing import Any

import pytest

from messaging.limits import bounds
from messaging.store.provider import ProviderMessage
from tests.flows.scenes import OLGA, ONE_DATABASE
from tests.flows.test_tenants import Neighbours
from tests.messaging.intake.outage import away, figures, tick
from tests.support.world import World
from tests.web.posts import auth_of, count_of, encoded

FORM = "application/x-www-form-urlencoded"


def handed(world: World, message_id: str = "a" * 32, *, line: int | None = None, **changes: Any) -> str:
    """The body of a message from a card of deal 1; changes: fields, `auth` by their own names."""
    line_id = world.line.id if line is None else line
    auth = changes.pop("auth", {})
    form = {
        "module_id": "crm",
        "bindings": {"0": {"OWNER_TYPE_ID": 3, "OWNER_ID": 1}, "1": {"OWNER_TYPE_ID": 2, "OWNER_ID": 1}},
        "type": "SMS",
        "code": f"waba24_{line_id}",
        "message_id": message_id,
        "message_to": f"+{OLGA}",
        "message_body": "Ваш заказ готов 🎁",
        "ts": "1790000000",
        "auth": auth_of(world, **auth),
    }
    return encoded({**form, **changes})


def post(world: World, body: str, line: int | None = None) -> Any:
    line_id = world.line.id if line is None else line
    return world.app.post(f"/provider/{line_id}", data=body, content_type=FORM)


def test_calls_are_refused_without_a_word(shop: World) -> None:
    known = shop.line.id
    cases = [
        (handed(shop, auth={"application_token": "0" * 32}), known, 403),
        (handed(shop, auth={"application_token": ""}), known, 403),
        (handed(shop, auth={"member_id": "1" * 32}), known, 403),
        (handed(shop, code="waba24_77"), known, 400),
        (handed(shop, code="другой"), known, 400),
        (handed(shop, message_id=""), known, 400),
        (handed(shop, message_id="x" * 65), known, 400),
        (handed(shop, auth={"member_id": ""}), known, 400),
        ("", known, 400),
        (handed(shop, line=77), 77, 404),
    ]
    found = [post(shop, body, line) for body, line, _ in cases]
    assert [answer.status_code for answer in found] == [status for *_, status in cases]
    assert {answer.data for answer in found if answer.status_code == 403} == {b""}
    assert shop.app.post("/provider/x", data=handed(shop)).status_code == 404
    assert count_of(shop, ProviderMessage) == 0
    assert post(shop, handed(shop)).status_code == 200
    [row] = shop.stored_rows(ProviderMessage)
    assert (row.item, row.content["text"], row.content["module"]) == ("DEAL_1", "Ваш заказ готов 🎁", "crm")


def test_a_line_of_another_portal_is_not_found(shop: World) -> None:
    beta = Neighbours(shop)
    other = beta.line
    body = handed(shop, line=other.id)
    assert post(shop, body, other.id).status_code == 404
    assert count_of(shop, ProviderMessage) == 0


def test_a_call_without_any_tokens_is_the_usual_one_of_a_robot(shop: World) -> None:
    bare = shop.portal.event_auth(None, with_refresh=False)
    assert "access_token" not in bare
    assert post(shop, handed(shop, auth=dict.fromkeys(("access_token", "refresh_token"), ""))).status_code == 200
    form = handed(shop, "b" * 32).partition("&auth")[0] + "&" + encoded({"auth": bare})
    assert post(shop, form).status_code == 200
    assert count_of(shop, ProviderMessage) == 2


def test_the_same_message_id_is_one_message_and_another_one_is_another(shop: World) -> None:
    assert [post(shop, handed(shop)).status_code for _ in range(20)] == [200] * 20
    assert post(shop, handed(shop, "b" * 32)).status_code == 200
    assert [row.message_id for row in shop.stored_rows(ProviderMessage)] == ["a" * 32, "b" * 32]
    assert figures(shop, "provider_messages_total")[f'{{line="{shop.line.id}",outcome="repeated"}}'] == 19.0


@ONE_DATABASE
def test_a_body_over_its_limit_is_refused(shop: World) -> None:
    assert post(shop, handed(shop, filler="x" * bounds.ROBOT_CALL_BYTES)).status_code == 413


@ONE_DATABASE
def test_a_long_text_is_kept_up_to_its_limit(shop: World) -> None:
    assert post(shop, handed(shop, message_body="я" * 70_000)).status_code == 200
    [row] = shop.stored_rows(ProviderMessage)
    assert len(row.content["text"]) == 64 * 1024


@ONE_DATABASE
def test_nothing_of_a_message_stands_readable_in_the_database(shop: World) -> None:
    post(shop, handed(shop))
    with shop.runtime.db.engine.connect() as connection:
        [row] = connection.exec_driver_sql("SELECT * FROM provider_message").all()
    shown = " ".join(map(str, row))
    assert OLGA not in shown
    assert "заказ" not in shown


def test_while_the_database_is_away_it_waits_in_the_spool(shop: World) -> None:
    assert post(shop, handed(shop)).status_code == 200
    with away(shop.runtime):
        answers = [post(shop, handed(shop, name * 32)) for name in "bcb"]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert post(shop, handed(shop, code="waba24_77")).status_code == 400
    tick(shop)
    assert [row.message_id[0] for row in shop.stored_rows(ProviderMessage)] == ["a", "b", "c"]
    assert figures(shop, "spool_replayed_total") == {'{kind="provider",outcome="stored"}': 3.0}


@ONE_DATABASE
def test_a_forged_call_is_refused_when_the_spool_is_replayed(shop: World) -> None:
    with away(shop.runtime):
        assert post(shop, handed(shop, auth={"application_token": "0" * 32})).status_code == 200
    tick(shop)
    assert count_of(shop, ProviderMessage) == 0
    assert figures(shop, "spool_replayed_total") == {'{kind="provider",outcome="refused"}': 1.0}


@ONE_DATABASE
def test_a_line_of_another_portal_that_came_through_the_spool_sends_nothing(shop: World) -> None:
    beta = Neighbours(shop)
    beta.client_replies("Здравствуйте")  # so the text might leave
    shop.advance_clock(2)
    other = beta.line
    with away(shop.runtime):
        assert post(shop, handed(shop, line=other.id), other.id).status_code == 200
    tick(shop)
    shop.advance_clock(5)
    assert [row.state for row in shop.stored_rows(ProviderMessage)] == ["refused"]
    assert shop.sent == []


@ONE_DATABASE
@pytest.mark.parametrize("times", [1, 4])
def test_far_over_the_quota_calls_are_answered_429(shop: World, times: int) -> None:
    shop.runtime.call_quota = type(shop.runtime.call_quota)(1)
    codes = [post(shop, handed(shop, f"{number:032x}")).status_code for number in range(4 + times)]
    assert codes == [200] * 4 + [429] * times
    contents = [row.content is None for row in shop.stored_rows(ProviderMessage)]
    assert contents == [False, True, True, True]
