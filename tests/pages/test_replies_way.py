"""What comes back, in one way through a real browser: a tap moves a deal, an operator answers from the chat, a client opts out.

Everything is real but the two vendors, as in test_whole_way; `SHOTS=docs/pictures` keeps the pictures.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from demo import APP_NAME, BUSINESS_PHONE, SCOPE, Demo
from messaging.lines import lines
from messaging.store.models import Portal
from messaging.store.open_channels import CONNECTOR
from messaging.system import embedded_redis
from tests.pages.reader import Reader as Looker
from tests.pages.test_whole_way import CLIENT, Reader, shot
from tests.support.browser import open_app, press_section

WARDROBE = (Path(__file__).parents[2] / "docs/pictures/ru/6-phone.png").read_bytes()
TEMPLATES: list[dict[str, Any]] = [
    {"name": "sale", "language": "ru", "category": "MARKETING", "body": "Скидка 20 % до воскресенья!"},
    {"name": "order_ready", "language": "ru", "category": "UTILITY", "body": "Ваш заказ собран."},
]
BUTTONS = {"text": "Вам удобно завтра?", "buttons": ["Да, жду|yes", "Другой день|no"]}
T = Reader("ru")


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """A shop: the app installed with all it may use, one line connected, the open line not switched on yet."""
    with tempfile.TemporaryDirectory(prefix="waba24-t-", dir="/tmp") as folder:
        made = Demo(Path(folder))
        try:
            made.supervisor.start()
            made.until("web", made.is_ready)
            open_shop(made)
            yield made
        finally:
            made.close()
            embedded_redis.stop(Path(folder))


def open_shop(demo: Demo) -> None:
    app = {"install_url": f"{demo.url}/bx24/install", "app_url": f"{demo.url}/bx24/app", "finish": True}
    assert demo.portal("install", {**app, "scope": SCOPE})["status"] == 200
    account = {"app_name": APP_NAME, "phone": BUSINESS_PHONE, "templates": TEMPLATES, "allow_http": True}
    made = demo.gupshup("apps", account)
    with demo.runtime.db.read() as session:
        member_id = session.scalars(select(Portal.member_id)).one()
    new = lines.NewLine(made["api_key"], APP_NAME, BUSINESS_PHONE, made["app_id"])
    line = lines.add(demo.runtime, member_id, new)
    demo.gupshup(f"apps/{APP_NAME}/webhook", {"url": lines.webhook_url(demo.runtime, line)})
    demo.until("triggers registered", lambda: len(demo.portal("triggers")["registered"]) >= 6)
    client = {"name": "Ольга", "lastName": "", "phones": [["MOBILE", "+7 (912) 345-67-89"]]}
    demo.portal("deals", {"entityTypeId": 3, "item_id": 1, **client})
    demo.portal("deals", {"item_id": 1, "title": "Шкаф-купе на заказ", "contactId": 1})
    ask = {"code": "robot.send_buttons", "values": BUTTONS}
    demo.portal("stage-robots", {"stage": "PREPARATION", "robots": [ask]})
    offers = [{"code": "robot.send_template", "values": {"template": one["name"]}} for one in TEMPLATES]
    demo.portal("stage-robots", {"stage": "WON", "robots": offers})
    demo.portal("stage-triggers", {"stage": "EXECUTING", "triggers": [{"code": "waba24_button"}]})


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test if its console shows an error."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900}, locale="ru-RU")
    opened.set_default_timeout(15_000)
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert errors == []


def test_what_a_client_writes_reaches_the_deal_and_the_operator(demo: Demo, page: Page, tmp_path: Path) -> None:
    switch_on_chats(demo, page)
    say(demo, page, "Здравствуйте!")
    demo.portal("deals/1/move", {"stage": "PREPARATION"})
    tap(demo, page)
    deal_has_moved(demo, page)
    timeline_tells(demo, page)
    say(demo, page, "А можно вечером?")
    picture = tmp_path / "shkaf.png"
    picture.write_bytes(WARDROBE)
    operator_answers(demo, page, picture)
    say(demo, page, "СТОП")
    only_service_goes(demo, page)


def switch_on_chats(demo: Demo, page: Page) -> None:
    """An administrator connects the line to an open line, on the line's page."""
    app = open_app(page, demo.emulators.portal, "ru")
    app.get_by_role("link", name="Линии", exact=True).click()
    app.get_by_role("link", name=APP_NAME).first.click()
    card = app.locator("#channel-card")
    card.get_by_role("button", name="Включить").click()
    expect(card.get_by_text("Теперь сообщения клиентов приходят в чаты")).to_be_visible()
    shot(page, T, "r1-channel")


def say(demo: Demo, page: Page, words: str) -> None:
    """The client writes on the phone."""
    page.goto(f"{demo.emulators.gupshup}/phone/{CLIENT}?lang=ru&app={APP_NAME}")
    page.locator("#text").fill(words)
    page.get_by_role("button", name="Отправить").first.click()
    expect(page.locator(".bubble.mine").last).to_contain_text(words)


