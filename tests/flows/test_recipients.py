"""To whom and from which number (contract, sections 4 and 8: phones, lines)."""

from __future__ import annotations

from typing import Any

from bx24.emulator.state import crm
from messaging.lines import lines
from messaging.store.models import Message
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    ending,
    endings,
    jump_clock,
    open_windows,
    start_each,
    template_robot,
)
from tests.support.world import PORTAL, World, returned

WORK, COMPANY = "74951234567", "74950001122"
LIST = (("lists", "BizprocDocument", "iblock_17"), ("lists", "BizprocDocument", "77"))


def test_the_phone_is_found_from_the_item_a_robot_runs_on(shop: World) -> None:
    shop.portal.crm.add(crm.DEAL, 10, title="Только второй контакт с телефоном", contactIds=[3, 4])
    shop.portal.crm.add(crm.LEAD, 10, title="Мусор", phones=["нет", "+7 (916) 222-33-05"])
    shop.portal.crm.add(crm.LEAD, 11, title="Один мусор", phones=["нет"])
    shop.portal.crm.add(crm.CONTACT, 10, name="Иван", phones=["8 (916) 222-33-06 доб. 12"])
    cases: list[tuple[int, int, str]] = [
        (crm.LEAD, 1, "79261112233"),
        (crm.LEAD, 2, OLGA),
        (crm.DEAL, 1, OLGA),
        (crm.DEAL, 2, WORK),
        (crm.DEAL, 3, COMPANY),
        (crm.DEAL, 10, "15550102030"),
        (crm.QUOTE, 1, OLGA),
        (crm.SMART_INVOICE, 1, OLGA),
        (crm.SMART_PROCESS, 1, WORK),
        (crm.CONTACT, 10, "79162223306"),
        (crm.COMPANY, 1, COMPANY),
        (crm.LEAD, 10, "79162223305"),
        (crm.LEAD, 11, "invalid_phone"),
        (crm.DEAL, 4, "no_phone"),
        (crm.DEAL, 5, "no_phone"),
        (crm.DEAL, 404, "no_phone"),
        (crm.SMART_PROCESS, 404, "no_phone"),
    ]
    flows = [shop.robots_start(template_robot(phone=""), entity=entity, item=item) for entity, item, _ in cases]
    jump_clock(shop, 0.1, *[1] * 6)  # the client's rate keeps messages to one client a second apart
    found = {(entity, item): _to(flow) for (entity, item, _), flow in zip(cases, flows, strict=True)}
    expected = {(entity, item): who for entity, item, who in cases}
    # +1 555 010 2030 is fictitious, so it is nobody's: a number that no country has given out.
    expected[crm.DEAL, 10] = "invalid_phone"
    assert found == expected
    assert len(shop.sent) == sum(who.isdigit() for who in expected.values())


@ONE_DATABASE
def test_the_cards_of_many_robots_are_read_together(shop: World) -> None:
    for number in range(100, 140):
        shop.portal.crm.add(crm.CONTACT, number, name="Клиент", phones=[f"8 916 333 {number:04d}"])
        shop.portal.crm.add(crm.DEAL, number, title="Сделка", contactIds=[number])
    flows = [
        shop.robots_start(template_robot(phone=""), entity=crm.DEAL, item=number) for number in (*range(100, 140), 404)
    ]
    before = len(shop.net.seen)
    jump_clock(shop, 0.1, 3, 3)
    to_portal = [one.body for one in shop.net.seen[before:] if str(one.url).startswith(PORTAL)]
    read = [body for body in to_portal if b"crm.item.get" in bytes(body or b"")]
    assert len(read) <= 4, "two calls for up to fifty of them: their deals, their contacts"
    assert [_to(flow) for flow in flows] == [*(f"7916333{number:04d}" for number in range(100, 140)), "no_phone"]


def _to(flow: Any) -> str:
    values = returned(flow)
    return str(values.get("sent_to") or values.get("error_code"))


def test_a_typed_phone_goes_before_the_card_and_is_read_as_people_write(shop: World) -> None:
    cases = {
        "+7 (916) 222-33-05": "79162223305",
        "8 916 222 33 05": "79162223305",
        "79162223305": "79162223305",
        "9162223305": "79162223305",
        "abc; 8 (916) 222-33-06": "79162223306",
        "нет\n+7 916 222-33-07, +7 916 222-33-08": "79162223307",
        "+376 312 345": "376312345",
        "8 916": "invalid_phone",
        "позвоните мне": "invalid_phone",
        ";,": "invalid_phone",
        "+7 999 999 99 99 99": "invalid_phone",
    }
    flows = start_each(shop, *(template_robot(phone) for phone in cases))
    activity = shop.robots_start(_activity("8 916 222 33 05"), document=LIST)
    missing = shop.robots_start(_activity(""), document=LIST)
    on_deal = shop.robots_start(_activity(" "))
    robot_on_list = shop.robots_start(template_robot(""), document=LIST)
    jump_clock(shop, 0.1, *[1] * 6)  # the client's rate keeps messages to one client a second apart
    assert {phone: _to(flow) for phone, flow in zip(cases, flows, strict=True)} == cases
    assert ending(activity) == ("accepted", "")
    assert endings([missing, on_deal, robot_on_list]) == [
        ("failed", "value_missing"),
        ("failed", "value_missing"),
        ("failed", "no_phone"),
    ]
    assert "Телефон" in returned(missing)["error_text"]
    bad = returned(flows[list(cases).index("8 916")])
    assert "8 916" in bad["error_text"], "the number at fault is shown to whoever set up the robot"


