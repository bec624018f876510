"""The room that the files of one portal may take together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, Response
from sqlalchemy import event, insert, select, text

from activities.errors import Refused
from messaging.files import quota
from messaging.limits import bounds
from messaging.store.kept_files import File
from messaging.store.models import Portal, Reply, Run
from tests.flows.scenes import OLGA, ONE_DATABASE, ending, open_windows
from tests.messaging.files.shared import FOREIGN, Site, share
from tests.support import samples
from tests.support.world import World, returned
from tests.web.inside import Frame, seen

MANAGER = "filemanager.gupshup.io"
LIMIT_MB = 100


def keep(shop: World, *sizes: int, portal_id: int = 1, direction: str = "out") -> None:
    """Rows of files of these sizes, in bytes."""
    shop.runtime.config = replace(shop.runtime.config, files_quota_mb=LIMIT_MB)
    at, until = shop.now, shop.now + timedelta(days=1)
    rows = [
        {"portal_id": portal_id, "direction": direction, "token_digest": f"{portal_id} {direction} {n}", "name": "x"}
        | {"content_type": "x", "size": size, "path": f"x/{n}", "created_at": at, "expires_at": until}
        for n, size in enumerate(sizes)
    ]
    with shop.runtime.db.write() as session:
        session.execute(insert(File), rows)


def another(shop: World) -> int:
    """The id of one more portal."""
    with shop.runtime.db.write() as session:
        portal = Portal(member_id="other", client_endpoint="https://other.example/rest/", installed_at=shop.now)
        session.add(portal)
        session.flush()
        return portal.id


@ONE_DATABASE
def test_a_portal_whose_files_fill_their_room_fetches_no_more(shop: World, site: Site) -> None:
    site.pages |= {f"/{name}.pdf": Response(samples.PDF) for name in "abc"}
    share(shop, f"https://{FOREIGN}/a.pdf")
    keep(shop, 60 * bounds.MB)
    keep(shop, 39 * bounds.MB, direction="in")
    share(shop, f"https://{FOREIGN}/b.pdf")
    with shop.runtime.db.write() as session:
        session.execute(text("UPDATE file SET size = size + 1048576 WHERE direction = 'in'"))
    with pytest.raises(Refused) as caught:
        share(shop, f"https://{FOREIGN}/c.pdf")
    assert caught.value.code == "limit_reached"
    for words, where in ((caught.value.text.en, "on our server (100 MB)"), (caught.value.text.ru, "(100 МБ)")):
        assert where in words
        assert "FILES_QUOTA_MB" in words
    assert [path for path, _ in site.seen if "c.pdf" in path] == [], "it was not even asked for"
    assert share(shop, f"https://{FOREIGN}/b.pdf").name == "b.pdf", "what is there takes no more room"


@ONE_DATABASE
def test_others_are_not_concerned(shop: World) -> None:
    other_id = another(shop)
    keep(shop, LIMIT_MB * bounds.MB, portal_id=other_id)
    assert share(shop, "601").name
    with pytest.raises(Refused):
        quota.check(shop.runtime, other_id, "price.pdf")


@ONE_DATABASE
def test_many_small_files_are_too_many(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "FILES_OF_PORTAL", 3)
    keep(shop, 1, 1)
    quota.check(shop.runtime, 1, "price.pdf")
    keep(shop, 1, direction="in")
    with pytest.raises(Refused):
        quota.check(shop.runtime, 1, "price.pdf")


def test_the_robot_fails_at_once_and_says_what_to_do(shop: World) -> None:
    open_windows(shop)
    keep(shop, LIMIT_MB * bounds.MB)
    flow = shop.robot_runs("robot.send_file", phone=OLGA, file="601")
    assert ending(flow) == ("failed", "limit_reached")
    assert "FILES_QUOTA_MB" in returned(flow)["error_text"]
    (run,) = shop.stored_rows(Run)
    assert run.plan_tries == 0, "another try in a minute would not help"
    assert "was not fetched: the files of this portal" in seen(Frame(shop, lang="en").page(f"messages/{run.id}"))


def test_a_reply_goes_on_without_its_file(shop: World) -> None:
    app = Flask("manager")
    fetched: list[str] = []

    @app.route("/fm/<path:path>")
    def media(path: str) -> Response:
        fetched.append(path)
        return Response(samples.jpeg())

    shop.net.apps[MANAGER] = app
    keep(shop, LIMIT_MB * bounds.MB)
    flow = shop.robot_runs("robot.wait_reply", phone=OLGA)
    shop.client_replies(OLGA, "Картинка", type="image")
    shop.advance_clock(2)
    assert ending(flow) == ("replied", "")
    assert (returned(flow)["reply_file"], fetched) == ("", [])
    with shop.runtime.db.read() as session:
        (reply,) = session.scalars(select(Reply).where(Reply.type == "image"))
        assert (reply.fetch_at, reply.fetch_tries) == (None, 1)


def test_the_sum_is_read_from_the_index_alone(shop: World) -> None:
    keep(shop, *[1] * 4_000, portal_id=another(shop))
    keep(shop, *[1] * 100)
    engine, asked = shop.runtime.db.engine, []

    def hear(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", hear)
    quota.check(shop.runtime, 1, "price.pdf")
    event.remove(engine, "before_cursor_execute", hear)
    ((statement, parameters),) = [one for one in asked if "FROM file" in one[0]]
    is_postgresql = engine.dialect.name == "postgresql"
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        if is_postgresql:
            connection.execute(text("VACUUM ANALYZE file"))
        explain = "EXPLAIN" if is_postgresql else "EXPLAIN QUERY PLAN"
        plan = "\n".join(map(str, connection.exec_driver_sql(f"{explain} {statement}", parameters)))
    from_index = "Index Only Scan using" if is_postgresql else "SEARCH file USING COVERING INDEX"
    assert f"{from_index} ix_file_portal" in plan
