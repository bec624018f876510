"""Templates made on the page: drafts, WhatsApp's rules at their fields, submission, the review's outcome, deletion."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from messaging.money import prices
from messaging.money.table import Rate
from messaging.store.models import Portal, Template
from messaging.store.template_drafts import TemplateDraft
from messaging.templates import management
from tests.flows.scenes import ONE_DATABASE, PHONES, gupshup_control, jump_clock, template_robot
from tests.support.world import World
from tests.web.inside import EMPLOYEE, STRANGER, Frame, second_portal, seen

TYPED: dict[str, Any] = {
    "name": "visit",
    "language": "ru",
    "category": "UTILITY",
    "kind": "TEXT",
    "header": "Визит",
    "body": "Здравствуйте, {{1}}!\r\n\r\nЖдём вас {{2}} в нашем салоне.",
    "sample_1": "Ольга",
    "sample_2": "23 ноября",
    "footer": "Acme",
    "button_type": ["QUICK_REPLY", "URL"],
    "button_text": ["Приду", "Карта"],
    "button_value": ["", "https://acme.example/{{1}}"],
    "button_sample": ["", "https://acme.example/512"],
}
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00\x00\x00\x01" * 2 + b"\x08\x02\x00\x00\x00" + b"\x00" * 40


def write(world: World, do: str = "submit", frame: Frame | None = None, status: int = 200, **changes: Any) -> str:
    """The form as it is sent."""
    answer = (frame or Frame(world)).post("/app/templates/write", {**TYPED, "line": world.line.id, **changes}, do=do)
    assert answer.status_code == status, answer.text[:500]
    return str(answer.text)


def stored(world: World, name: str = "visit") -> Template | None:
    return next((one for one in world.stored_rows(Template) if one.name == name), None)  # type: ignore[type-var]


def address(world: World, name: str = "visit") -> str:
    found = stored(world, name)
    assert found is not None
    return f"templates/{world.line.id}/{found.template_id}"


def review(world: World, verdict: str, name: str = "visit", **more: Any) -> None:
    found = stored(world, name)
    assert found is not None
    gupshup_control(world, f"apps/acmeshop/templates/{found.template_id}/review", {"verdict": verdict, **more})
    jump_clock(world, 2)


def notices(world: World) -> list[str]:
    """What the administrator was told, in the order in which it came."""
    jump_clock(world, 5, 5)
    return [notice.message for notice in world.portal.notices]


@ONE_DATABASE
def test_a_template_is_written_submitted_approved_and_sent(shop: World) -> None:
    page = write(shop)
    assert "Шаблон visit отправлен на проверку" in seen(page)
    assert "На проверке" in seen(page)
    known = stored(shop)
    assert known is not None
    assert (known.status, known.data["samples"]) == ("PENDING", ["Ольга", "23 ноября"])
    assert shop.stored_rows(TemplateDraft) == []  # type: ignore[type-var]
    review(shop, "approve")
    shop.robots_start(template_robot(template="visit", params=["Иван", "завтра"], button_params=["7"]))
    jump_clock(shop, 3)
    assert len(shop.sent) == 1
    assert "1 запуск" in seen(Frame(shop).page(address(shop)))


@ONE_DATABASE
@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"name": "Визит"}, "name", "строчные латинские буквы"),
        ({"name": "welcome"}, "name", "уже есть шаблон с таким названием"),
        ({"body": "Ждём вас, {{1}}"}, "body", "В конце стоит переменная {{1}}"),
        ({"sample_2": ""}, "sample_2", "Без примера WhatsApp не примет"),
        ({"kind": "IMAGE"}, "media", "требует пример файла"),
        ({"button_text": ["Приду", "Приду"]}, "button_2", "называется так же"),
        ({"line": "999"}, "line", "Выберите линию"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_submitted(
    shop: World, changes: dict[str, Any], field: str, words: str
) -> None:
    Frame(shop).post("/app/templates/refresh")
    asked = len(shop.net.seen)
    page = write(shop, **changes)
    assert words in seen(page)
    assert f'id="e-{field}"' in page or field == "line"
    assert len(shop.net.seen) == asked, "Gupshup is not asked about what WhatsApp would refuse"
    assert "Ждём вас" in page, "what was typed stays"


@ONE_DATABASE
def test_a_draft_is_kept_however_wrong_and_goes_on_later(shop: World) -> None:
    page = seen(write(shop, do="save", name="", body="{{1}}"))
    assert "Черновик сохранён" in page
    frame = Frame(shop)
    [kept] = shop.stored_rows(TemplateDraft)  # type: ignore[type-var]
    assert "Визит" in frame.page(f"templates/drafts/{kept.id}")
    checked = seen(frame.post("/app/templates/check", {**TYPED, "line": shop.line.id, "name": ""}).text)
    assert "Название: Введите название." in checked
    assert "Правила WhatsApp соблюдены" in seen(
        frame.post("/app/templates/check", {**TYPED, "line": shop.line.id}).text
    )
    write(shop, draft=str(kept.id))
    assert shop.stored_rows(TemplateDraft) == []  # type: ignore[type-var]
    write(shop, do="save", name="other")
    [kept] = shop.stored_rows(TemplateDraft)  # type: ignore[type-var]
    assert "Черновик удалён" in seen(frame.change(f"templates/drafts/{kept.id}/discard"))
    frame.page(f"templates/drafts/{kept.id}", 404)


@ONE_DATABASE
def test_with_as_many_drafts_as_are_kept_a_template_can_still_be_submitted(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(shop, do="save", name="first")
    monkeypatch.setattr(management, "MOST_DRAFTS", 1)
    page = seen(write(shop, do="save"))
    assert "Слишком много черновиков" in page
    assert "сохранено как черновик" not in page, "it is not"
    shop.set_gupshup_faults(next=[{"answer": "502", "on": "manage"}])
    page = seen(write(shop))
    assert "Gupshup не отвечает" in page
    assert "сохранено как черновик" not in page
    assert "Шаблон visit отправлен на проверку" in seen(write(shop))
    assert [one.name for one in shop.stored_rows(TemplateDraft)] == ["first"]  # type: ignore[type-var]


@ONE_DATABASE
def test_a_gupshup_that_does_not_answer_loses_nothing_and_makes_nothing_twice(shop: World) -> None:
    shop.set_gupshup_faults(next=[{"answer": "drop_after_accept", "on": "manage"}])
    page = write(shop)
    assert "Gupshup не отвечает" in seen(page)
    assert "сохранено как черновик" in seen(page)
    draft = re.search(r'name="draft" value="(\d+)"', page)
    assert draft is not None
    assert "отправлен на проверку" in seen(write(shop, draft=draft[1]))
    assert sum(one.raw["elementName"] == "visit" for one in shop.gs.accounts.apps["acmeshop"].templates.values()) == 1
    shop.set_gupshup_faults(next=[{"answer": "error_200", "on": "manage"}])
    assert "не объяснил почему" in seen(write(shop, name="second"))


@ONE_DATABASE
def test_the_administrator_is_told_what_happened_to_a_template_and_whom_it_concerns(shop: World) -> None:
    frame = Frame(shop)
    frame.post("/app/templates/refresh")
    shop.robots_start(template_robot(PHONES[0], template="order_ready", params=["Ольга", "512"]))
    jump_clock(shop, 3)
    review(shop, "pause", "order_ready")
    found = stored(shop, "order_ready")
    assert found is not None
    assert (found.status, found.data["status"]) == ("PAUSED", "PAUSED"), "at once, without asking for the list"
    review(shop, "recategorise", "welcome", category="MARKETING", announced=True)
    review(shop, "recategorise", "welcome", category="MARKETING")
    review(shop, "reject", "welcome", reason="TAG_CONTENT_MISMATCH")
    paused, announced, moved, rejected = notices(shop)
    assert "приостановил шаблон «order_ready»" in paused
    assert "Запусков роботов с ним за последние 30 дней: 1" in paused
    assert "собирается изменить категорию шаблона «welcome»: услуга → маркетинг" in announced
    assert "изменил категорию шаблона «welcome»: услуга → маркетинг" in moved
    assert "Язык или категория не подходят" in rejected
    needs = seen(frame.page("start/needs"))
    assert "WhatsApp приостановил 1 шаблон" in needs
    assert "1 запуск роботов за последние 30 дней" in needs
    assert "меняет категорию" in needs
    page = seen(frame.page(address(shop, "welcome")))
    assert "Язык или категория не подходят" in page
    assert "услуга → маркетинг" in page.lower()
    told = len(notices(shop))
    frame.post("/app/templates/refresh")
    assert len(notices(shop)) == told, "the list says what the events have said"


@ONE_DATABASE
def test_what_events_did_not_tell_the_list_tells(shop: World) -> None:
    frame = Frame(shop)
    frame.post("/app/templates/refresh")
    app = shop.gs.accounts.apps["acmeshop"]
    lost = next(one for one in app.templates.values() if one.raw["elementName"] == "order_ready")
    shop.gs.accounts.change_template(app, lost, {"status": "DISABLED", "category": "MARKETING"})
    jump_clock(shop, 60)
    frame.post("/app/templates/refresh")
    assert len(notices(shop)) == 2


@ONE_DATABASE
def test_a_change_warns_of_robots_and_is_reviewed_again(shop: World) -> None:
    frame = Frame(shop)
    write(shop)
    review(shop, "approve")
    shop.robots_start(template_robot(template="visit", params=["Иван", "завтра"], button_params=["7"]))
    jump_clock(shop, 3)
    form = seen(frame.page(f"{address(shop)}/edit"))
    assert "Роботы используют этот шаблон 1 запуск роботов за последние 30 дней" in form
    template_id = address(shop).rpartition("/")[2]
    assert "отправлен на проверку" in seen(write(shop, template=template_id, footer="Новая подпись"))
    changed = stored(shop)
    assert changed is not None
    assert (changed.status, changed.data["footer"], changed.template_id) == ("PENDING", "Новая подпись", template_id)
    review(shop, "approve")
    asked = len(shop.net.seen)
    assert "раз в 24 часа" in seen(write(shop, template=template_id, footer="Ещё одна"))
    assert len(shop.net.seen) == asked, "Gupshup is not asked for what it would refuse"
    assert 'value="visit_v2"' in frame.page(f"{address(shop)}/copy")
    assert "удалён" in seen(frame.change(f"{address(shop)}/delete"))
    assert stored(shop) is None
    assert "блокирует его на 30 дней" in seen(write(shop))


@ONE_DATABASE
def test_a_picture_is_checked_by_its_content_and_shown_as_chosen(shop: World) -> None:
    picture = {"kind": "IMAGE", "header": ""}
    assert "JPEG или PNG" in seen(write(shop, **picture, file=(io.BytesIO(b"%PDF-1.4 no picture"), "x.png")))
    page = write(shop, do="save", **picture, file=(io.BytesIO(PNG), "Акция.png"))
    [kept] = shop.stored_rows(TemplateDraft)[-1:]  # type: ignore[type-var]
    assert "сохранён" in seen(page)
    form = Frame(shop).page(f"templates/drafts/{kept.id}")
    assert "Акция.png" in seen(form)
    media = re.search(r'name="media_id" value="([^"]+)"', form)
    assert media is not None
    again = {"draft": str(kept.id), "media_id": media[1], "media_kind": "IMAGE"}
    assert "требует пример файла" in seen(write(shop, kind="VIDEO", header="", **again)), "the picture is no video"
    write(shop, **picture, **again)
    known = stored(shop)
    assert known is not None
    assert known.data["kind"] == "IMAGE"


@ONE_DATABASE
def test_only_administrators_write_and_nobody_elses_templates_are_there(shop: World) -> None:
    write(shop, do="save")
    Frame(shop).post("/app/templates/refresh")
    reader = Frame(shop, EMPLOYEE)
    at = address(shop, "order_ready")
    for path in ("templates/new", f"{at}/edit", f"{at}/copy", "templates/drafts/1"):
        reader.page(path, 403)
    for path in (f"{at}/delete", "templates/drafts/1/discard", "templates/write", "templates/check"):
        reader.change(path, 403)
    assert "Создать шаблон" not in reader.page("templates")
    assert "<form" not in reader.page(at)
    second_portal(shop)
    stranger = Frame(shop, member_id=STRANGER)
    for path in ("templates/drafts/1", at, f"{at}/edit", f"{at}/copy"):
        stranger.page(path, 404)
    asked = len(shop.net.seen)
    stranger.change(f"{at}/delete")
    stranger.change("templates/drafts/1/discard")
    assert "Выберите линию" in seen(write(shop, frame=stranger))
    assert "visit" not in stranger.page("templates")
    assert len(shop.net.seen) == asked, "nothing is asked of Gupshup for a stranger"
    assert stored(shop, "order_ready") is not None
    Frame(shop).page("templates/999/nothing/edit", 404)
    assert len(shop.stored_rows(TemplateDraft)) == 1  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [("visit", set(), "visit_v2"), ("visit_v2", {"visit_v3"}, "visit_v4"), ("x" * 180, set(), "x" * 177 + "_v2")],
)
def test_a_copy_gets_the_next_free_name(name: str, taken: set[str], expected: str) -> None:
    assert management.next_name(name, taken) == expected


@ONE_DATABASE
def test_the_price_of_each_category_is_shown_before_anything_is_submitted(shop: World) -> None:
    """For the country of the portal, with its own prices; the category of an approved template has its price, too."""
    portal_id = shop.stored_rows(Portal)[0].id
    day = shop.now.date()
    prices.put(shop.runtime, portal_id, [Rate("RU", "marketing", day, 91_500, "USD")], None)
    page = seen(Frame(shop).page("templates/new"))
    assert re.search(r"Маркетинг [^≈]*≈ 0,09\d\d \$ за сообщение", page)
    assert "Цены — оценка для страны RU" in page
    write(shop, category="MARKETING")
    review(shop, "approve")
    assert "≈ 0,09" in seen(Frame(shop).page(f"{address(shop)}/edit"))
