"""After an older dump was restored: what it holds as unsent goes out again only if a person lets it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from click.testing import Result

from messaging.store.models import Message, Run
from messaging.store.portal_tasks import PortalTask, put
from tests.flows.scenes import OLGA, PHONES, ending, jump_clock, send_attempts, start_each, template_robot
from tests.support.world import World


def _run(world: World, *args: str) -> Result:
    return world.flask.test_cli_runner().invoke(args=["unsent", *args])


def _listed(world: World, *args: str) -> list[dict[str, Any]]:
    result = _run(world, "list", "--json", *args)
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def _three_unsent(shop: World) -> list[Any]:
    """A run that is only stored, and two whose messages wait while their line is paused; a fourth was sent."""
    start_each(shop, template_robot(OLGA))
    jump_clock(shop, 1)
    assert shop.flask.test_cli_runner().invoke(args=["lines", "pause", "1"]).exit_code == 0
    flows = start_each(shop, *(template_robot(phone) for phone in PHONES[:2]))
    jump_clock(shop, 1)
    flows += start_each(shop, template_robot(PHONES[2]))
    shop.now += timedelta(seconds=1)
    shop.bx.deliver_due()  # stored, and no worker has looked
    return flows


def test_what_would_still_be_sent_is_listed_and_can_be_given_up(shop: World) -> None:
    flows = _three_unsent(shop)
    before = len(send_attempts(shop))
    assert [row["state"] for row in _listed(shop)] == ["ready", "ready", "stored"]
    assert _listed(shop, "--before", "2020-01-01") == []
    assert "3 runs ended as unknown, 0 would still be sent" in _run(shop, "end", "--all").output
    assert _listed(shop) == []
    shop.flask.test_cli_runner().invoke(args=["lines", "unpause", "1"])
    jump_clock(shop, 1, 700)
    assert len(send_attempts(shop)) == before
    assert [ending(flow)[0] for flow in flows] == ["unknown"] * 3
    assert [message.status for message in shop.stored_rows(Message)][1:] == ["unknown"] * 2
    assert {run.state for run in shop.stored_rows(Run)} == {"ended"}


def test_what_is_not_given_up_is_sent(shop: World) -> None:
    flows = _three_unsent(shop)
    first, *_ = _listed(shop)
    assert "1 runs ended as unknown, 2 would still be sent" in _run(shop, "end", str(first["run"]), "999").output
    shop.flask.test_cli_runner().invoke(args=["lines", "unpause", "1"])
    jump_clock(shop, 1, 1)
    assert [ending(flow)[0] for flow in flows] == ["unknown", "accepted", "accepted"]


def test_what_is_due_in_portals_is_looked_for_there_first(shop: World) -> None:
    with shop.runtime.db.write() as session:
        put(session, 1, shop.now, [{"kind": "trigger", "key": "waba24_reply r1", "lane": "2_1"}])
    assert "1 writes to portals are looked for there" in _run(shop, "end", "--all").output
    (task,) = shop.stored_rows(PortalTask)
    assert (task.state, task.claimed_at) == ("unclear", shop.now), "from then on it may have been done"


def test_a_run_or_all_must_be_named(shop: World) -> None:
    assert _run(shop, "end").exit_code == 2
    assert _run(shop, "end", "1", "--all").exit_code == 2
