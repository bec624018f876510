"""The emulated Drive: rights, pages, filters, and the refusals of `disk.*`."""

from __future__ import annotations

from typing import Any

import pytest

from bx24.emulator.state.drive import Entry
from tests.bx24_emulator.conftest import PortalDriver


def names(driver: PortalDriver, method: str, user: int = 1, **params: Any) -> list[str]:
    return [row["NAME"] for row in driver.result(method, params, user=user)]


def test_a_user_sees_what_he_may_read(driver: PortalDriver) -> None:
    assert names(driver, "disk.storage.getlist") == ["Общий диск", "Анна Соколова", "Дизайн кухонь"]
    assert names(driver, "disk.storage.getlist", 2) == ["Общий диск", "Пётр Иванов", "Дизайн кухонь"]
    order = {"NAME": "ASC"}
    assert names(driver, "disk.folder.getchildren", 2, id=1, order=order) == ["shkaf.png", "Договоры", "Прайс-лист.pdf"]
    assert names(driver, "disk.folder.getchildren", 1, id=1, filter={"%NAME": "директор"}) == ["Только для директора"]
    assert names(driver, "disk.folder.getchildren", 1, id=1, filter={"TYPE": "file"}) == ["Прайс-лист.pdf", "shkaf.png"]
    assert names(driver, "disk.folder.getchildren", 2, id=611) == [], "no refusal: an empty list"


@pytest.mark.parametrize(
    ("method", "user", "params", "refusal"),
    [
        ("disk.file.get", 1, {}, (400, "ERROR_ARGUMENT")),
        ("disk.file.get", 1, {"id": 610}, (400, "ERROR_NOT_FOUND")),
        ("disk.file.get", 2, {"id": 604}, (403, "ACCESS_DENIED")),
        ("disk.file.get", 2, {"id": 605}, (403, "ACCESS_DENIED")),
        ("disk.folder.getchildren", 1, {}, (400, "ERROR_ARGUMENT")),
        ("disk.folder.getchildren", 1, {"id": 601}, (400, "ERROR_NOT_FOUND")),
        ("disk.folder.getchildren", 1, {"id": 9999}, (400, "ERROR_NOT_FOUND")),
    ],
)
def test_what_is_refused(
    driver: PortalDriver, method: str, user: int, params: dict[str, Any], refusal: tuple[int, str]
) -> None:
    assert driver.error(method, params, user=user) == refusal


def test_a_page_has_fifty_rows(driver: PortalDriver) -> None:
    driver.portal.drive.add(*(Entry(1000 + n, f"{n:03}.png", 4, 4, 602) for n in range(60)))
    first = driver.rest("disk.folder.getchildren", {"id": 4}).json
    assert first is not None
    assert (len(first["result"]), first["total"], first["next"]) == (50, 60, 50)
    rest = driver.rest("disk.folder.getchildren", {"id": 4, "start": 50}).json
    assert rest is not None
    assert (len(rest["result"]), rest.get("next")) == (10, None)
