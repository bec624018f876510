"""`im.notify.system.add` as Bitrix24 documents it, and our door to it."""

from __future__ import annotations

from typing import Any

import pytest

from bx24.notices import plain

from .conftest import PortalDriver

METHOD = "im.notify.system.add"


def test_a_notification_is_listed_under_its_id(driver: PortalDriver) -> None:
    made = driver.result(METHOD, {"USER_ID": 3, "MESSAGE": " Line stopped ", "TAG": "a", "SUB_TAG": "b"})
    (notice,) = driver.control("notices")["notices"]
    assert notice == {"id": made, "user_id": 3, "message": "Line stopped", "tag": "a", "sub_tag": "b"}


def test_one_with_the_same_tag_takes_its_place(driver: PortalDriver) -> None:
    for message, tag in (("1", "a"), ("2", "b"), ("3", "a"), ("4", ""), ("5", "")):
        driver.result(METHOD, {"USER_ID": 1, "MESSAGE": message, "TAG": tag})
    assert [notice["message"] for notice in driver.control("notices")["notices"]] == ["2", "3", "4", "5"]


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
def test_what_it_refuses(driver: PortalDriver, params: dict[str, Any], code: str) -> None:
    assert driver.error(METHOD, params) == (400, code)
    assert driver.control("notices")["notices"] == []


def test_no_such_user_is_false_and_no_scope_is_refused(driver: PortalDriver) -> None:
    assert driver.result(METHOD, {"USER_ID": 99, "MESSAGE": "x"}) is False
    driver.portal.installation.scope = ("bizproc",)
    assert driver.error(METHOD, {"USER_ID": 1, "MESSAGE": "x"}) == (401, "insufficient_scope")


def test_our_words_hold_no_bb_codes() -> None:
    assert plain("[URL=https://example.org]Shop[/URL]") == "(URL=https://example.org)Shop(/URL)"
