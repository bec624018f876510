"""Twenty equal POSTs at once, while the web is killed with -9 and after it is back: one message, one answer for each key.

Each key is posted in the middle of a kill and again afterwards, so some of the first answers are lost on their way.
"""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from sqlalchemy import func, select

from messaging.api import tokens
from messaging.store.api import IdempotencyKey
from messaging.store.models import Line, Run
from tests.crash.processes import Process, kill
from tests.crash.rig import Shop, Town, text_of

AT_ONCE = 20
#: After so many answers the web is killed; 0: as soon as the requests are on their way.
KILLED_AFTER = (0, 1, 5)


class Program:
    """A program that is not sure whether its request arrived. token: of the shop's portal."""

    def __init__(self, town: Town, shop: Shop) -> None:
        self.town = town
        with town.runtime.db.read() as session:
            portal_id = session.get_one(Line, shop.line_id).portal_id
        self.token = tokens.add(town.runtime, portal_id, "crash").token

    def post(self, key: str, told: threading.Semaphore | None = None) -> requests.Response | None:
        """The answer; None: the connection broke. told: gets to know of each answer."""
        body = {"phone": "79121234567", "type": "template", "template": "order_ready", "params": [key, "A-17"]}
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}
        try:
            answer = requests.post(f"{self.town.url}/api/v1/messages", json=body, headers=headers, timeout=30)
        except requests.RequestException:
            return None
        if told is not None:
            told.release()
        return answer


def at_once(program: Program, key: str, web: Process | None = None, after: int = 0) -> list[requests.Response]:
    """The answers to twenty requests at once; the web is killed after some of them."""
    told = threading.Semaphore(0)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        asked = [threads.submit(program.post, key, told) for _ in range(AT_ONCE)]
        if web is not None:
            for _ in range(after):
                assert told.acquire(timeout=30)
            for pid in web.family():
                kill(pid)
        return [answer for one in asked if (answer := one.result()) is not None]


@pytest.mark.parametrize("where", ["town", "postgres_town"])
def test_twenty_equal_posts_before_and_after_a_kill_make_one_message(
    where: str, request: pytest.FixtureRequest
) -> None:
    town: Town = request.getfixturevalue(where)
    web = town.web()
    town.pools(1)
    town.until_ready()
    program = Program(town, town.open_shop())
    bodies: dict[str, set[str]] = {}
    for after in KILLED_AFTER:
        key = f"order-{after}"
        before = at_once(program, key, web, after)
        assert len(before) >= after
        web = town.web()
        town.until_ready()
        answers = at_once(program, key)
        told = Counter(answer.status_code for answer in [*before, *answers])
        assert set(told) == {202}, [answer.text for answer in [*before, *answers]]
        assert len(answers) == AT_ONCE
        bodies[key] = {answer.text for answer in [*before, *answers]}
        first = sum("Idempotent-Replayed" not in answer.headers for answer in [*before, *answers])
        assert first <= 1, "one answer is the first; it may be lost with the web"
    assert {key: len(found) for key, found in bodies.items()} == dict.fromkeys(bodies, 1)
    town.until_sent(len(KILLED_AFTER))
    assert Counter(text_of(message) for message in town.accepted()) == dict.fromkeys(bodies, 1)
    assert _stored(town) == (len(KILLED_AFTER), len(KILLED_AFTER))


def _stored(town: Town) -> tuple[Any, ...]:
    with town.runtime.db.read() as session:
        return tuple(session.scalar(select(func.count()).select_from(table)) for table in (Run, IdempotencyKey))
