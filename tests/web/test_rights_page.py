"""Rights: who sets them, what people and departments they are given to, and what follows on the server."""

from __future__ import annotations

from typing import Any

import pytest

from messaging.policy import rights
from messaging.policy.rights import Grant, Person, Right, Who
from messaging.policy.settings import Policy
from messaging.portals import people
from messaging.store.models import Portal
from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World
from tests.web.inside import EMPLOYEE, Frame, seen

EVERYBODY = {"who-send": "all", "who-broadcast": "admins", "who-phones": "all"}


@pytest.mark.parametrize(
    ("stored", "right", "may"),
    [
        ({}, Right.SEND, True),
        ({}, Right.PHONES, False),
        ({}, Right.BROADCAST, False),
        ({"send": {"who": "admins"}}, Right.SEND, False),
        ({"send": {"who": "chosen", "users": [[2, "Пётр"]]}}, Right.SEND, True),
        ({"send": {"who": "chosen", "users": [[3, "Анна"]], "departments": [[7, "Склад"]]}}, Right.SEND, False),
        ({"send": {"who": "chosen", "departments": [[5, "Продажи"]]}}, Right.SEND, True),
        ({"send": {"who": "nobody"}, "phones": "?"}, Right.SEND, True),
    ],
)
def test_a_right_belongs_to_whom_it_was_given(stored: dict[str, Any], right: Right, may: bool) -> None:
    policy = Policy(rights=stored)
    assert rights.may(policy, right, Person(2, False, lambda: [5, 1])) is may
    assert rights.may(policy, right, Person(2, True, lambda: [])), "administrators always"


@ONE_DATABASE
def test_an_administrator_gives_rights_to_people_and_departments(shop: World) -> None:
    shop.portal.installation.scope = (*shop.portal.installation.scope, "department")
    frame, reader = Frame(shop), Frame(shop, EMPLOYEE)
    assert "Сохранить права" not in reader.page("rights")
    reader.change("rights", 403, **EVERYBODY)
    reader.page("rights/people", 403)
    offered = frame.page("rights/people")
    assert "· U2" in offered
    assert "· D1" in offered
    wrong = seen(frame.change("rights", **{**EVERYBODY, "who-send": "chosen", "add-send": "Пётр"}))
    assert "Выберите сотрудника или отдел из списка" in wrong
    assert "Выберите хотя бы" in seen(frame.change("rights", **{**EVERYBODY, "who-send": "chosen"}))
    added = frame.change("rights", **{**EVERYBODY, "add-send": "Продажи · D1", "add": "send"})
    assert 'name="chosen-send" value="Продажи · D1"' in added
    assert Policy.of(shop.stored_rows(Portal)[0]).rights == {}, "adding saves nothing"
    frame.change("rights", **{**EVERYBODY, "who-send": "chosen", "chosen-send": "Продажи · D1"})
    stored = Policy.of(shop.stored_rows(Portal)[0])
    assert rights.granted(stored, Right.SEND) == Grant(Who.CHOSEN, {}, {1: "Продажи"})


@ONE_DATABASE
def test_departments_are_asked_once_and_hold_for_those_below(shop: World) -> None:
    shop.portal.installation.scope = (*shop.portal.installation.scope, "department")
    portal_id = shop.stored_rows(Portal)[0].id
    lower = next(user.id for user in shop.portal.users.values() if user.department == 2)
    assert people.departments_of(shop.runtime, portal_id, lower) == {1, 2}
    calls = len(shop.net.seen)
    assert people.departments_of(shop.runtime, portal_id, lower) == {1, 2}
    assert len(shop.net.seen) == calls
    shop.net.broken["acme.example"] = ConnectionError
    assert people.departments_of(shop.runtime, portal_id, 1) == frozenset(), "no answer gives no right"