def _activity(phone: str) -> tuple[str, dict[str, Any]]:
    return "activity.send_template", {"template": "welcome", "language": "ru", "phone": phone}


def test_of_several_numbers_the_one_with_the_newest_conversation_is_taken(shop: World) -> None:
    first, second, third = PHONES[:3]
    three = f"{first}, {second}; {third}"
    fresh = shop.robots_start(template_robot(three))
    shop.advance_clock(1)
    assert _to(fresh) == first, "nobody has been talked to: the first valid one"
    open_windows(shop, second)
    assert _to(_after(shop, three)) == second
    shop.robots_start(template_robot(first))
    shop.advance_clock(1)
    assert _to(_after(shop, three)) == first
    open_windows(shop, second)
    shop.set_gupshup_faults(next=["400"])
    refused = shop.robots_start(template_robot(third))
    shop.advance_clock(1)
    assert ending(refused)[0] == "failed"
    assert _to(_after(shop, three)) == second, "a send that was refused is no conversation"


def _after(world: World, phones: str) -> Any:
    flow = world.robots_start(template_robot(phones))
    world.advance_clock(1)
    return flow


def test_the_line_is_the_named_one_else_the_clients_last_else_the_default(shop: World) -> None:
    first = shop.line
    second = shop.connect_line("othershop", "79001114455")
    lines.add(shop.runtime, shop.portal.member_id, lines.NewLine("key", "thirdshop", "79001116677", name="Третья"))
    gone = lines.add(shop.runtime, shop.portal.member_id, lines.NewLine("key", "goneshop", "79001118899", name="Была"))
    lines.remove(shop.runtime, gone.id)
    cases = {
        "": "acmeshop",
        str(second.id): "othershop",
        "79001114455": "othershop",
        "+7 (900) 111-44-55": "othershop",
        "othershop": "othershop",
        f" {first.id} ": "acmeshop",
        "Третья": "gupshup_401",
        str(gone.id): "line_not_connected",
        "Была": "line_not_connected",
        "79001118899": "line_not_connected",
        "Нет такой": "line_not_found",
        "999": "line_not_found",
        "²": "line_not_found",
    }
    flows = start_each(shop, *(template_robot(line=wanted) for wanted in cases))
    shop.advance_clock(5)
    apps = {message.id: message.app.name for message in shop.sent}
    found = {
        wanted: apps.get(returned(flow)["message_id"]) or returned(flow)["error_code"]
        for wanted, flow in zip(cases, flows, strict=True)
    }
    # Their own template list cannot be had with a made-up key and no app id, so the id goes out as it is.
    assert found == cases
    assert "Нет такой" in returned(flows[list(cases).index("Нет такой")])["error_text"]


def test_the_automatic_line_follows_the_client_and_the_default(shop: World) -> None:
    first = shop.line
    second = shop.connect_line("othershop", "79001114455")
    open_windows(shop, PHONES[0])
    known, unknown = start_each(shop, template_robot(PHONES[0]), template_robot(PHONES[1]))
    shop.advance_clock(1)
    assert [message.app.name for message in shop.sent] == ["othershop", "acmeshop"]
    assert shop.flask.test_cli_runner().invoke(args=["lines", "default", str(second.id)]).exit_code == 0
    shop.robots_start(template_robot(PHONES[2]))
    shop.advance_clock(1)
    assert shop.sent[-1].app.name == "othershop"
    lines.remove(shop.runtime, second.id)
    shop.robots_start(template_robot(PHONES[0]))
    shop.robots_start(template_robot(PHONES[3]))
    shop.advance_clock(1)
    assert [message.app.name for message in shop.sent[3:]] == ["acmeshop", "acmeshop"], "the next one is the default"
    lines.remove(shop.runtime, first.id)
    last = shop.robots_start(template_robot(PHONES[4]))
    shop.advance_clock(1)
    assert ending(last) == ("failed", "line_not_connected")
    assert endings([known, unknown]) == [("accepted", ""), ("accepted", "")]


@ONE_DATABASE
def test_a_line_somebody_called_by_a_number_takes_nothing_from_the_line_with_this_id(shop: World) -> None:
    shop.connect_line("second", "79001112244")
    lines.rename(shop.runtime, 1, "2")
    start_each(shop, template_robot(line="2"))
    jump_clock(shop, 1)
    assert [message.line_id for message in shop.stored_rows(Message)] == [2]
