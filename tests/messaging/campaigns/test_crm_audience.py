"""Who an audience is: what may be written, what it says of anything else, and what the portal makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from messaging.campaigns.crm import filters as crm_filters
from messaging.campaigns.crm.audience import MAX_IDS, count, parsed
from messaging.campaigns.crm.filters import InvalidAudience
from messaging.portals.tokens import portal_client
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World

DEAL = 2


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"type": "deal", "filter": {}}, {"type": DEAL, "filter": {}}),
        ({"type": "DYNAMIC_183", "ids": [9, "7", 9]}, {"type": 183, "ids": [7, 9]}),
        (
            {"type": "2", "filter": {">=OPPORTUNITY": 10.5, "@STAGE_ID": ["NEW", "WON"], "UF_CRM_1660": True}},
            {"type": DEAL, "filter": {">=opportunity": 10.5, "@stageId": ["NEW", "WON"], "ufCrm_1660": 1}},
        ),
        (
            {
                "type": 31,
                "filter": {"0": {"logic": "or", "%title": "А", "!UF_CRM_5_1660": ""}, "<DATE_CREATE": "2026-11-01"},
            },
            {
                "type": 31,
                "filter": {"0": {"logic": "OR", "%title": "А", "!ufCrm5_1660": ""}, "<createdTime": "2026-11-01"},
            },
        ),
    ],
)
def test_an_audience_is_stored_as_the_portal_takes_it(given: dict[str, Any], stored: dict[str, Any]) -> None:
    audience = parsed(given)
    assert audience.to_dict() == stored
    assert parsed(json.loads(json.dumps(audience.to_dict()))) == audience


DEEP = {"0": {"0": {"0": {"title": "А"}}}}


@pytest.mark.parametrize(
    ("given", "place", "russian"),
    [
        ("deals", "", "аудитория состоит"),
        ({"filter": {}}, "type", "укажите, чьи карточки"),
        ({"type": 5, "filter": {}}, "type", "укажите, чьи карточки"),
        ({"type": True, "filter": {}}, "type", "укажите, чьи карточки"),
        ({"type": 2}, "filter", "что-то одно"),
        ({"type": 2, "filter": {}, "ids": [1]}, "filter", "что-то одно"),
        ({"type": 2, "filter": None}, "filter", "что-то одно"),
        ({"type": 2, "filter": {}, "colour": 1}, "colour", "в аудитории такого нет"),
        ({"type": 2, "ids": []}, "ids", "список номеров"),
        ({"type": 2, "ids": [1, "DEAL_2"]}, "ids", "«DEAL_2» не номер"),
        ({"type": 2, "ids": [1] * (MAX_IDS + 1)}, "ids", "можно не больше 100000"),
        ({"type": 2, "filter": ["title"]}, "filter", "должны быть условия"),
        ({"type": 2, "filter": {"><id": 1}}, "filter.><id", "не условие"),
        ({"type": 2, "filter": {"$result[a]": 1}}, "filter.$result[a]", "не условие"),
        ({"type": 2, "filter": {"title": None}}, "filter.title", "текст или число"),
        ({"type": 2, "filter": {"opportunity": float("nan")}}, "filter.opportunity", "текст или число"),
        ({"type": 2, "filter": {"@stageId": []}}, "filter.@stageId", "значение пустое"),
        ({"type": 2, "filter": {">opportunity": ""}}, "filter.>opportunity", "значение пустое"),
        ({"type": 2, "filter": {">opportunity": [1]}}, "filter.>opportunity", "одно значение"),
        ({"type": 2, "filter": {">id": "all"}}, "filter.>id", "номер карточки"),
        ({"type": 2, "filter": {"title": "я" * 256}}, "filter.title", "длиннее 255"),
        ({"type": 2, "filter": {"@id": list(range(1, 502))}}, "filter", "можно не больше 500"),
        ({"type": 2, "filter": {f"ufCrm{number}": 1 for number in range(51)}}, "filter", "можно не больше 50"),
        ({"type": 2, "filter": {"STAGE_ID": "A", "stageId": "B"}}, "filter.stageId", "указано дважды"),
        ({"type": 2, "filter": {"logic": "OR", "title": "А"}}, "filter.logic", "только внутри группы"),
        ({"type": 2, "filter": {"0": {"logic": "XOR", "title": "А"}}}, "filter.0.logic", "AND или OR"),
        ({"type": 2, "filter": {"0": {"logic": "OR"}}}, "filter.0", "значение пустое"),
        ({"type": 2, "filter": DEEP}, "filter.0.0.0", "не больше 3"),
    ],
)
def test_what_is_wrong_with_an_audience_is_said_at_its_place(given: Any, place: str, russian: str) -> None:
    with pytest.raises(InvalidAudience) as caught:
        parsed(given)
    assert russian in caught.value.problems[place].ru
    assert caught.value.problems[place].en


def test_a_hostile_filter_costs_little() -> None:
    nested: dict[str, Any] = {"title": "А"}
    for _ in range(900):
        nested = {"0": nested}
    for given in (
        nested,
        {f"{number}": {} for number in range(900)},
        {f"a{number}": None for number in range(100_000)},
    ):
        with pytest.raises(InvalidAudience) as caught:
            crm_filters.checked(given)
        assert len(caught.value.problems) <= crm_filters.MAX_CONDITIONS + 1


@ONE_DATABASE
def test_an_audience_is_counted_and_a_strange_field_is_named(shop: World) -> None:
    client = portal_client(shop.runtime, 1)
    before = shop.portal.counters.http
    assert count(client, parsed({"type": "deal", "filter": {">=OPPORTUNITY": 48500, "!stageId": "WON"}})) == 3
    assert shop.portal.counters.http == before + 1
    assert count(client, parsed({"type": "contact", "filter": {"hasPhone": "Y"}})) == 3
    assert count(client, parsed({"type": "deal", "ids": [1, 77]})) == 2
    for given, place in (
        ({"type": "deal", "filter": {"0": {"logic": "OR", "%colour": "а", "title": "б"}}}, "filter.colour"),
        ({"type": 999, "filter": {}}, "type"),
    ):
        with pytest.raises(InvalidAudience) as caught:
            count(client, parsed(given))
        assert list(caught.value.problems) == [place]
