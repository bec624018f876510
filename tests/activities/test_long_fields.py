"""Properties beyond 64 KB: refused before anything of them is read, in every shape that a form can give them."""

from __future__ import annotations

from typing import Any

import pytest

from activities.base import MAX_FIELD, load, within_limit
from activities.errors import Refused
from activities.send_template import SendTemplate
from robots import Client

SCHEMA = SendTemplate().schema(Client)


@pytest.mark.parametrize(
    "value",
    [
        "x" * (MAX_FIELD + 1),
        ["x" * 700] * 100,
        [""] * (MAX_FIELD + 1),
        {"0": "x" * MAX_FIELD},
        {str(number): "" for number in range(MAX_FIELD)},
        {"x": {"y": ["x" * MAX_FIELD]}},
    ],
    ids=["text", "list", "entries", "map", "keys", "nested"],
)
def test_a_long_field_is_cut_when_stored_and_refused_when_planned(value: Any) -> None:
    given = {"template": "x", "PARAMS": value, "nobodys": value}
    for raw in (given, within_limit(given)):
        with pytest.raises(Refused) as refusal:
            load(SCHEMA, raw)
        assert (refusal.value.code, refusal.value.at) == ("text_too_long", "params")
    assert len(str(within_limit(given))) < 3 * MAX_FIELD


def test_what_fits_is_kept_as_it_is() -> None:
    given = {"template": "x" * MAX_FIELD, "params": ["x" * 600] * 100, "nobodys": {"0": "y"}}
    assert within_limit(given) == given
    load(SCHEMA, given)
