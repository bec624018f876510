"""What the pages of one portal's campaigns may take of the server: a few threads, a few seconds, one count for many readers."""

from __future__ import annotations

import io
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select, text

from messaging.campaigns import repeats
from messaging.insight import campaigns
from messaging.limits.bounds import SURVEY_S
from messaging.limits.concurrency import ConcurrencyLimit
from messaging.portals import people, surveys
from messaging.store.campaigns import Recipient
from messaging.store.models import Portal
from tests.flows.scenes import OLGA, ONE_DATABASE
from tests.support.rows import copies
from tests.support.world import World
from tests.web.test_campaigns_page import Draft, only, ready
from web.pages.campaigns import exports, numbers, report, sheet

PORTAL_HOST = "acme.example"
MANY = 2_500


def token_of(world: World, user_id: int = 1) -> str:
    with world.bx.lock:
        return str(world.bx.tokens.issue(world.portal, user_id).access_token)


def recipients_of(world: World, campaign_id: int) -> int:
    with world.runtime.db.read() as session:
        return session.scalar(select(func.count()).where(Recipient.campaign_id == campaign_id)) or 0


def sent_to_many(world: World) -> Draft:
    """A campaign of MANY recipients and one more, that is over."""
    draft = ready(world, [OLGA])
    draft.post("start")
    world.advance_clock(5)
    with world.runtime.db.write() as session:
        connection = session.connection()
        copies(connection, "message", 1, MANY, origin_id="1 + n")
        copies(connection, "recipient", 1, MANY, phone_key="'k' || n", message_id="1 + n")
        connection.execute(text("UPDATE message SET origin_id = id"))
        for one in session.scalars(select(Recipient).where(Recipient.id > 1)):
            one.phone = f"7916{one.id:07d}"
    return draft


@ONE_DATABASE
def test_a_new_campaign_of_those_who_missed_one_is_filled_by_the_worker(shop: World) -> None:
    draft = sent_to_many(shop)
    with shop.runtime.db.write() as session:
        session.execute(text("UPDATE message SET status = 'failed', error_code = '131049'"))
    old = only(shop).id
    shop.now += timedelta(seconds=3)
    assert "не получили прежнюю: 2 501" in draft.post("again", code="131049")
    made = only(shop).id
    assert made != old
    assert recipients_of(shop, made) == 0, "a thread of the web copies nobody"
    assert "Читаем получателей" in draft.get("/audience")
    shop.advance_clock(30)
    assert recipients_of(shop, made) == MANY + 1
    assert "Получателей: 2 501 → получат: 2 501" in draft.get("/check")
    with shop.runtime.db.write() as session:
        other = Portal(member_id="f" * 32, client_endpoint="https://other.example/rest/", installed_at=shop.now)
        session.add(other)
        session.flush()
        assert repeats.failed(session, other.id, old, ["131049"], 0, 10) == [], "nobody of another portal"


@ONE_DATABASE
def test_a_slow_portal_holds_a_page_for_a_few_seconds(shop: World) -> None:
    """Each answer takes three seconds: no third question is begun, and the page says what to do."""
    draft, asked = Draft(shop, lang="en"), []  # what the portal offers in English is not remembered yet

    def slow(request: Any) -> None:
        asked.append(request.url)
        shop.now += timedelta(seconds=3)

    shop.net.broken[PORTAL_HOST] = slow
    assert "Try again in a minute" in draft.post("crm", access_token=token_of(shop))
    assert len(asked) <= 1 + SURVEY_S // 3, asked
    asked.clear()
    draft.frame.page("rights/people")
    assert len(asked) <= 1 + SURVEY_S // 3, asked


