"""Triggers: which are registered, what set each off last, and what has to be done when Bitrix24 refuses."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from bx24.emulator.rules import frames
from messaging.portals.triggers import NAMES
from messaging.store.models import Portal
from messaging.store.portal_tasks import PortalTask
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    jump_clock,
    open_windows,
    set_portal_faults,
    start_each,
    template_robot,
)
from tests.support.world import APP, PORTAL, World
from tests.web.inside import EMPLOYEE, Frame, seen


@ONE_DATABASE
def test_the_page_shows_what_is_registered_and_what_set_each_off(shop: World) -> None:
    frame = Frame(shop)
    before = seen(frame.page("triggers"))
    assert "Зарегистрировано 6 из 6." in before
    assert before.count("Ещё не срабатывал.") == len(NAMES)
    start_each(shop, template_robot())
    jump_clock(shop, 1, 6)
    open_windows(shop, OLGA, PHONES[0])
    jump_clock(shop, 6)
    page = frame.page("triggers")
    assert "Сделка 1" in seen(page)
    assert "/app/messages/1" in page
    assert "Контакт 1" in seen(page)
    assert "В CRM нет ни контакта, ни лида с таким телефоном" in seen(page)
    assert "Только что проверено в Битрикс24" in seen(frame.change("triggers/check"))


@ONE_DATABASE
def test_what_was_given_up_is_seen_with_its_remedy(shop: World) -> None:
    set_portal_faults(shop, errors={"crm.automation.trigger.execute": ["insufficient_scope"] * 20})
    start_each(shop, template_robot())
    jump_clock(shop, 1, 6)
    frame = Frame(shop)
    for path in ("triggers", "health", "start"):
        assert "У приложения нет разрешения «CRM»" in seen(frame.page(path)), path
    assert "Карточка в таймлайне" not in seen(frame.page("health"))


@ONE_DATABASE
@pytest.mark.parametrize("what", ["scope", "refused"])
def test_a_portal_without_the_right_is_told_what_to_do(shop: World, what: str) -> None:
    with shop.runtime.db.write() as session:
        known = dict(session.get_one(Portal, 1).registration or {})
        if what == "scope":
            known["scopes"] = ["bizproc"]
        else:
            known["failed"] = dict.fromkeys(map(str, NAMES), "ACCESS_DENIED: Access denied! Admin permissions required")
        session.execute(update(Portal).values(registration=known))
    page = seen(Frame(shop).page("triggers"))
    assert ("нет разрешения «CRM»" in page) == (what == "scope")
    assert ("только от имени администратора" in page) == (what == "refused")
    assert "Зарегистрировано 0 из 6." in page
    assert "triggers/repair" not in Frame(shop, EMPLOYEE).page("triggers")
    if what == "refused":
        assert "Не зарегистрированы 6 триггеров" in seen(Frame(shop).page("start"))
        Frame(shop).change("triggers/repair")
        shop.do_due_work()
        assert "Зарегистрировано 6 из 6." in seen(Frame(shop).page("triggers"))


@ONE_DATABASE
def test_a_card_opens_the_story_of_its_message(shop: World) -> None:
    start_each(shop, template_robot())
    jump_clock(shop, 1, 6)
    (task,) = [task for task in shop.stored_rows(PortalTask) if task.kind == "card"]
    answer = shop.control.post(
        "/emulator/timeline/click",
        json={"activity_id": (task.result or {})["activity"], "action": "footer.buttons.story.action"},
        base_url=PORTAL,
    ).json
    assert answer["params"]["story"] == "1"
    assert "Здравствуйте! Спасибо за заявку." in seen(_opened_with(shop, "1"))
    for name in ("m1", "2", "x", "9" * 30):
        assert _opened_with(shop, name).status_code == 404, name


def _opened_with(shop: World, name: str) -> Any:
    """The app as the portal opens it for a story."""
    with shop.bx.lock:
        made = frames.new_frame(shop.portal, f"{APP}/bx24/app", options={"story": name})
    return shop.app.post(made.url.removeprefix(APP), data=made.form)
