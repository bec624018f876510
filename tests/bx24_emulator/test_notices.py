"""`im.notify.system.add` as Bitrix24 documents it, and our door to it."""

from __future__ import annotations

from typing import Any

import pytest

from bx24.notices import plain

from .conftest import Bench

METHOD = "im.notify.system.add"


def test_a_notification_is_listed_under_its_id(bench: Bench) -> None:
    made = bench.ok(METHOD, {"USER_ID": 3, "MESSAGE": " Line stopped ", "TAG": "a", "SUB_TAG": "b"})
    (notice,) = bench.control("notices")["notices"]
    assert notice == {"id": made, "user_id": 3, "message": "Line stopped", "tag": "a", "sub_tag": "b"}


def test_one_with_the_same_tag_takes_its_place(bench: Bench) -> None:
    for message, tag in (("1", "a"), ("2", "b"), ("3", "a"), ("4", ""), ("5", "")):
        bench.ok(METHOD, {"USER_ID": 1, "MESSAGE": message, "TAG": tag})
    assert [notice["message"] for notice in bench.control("notices")["notices"]] == ["2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"MESSAGE": "x"}, "USER_ID_EMPTY"),
        ({"USER_ID": 0, "MESSAGE": "x"}, "USER_ID_EMPTY"),
        ({"USER_ID": -1, "MESSAGE": "x"}, "USER_ID_EMPTY"),
        ({"USER_ID": 1}, "MESSAGE_EMPTY"),
        ({"USER_ID": 1, "MESSAGE": "  "}, "MESSAGE_EMPTY"),
        ({"USER_ID": 1, "MESSAGE": "x", "ATTACH": "no json"}, "ATTACH_ERROR"),
        ({"USER_ID": 1, "MESSAGE": "x", "ATTACH": {"BLOCKS": ["y" * 31_000]}}, "ATTACH_OVERSIZE"),
    ],
)
def test_what_it_refuses(bench: Bench, params: dict[str, Any], code: str) -> None:
    assert bench.error(METHOD, params) == (400, code)
    assert bench.control("notices")["notices"] == []


def test_no_such_user_is_false_and_no_scope_is_refused(bench: Bench) -> None:
    assert bench.ok(METHOD, {"USER_ID": 99, "MESSAGE": "x"}) is False
    bench.portal.installation.scope = ("bizproc",)
    assert bench.error(METHOD, {"USER_ID": 1, "MESSAGE": "x"}) == (401, "insufficient_scope")


def test_our_words_hold_no_bb_codes() -> None:
    assert plain("[URL=https://example.org]Shop[/URL]") == "(URL=https://example.org)Shop(/URL)"