@ONE_DATABASE
def test_one_page_of_a_portal_asks_at_a_time(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = ConcurrencyLimit(2, patience_s=0.02, now=lambda: 0.0)
    monkeypatch.setattr(surveys, "_threads", limit)
    draft = Draft(shop)
    with limit.acquire(shop.portal.member_id):
        assert "Попробуйте через минуту" in draft.post("crm", access_token=token_of(shop))
        with limit.acquire("another portal") as is_free:
            assert is_free, "others are not held up"
    assert "Нашлось" in draft.post("crm", access_token=token_of(shop))


@ONE_DATABASE
def test_departments_of_a_portal_that_does_not_answer_are_not_asked_for_by_each_page(shop: World) -> None:
    shop.portal.installation.scope = (*shop.portal.installation.scope, "department")
    portal_id, asked = shop.stored_rows(Portal)[0].id, []

    def away(request: Any) -> Exception:
        asked.append(request.url)
        return ConnectionError()

    shop.net.broken[PORTAL_HOST] = away
    for _ in range(5):
        assert people.departments_of(shop.runtime, portal_id, 2) == frozenset()
    assert len(asked) == 1


@ONE_DATABASE
def test_a_long_csv_comes_in_parts(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = sent_to_many(shop)
    shop.now += timedelta(seconds=3)
    monkeypatch.setattr(exports, "PART", 1_200)
    whole, after, parts = "", "", 0
    while parts == 0 or after:
        answer = draft.frame.post(f"/app/campaigns/{draft.key}/recipients.csv", after=after)
        whole, after, parts = whole + answer.text, answer.headers.get(exports.NEXT, ""), parts + 1
    assert parts == 3
    assert whole.count("\r\n") == MANY + 2
    assert whole.count("\ufeff") == whole.count("Телефон;") == 1
    assert len(set(whole.split("\r\n"))) == MANY + 3, "nobody twice"


@ONE_DATABASE
@pytest.mark.parametrize("most", [1_000, MANY + 1])
def test_a_long_list_comes_in_several_workbooks(shop: World, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    draft = sent_to_many(shop)
    shop.now += timedelta(seconds=3)
    monkeypatch.setattr(exports, "MOST_IN_WORKBOOK", most)
    phones: list[Any] = []
    sizes, after = [], ""
    while not sizes or after:
        answer = draft.frame.post(f"/app/campaigns/{draft.key}/recipients.xlsx", after=after)
        titles, *rows = load_workbook(io.BytesIO(answer.data), read_only=True).active.values
        assert titles[0] == "Телефон"
        phones += [row[0] for row in rows]
        sizes.append(len(rows))
        after = answer.headers.get(exports.NEXT, "")
    assert sizes == ([1_000, 1_000, 501] if most == 1_000 else [MANY + 1]), "no workbook is empty"
    assert len(set(phones)) == MANY + 1, "everybody once"
    assert "несколькими файлами" not in draft.post("recipients")
    monkeypatch.setattr(report, "MOST_IN_WORKBOOK", 1_000)
    assert "несколькими файлами" in draft.post("recipients")


@ONE_DATABASE
def test_one_file_of_a_portal_is_made_at_a_time(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = ConcurrencyLimit(2, patience_s=0.02, now=lambda: 0.0)
    monkeypatch.setattr("web.turns._files", limit)
    draft = ready(shop, [OLGA])
    of_campaign = [f"campaigns/{draft.key}/{name}" for name in ("recipients.csv", "recipients.xlsx")]
    for path in (*of_campaign, "reports.csv", "reports.xlsx", "messages.csv", "opt-outs.csv", "prices.csv"):
        with limit.acquire(str(shop.line.portal_id)):
            refused = draft.frame.post(f"/app/{path}")
            assert (refused.status_code, "через минуту" in refused.text) == (503, True), path
        assert draft.frame.post(f"/app/{path}").status_code == 200


@ONE_DATABASE
def test_one_file_of_a_portal_is_looked_at_at_a_time(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = ConcurrencyLimit(2, patience_s=0.02, now=lambda: 0.0)
    monkeypatch.setattr(sheet, "_looks", limit)
    draft = Draft(shop)
    with limit.acquire(shop.portal.member_id):
        assert "Загрузите его ещё раз через минуту" in draft.upload(b"phone\n+79123456789\n")
    with limit.acquire("another portal"):
        assert "clients.csv" in draft.upload(b"phone\n+79123456789\n")


@ONE_DATABASE
def test_twenty_readers_of_a_campaign_cost_one_count(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = ready(shop, [OLGA])
    draft.post("start")
    shop.advance_clock(5)
    counted: list[str] = []
    counts, curve = numbers.counts, campaigns.curve
    monkeypatch.setattr(numbers, "counts", lambda *args: (counted.append("counts"), counts(*args))[1])
    monkeypatch.setattr(campaigns, "curve", lambda *args: (counted.append("curve"), curve(*args))[1])
    shop.now += timedelta(seconds=3)
    for _ in range(20):
        draft.get("/live")
        draft.get("/curve")
        draft.post("recipients")
    assert sorted(counted) == ["counts", "curve"]


@ONE_DATABASE
def test_while_a_count_is_made_anew_others_take_the_old_one(shop: World) -> None:
    kept: numbers.Remembered[int] = numbers.Remembered(timedelta(seconds=2))
    begun, go_on = Event(), Event()

    def slow() -> int:
        begun.set()
        assert go_on.wait(10)
        return 2

    with shop.flask.app_context():
        assert kept.get("a", lambda: 1) == 1
        shop.now += timedelta(seconds=3)

        def make() -> None:
            with shop.flask.app_context():
                kept.get("a", slow)

        maker = Thread(target=make)
        maker.start()
        assert begun.wait(10)
        assert kept.get("a", lambda: 3) == 1
        go_on.set()
        maker.join(10)
        assert kept.get("a", lambda: 4) == 2


@ONE_DATABASE
def test_the_hours_of_the_curve_are_the_readers(shop: World) -> None:
    draft = ready(shop, [OLGA])
    draft.post("start")
    shop.advance_clock(5)
    for minutes, begins in ((0, ":00:00+00:00"), (330, ":00:00+05:30"), (-210, ":00:00-03:30")):
        headers = {**draft.frame.headers, "X-Waba24-Minutes": str(minutes)}
        page = shop.app.get(f"/app/campaigns/{draft.key}/curve", headers=headers).text
        assert page.count(begins) >= 3, (minutes, page)
