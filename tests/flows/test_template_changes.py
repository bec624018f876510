"""What changes at a template while its list is on the way, in the wrong order, and for many templates at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from gupshup.events import TemplateEvent
from messaging.store.models import Line, Template
from messaging.store.template_drafts import TemplateChange
from messaging.templates import catalogue, changes
from tests.flows.scenes import ONE_DATABASE, PHONES, jump_clock, template_robot
from tests.support.world import World


class SlowList:
    """Gupshup's list, in which something happens after Gupshup has written it and before it arrives."""

    def __init__(self, world: World, meanwhile: Callable[[], None]) -> None:
        self.world, self.meanwhile = world, meanwhile

    def templates(self, account: Any) -> Any:
        found = self.world.runtime.gupshup.templates(account)
        self.meanwhile()
        return found


def add(world: World, *names: str) -> None:
    """Gupshup has these templates, too."""
    for name in names:
        made = {"name": name, "language": "ru", "body": f"Скидка {name}", "category": "UTILITY"}
        world.gs.accounts.add_template(world.gs.accounts.apps["acmeshop"], made)


def status(world: World, name: str) -> str | None:
    return next((one.status for one in world.stored_rows(Template) if one.name == name), None)  # type: ignore[type-var]


def event(world: World, name: str, at: datetime, **parts: str) -> None:
    """An event of Gupshup about a template of ours is applied."""
    [template] = [one for one in world.stored_rows(Template) if one.name == name][:1]  # type: ignore[type-var]
    with world.runtime.db.write() as session:
        told = TemplateEvent(app="acmeshop", at=at, id=template.template_id, kind="status-update", **parts)
        changes.on_event(session, world.runtime, session.get_one(Line, world.line.id), told)


def asked(world: World, meanwhile: Callable[[], None]) -> bool:
    """The list is asked for, and this happens meanwhile; whether it counts as fresh."""
    catalogue.sync(world.runtime, world.line, SlowList(world, meanwhile))  # type: ignore[arg-type]  # a door with one call
    return world.stored_rows(Line)[0].templates_synced_at is not None  # type: ignore[type-var]


@ONE_DATABASE
def test_a_list_that_was_written_before_an_event_does_not_undo_it(shop: World) -> None:
    add(shop, "alpha", "beta")
    assert asked(shop, lambda: None)
    assert not asked(shop, lambda: event(shop, "alpha", shop.now, status="PAUSED"))
    assert status(shop, "alpha") == "PAUSED"
    # The line's list is old already; a second event changes that no more, but its template.
    assert not asked(shop, lambda: event(shop, "beta", shop.now, status="DISABLED"))
    assert status(shop, "beta") == "DISABLED"
    assert [one.after for one in shop.stored_rows(TemplateChange)] == ["PAUSED", "DISABLED", "APPROVED"]  # type: ignore[type-var]


@ONE_DATABASE
def test_an_event_that_changes_nothing_here_makes_the_list_old_all_the_same(shop: World) -> None:
    add(shop, "alpha")
    assert asked(shop, lambda: None)
    assert not asked(shop, lambda: event(shop, "alpha", shop.now))
    assert asked(shop, lambda: None)


@ONE_DATABASE
def test_what_was_made_and_deleted_here_meanwhile_stays_so(shop: World) -> None:
    add(shop, "alpha", "beta")
    assert asked(shop, lambda: None)

    def meanwhile() -> None:
        with shop.runtime.db.write() as session:
            found = {f"{one.language}_{one.name}": one for one in session.query(Template)}
            made = catalogue.look(session, shop.line, "beta")[0]
            session.delete(found["ru_alpha"])
            data = made.to_dict() | {"id": "new", "name": "fresh"}
            session.add(catalogue.row_of(shop.line.id, type(made).from_dict(data)))

    assert not asked(shop, meanwhile)
    assert (status(shop, "alpha"), status(shop, "fresh")) == (None, "APPROVED")
    assert asked(shop, lambda: None)
    assert (status(shop, "alpha"), status(shop, "fresh")) == ("APPROVED", None)


@ONE_DATABASE
def test_an_event_that_comes_late_does_not_put_the_older_status_back(shop: World) -> None:
    add(shop, "alpha")
    asked(shop, lambda: None)
    event(shop, "alpha", shop.now, status="PAUSED")
    event(shop, "alpha", shop.now + timedelta(seconds=9), status="APPROVED")
    event(shop, "alpha", shop.now + timedelta(seconds=5), status="DISABLED")
    assert status(shop, "alpha") == "APPROVED"
    event(shop, "alpha", shop.now + timedelta(seconds=9), status="PAUSED")
    assert status(shop, "alpha") == "PAUSED", "of the same second: the later one that came counts"


@ONE_DATABASE
def test_many_templates_that_change_in_one_list_make_one_notice(shop: World) -> None:
    add(shop, *(f"offer_{number:02}" for number in range(12)))
    app = shop.gs.accounts.apps["acmeshop"]
    asked(shop, lambda: None)
    shop.robots_start(template_robot(PHONES[0], template="offer_03", params=[]))
    jump_clock(shop, 3)
    for template in list(app.templates.values()):
        name = str(template.raw["elementName"])
        if name.startswith("offer_"):
            changed = {"category": "MARKETING"} if name < "offer_03" else {"status": "PAUSED"}
            shop.gs.accounts.change_template(app, template, changed)
    asked(shop, lambda: None)
    jump_clock(shop, 5, 5)
    [told] = [notice.message for notice in shop.portal.notices]
    assert "всего 12" in told
    assert "WhatsApp приостановил: offer_03, offer_04, offer_05, offer_06, offer_07 и ещё 4." in told
    assert "Другая категория, а значит, и цена: offer_00, offer_01, offer_02." in told
    assert "за последние 30 дней: 1." in told