def tap(demo: Demo, page: Page) -> None:
    """The robot's question has come; the client presses its first button."""
    page.goto(f"{demo.emulators.gupshup}/phone/{CLIENT}?lang=ru&app={APP_NAME}")
    question = page.locator(".bubble.theirs").filter(has_text="Вам удобно завтра?")
    expect(question).to_be_visible(timeout=20_000)
    question.get_by_role("button", name="Да, жду").click()
    expect(page.locator(".bubble.mine").last).to_contain_text("Да, жду")
    shot(page, T, "r2-tap")


def deal_has_moved(demo: Demo, page: Page) -> None:
    """The trigger has moved the deal to the stage on which it stands."""

    def moved() -> bool:
        deals = demo.portal("state")["deals"]
        return any(deal["id"] == 1 and deal["stageId"] == "EXECUTING" for deal in deals)

    demo.until("the trigger moved the deal", moved)
    counts = demo.portal("triggers")["counts"]
    assert [one["executed"] for one in counts if one["code"] == "waba24_button"] == [1]


def timeline_tells(demo: Demo, page: Page) -> None:
    """The deal's timeline shows the question with its status, and the answer."""

    def cards() -> bool:
        shown = [str(one["layout"]) for one in demo.portal("timeline?entityTypeId=2&id=1")["activities"]]
        return len(shown) == 2 and "Вам удобно завтра?" in shown[1] and "Да, жду" in shown[0]

    demo.until("cards in the timeline", cards)
    page.goto(f"{demo.emulators.portal}/crm/deal/details/1/?lang=ru")
    feed = page.get_by_role("main")
    expect(feed.get_by_text("Вам удобно завтра?").first).to_be_visible()
    expect(feed.get_by_text("Да, жду").first).to_be_visible()
    shot(page, T, "r3-timeline")


def operator_answers(demo: Demo, page: Page, picture: Path) -> None:
    """All that the client wrote is in the chat; the operator answers with words and a picture, and both arrive."""
    demo.until("a chat", lambda: demo.portal("chats")["chats"])
    page.goto(f"{demo.emulators.portal}/chats?lang=ru")
    page.locator("#chat-list a").first.click()
    log = page.get_by_role("log")
    for words in ("Здравствуйте!", "Да, жду", "А можно вечером?"):
        expect(log.locator("li.client").filter(has_text=words)).to_have_count(1, timeout=20_000)
    page.locator("#text").fill("Да, в 19:00. Вот ваш шкаф")
    page.locator("#files").set_input_files(picture)
    page.get_by_role("button", name="Отправить").click()
    sent = log.locator("li.operator").filter(has_text="Вот ваш шкаф")
    expect(sent.get_by_text("Доставлено").first).to_be_attached(timeout=20_000)
    shot(page, T, "r4-chat")
    page.goto(f"{demo.emulators.gupshup}/phone/{CLIENT}?lang=ru&app={APP_NAME}")
    answer = page.locator(".bubble.theirs").filter(has_text="Вот ваш шкаф")
    expect(answer).to_have_count(1, timeout=20_000)
    expect(answer.locator(".tile-photo")).to_have_count(1)
    shot(page, T, "r5-answered")


def only_service_goes(demo: Demo, page: Page) -> None:
    """The client has opted out: marketing ends with the reason, a service template arrives."""
    demo.portal("deals/1/move", {"stage": "WON"})
    page.goto(f"{demo.emulators.gupshup}/phone/{CLIENT}?lang=ru&app={APP_NAME}")
    expect(page.locator(".bubble.theirs").filter(has_text="Ваш заказ собран.")).to_have_count(1, timeout=20_000)
    expect(page.locator(".bubble.theirs").filter(has_text="Скидка")).to_have_count(0)
    page.goto(f"{demo.emulators.portal}/log?lang=ru")
    expect(page.get_by_role("main").get_by_text("opted_out").first).to_be_visible(timeout=20_000)
    remedy = "Писать снова можно, когда клиент пришлёт"
    expect(page.get_by_role("main").get_by_text(remedy).first).to_be_visible()
    app = open_app(page, demo.emulators.portal, "ru")
    press_section(app, "opt_outs")
    expect(app.get_by_text("СТОП").first).to_be_visible()
    shot(page, T, "r6-opt-outs")


@pytest.mark.parametrize(("lang", "width"), [("ru", 1280), ("en", 600)])
def test_what_the_portal_opens_beside_its_chats(demo: Demo, browser: Browser, lang: str, width: int) -> None:
    """The panel, with a template to be filled in, and our page in the contact centre: no fault for axe, a silent console."""
    looker = Looker(browser, demo, lang, width)
    chat = demo.portal("chats")["chats"][0]["id"]
    panel = next(one["id"] for one in demo.portal("state")["placements"] if one["placement"] == "IM_TEXTAREA")
    open_line = demo.portal("open-lines")["lines"][0]["id"]

    def open_page(path: str) -> None:
        looker.page.goto(f"{demo.emulators.portal}/{path}lang={lang}")
        looker.page.frame_locator("iframe").locator("h1").first.wait_for(state="attached")
        looker.idle()

    open_page(f"chats/{chat}?panel={panel}&")
    looker.look("the panel")
    looker.frame.locator("#f-template").select_option(index=1)
    expect(looker.frame.locator("#form .btn-primary")).to_be_visible()
    looker.idle()
    looker.look("a template in the panel")
    open_page(f"contact-center/{CONNECTOR}/{open_line}?")
    looker.look("the contact centre")
    looker.page.close()
