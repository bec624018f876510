"""One group of rows: which of them are inserted, what is stored of them, and what locks on their owners do."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from messaging.intake.robot_calls import INSERT
from messaging.queue.group_insert import GroupInsert, NewRow, StaleSnapshot, group_insert
from messaging.store.crypto import digest
from messaging.store.models import Portal, Run
from tests.support.world import World


def values(world: World, token: str, **others: Any) -> dict[str, Any]:
    """A run, as `robot_calls.store` hands it over."""
    return {
        "trace": "0" * 12,
        "portal_id": 1,
        "shard": 1,
        "side": "robots",
        "action": "send_text",
        "workflow_id": "w",
        "event_token": token,
        "token_digest": digest(token),
        "document": ["crm", 'Deal "ё"', "DEAL_1"],
        "item": "DEAL_1",
        "properties": {"text": 'Привет, {"Ольга"}\\n'},
        "auth": None,
        "waits": False,
        "stored_at": world.now,
        "plan_at": None,
        "deadline_at": world.now,
        **others,
    }


def insert_for(world: World) -> GroupInsert:
    return group_insert(world.runtime.db.engine, INSERT, values(world, ""))


def outcomes(world: World, insert: GroupInsert, rows: list[NewRow]) -> list[int | StaleSnapshot | None]:
    with world.runtime.db.engine.begin() as connection:
        return insert.execute(connection, rows, wait=False)


def test_a_group_inserts_what_is_new_and_was_recognised_by_what_is_still_true(shop: World) -> None:
    insert = insert_for(shop)
    with shop.runtime.db.read() as session:
        portal = session.execute(select(*INSERT.snapshot)).one()
    now, renewed = tuple(portal), (portal.id, portal.status, portal.token_version + 1)
    (known,) = outcomes(shop, insert, [insert.prepare(values(shop, "known"), now)])
    found = outcomes(
        shop,
        insert,
        [
            insert.prepare(values(shop, "a", trace="first"), now),
            insert.prepare(values(shop, "known"), now),
            insert.prepare(values(shop, "a", trace="second"), now),
            insert.prepare(values(shop, "b"), renewed),
            insert.prepare(values(shop, "c"), (portal.id, "reauth", portal.token_version)),
            insert.prepare(values(shop, "d"), (portal.id + 1, portal.status, portal.token_version)),
            insert.prepare(values(shop, "e"), now),
        ],
    )
    runs = {run.event_token: run for run in shop.stored_rows(Run)}
    assert runs.keys() == {"known", "a", "e"}
    assert runs["known"].id == known
    assert runs["a"].trace == "first"
    assert [found[0], found[1], found[2], found[6]] == [runs["a"].id, None, None, runs["e"].id]
    assert [type(outcome) for outcome in found[3:6]] == [StaleSnapshot] * 3
    assert [type(one) for one in outcomes(shop, insert, [insert.prepare(values(shop, "b"), renewed)])] == [
        StaleSnapshot
    ]


def test_what_is_stored_is_encrypted_and_reads_as_it_was_given(shop: World) -> None:
    insert = insert_for(shop)
    with shop.runtime.db.read() as session:
        now = tuple(session.execute(select(*INSERT.snapshot)).one())
    given = values(shop, "token")
    row = insert.prepare(given, now)
    assert "token" not in row.values["event_token"], "encrypted before the group is inserted"
    outcomes(shop, insert, [row])
    (run,) = shop.stored_rows(Run)
    assert {name: getattr(run, name) for name in given} == {**given, "token_digest": given["token_digest"][:32]}
    assert (run.state, run.until, run.plan_tries, run.outcome, run.log_line) == ("stored", "accepted", 0, "", "")
    with shop.runtime.db.engine.connect() as connection:
        stored = connection.execute(text("SELECT event_token, properties, log_line FROM run")).one()
    decrypted = [shop.runtime.cipher.decrypt(value) for value in stored]
    assert decrypted == ["token", '{"text": "Привет, {\\"Ольга\\"}\\\\n"}', ""]


@pytest.mark.parametrize("tables_url", ["postgresql"], indirect=True)
def test_a_group_passes_over_a_locked_portal_and_a_row_alone_waits_for_it(shop: World) -> None:
    insert = insert_for(shop)
    engine = shop.runtime.db.engine
    with engine.connect() as other:
        now = tuple(other.execute(select(*INSERT.snapshot).with_for_update(of=Portal)).one())
        row = insert.prepare(values(shop, "a"), now)
        assert [type(outcome) for outcome in outcomes(shop, insert, [row])] == [StaleSnapshot]
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = 1"))
            with pytest.raises(OperationalError, match="lock timeout"):
                insert.execute(connection, [row], wait=True)
    (run_id,) = outcomes(shop, insert, [row])
    assert isinstance(run_id, int)


@pytest.mark.parametrize("tables_url", ["postgresql"], indirect=True)
def test_a_portal_whose_settings_are_being_changed_holds_up_no_group(shop: World) -> None:
    """An update that leaves the id alone takes a weaker lock than an uninstall."""
    insert = insert_for(shop)
    with shop.runtime.db.engine.connect() as other:
        now = tuple(other.execute(select(*INSERT.snapshot)).one())
        other.execute(text("UPDATE portal SET language = 'de'"))
        (run_id,) = outcomes(shop, insert, [insert.prepare(values(shop, "a"), now)])
    assert isinstance(run_id, int)
