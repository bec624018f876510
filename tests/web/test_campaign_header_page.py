"""The file of a template's header from the computer: uploaded once, sent to all, replaced, refused."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from messaging.campaigns import changes, header_file
from messaging.files import storage
from messaging.limits import bounds
from messaging.store.kept_files import File
from tests.flows.scenes import ONE_DATABASE, PHONES, gupshup_control
from tests.support.samples import png
from tests.support.world import World
from tests.web.inside import STRANGER, Frame, second_portal
from tests.web.test_campaigns_page import Draft, only

PHOTO = {"name": "photo", "language": "ru", "body": "Здравствуйте, {{1}}! Новая коллекция", "kind": "IMAGE"}
MAPPED = {"source": ["=", ":name"], "text": ["", "друзья"]}


class Photo(Draft):
    """A draft whose template has a picture in its header."""

    def __init__(self, world: World) -> None:
        gupshup_control(world, f"apps/{world.gupshup_app['app_name']}/templates", PHOTO)
        super().__init__(world)
        self.post("phones", phones="\n".join(f"+{phone}; Ольга" for phone in PHONES[:3]))
        self.chosen()

    def chosen(self, **fields: Any) -> str:
        return self.post("template", lines=str(self.world.line.id), template="ru photo", **fields)

    def give(self, content: bytes, name: str = "кухня.png") -> str:
        return self.post("header", file=(io.BytesIO(content), name))

    def link(self) -> str:
        return header_file.link_of(only(self.world).mapping)

    def sent(self, **fields: Any) -> None:
        self.chosen(next="1", **fields)
        self.post("timing", when="now")
        assert "получат: 3" in self.checked()
        self.post("start")
        self.world.advance_clock(10)


@ONE_DATABASE
def test_a_file_from_the_computer_goes_to_everybody(shop: World) -> None:
    draft = Photo(shop)
    assert "С компьютера, один для всех, до 16 МБ" in draft.get("/template")
    page = draft.give(png())
    assert "кухня.png" in page
    assert "Ссылка на файл заголовка" not in page, "nobody is asked for a link as well"
    html = draft.frame.page(f"campaigns/{draft.key}/template")
    picture = re.search(r'<img class="tile" src="(/files/[^"]+)"', html)
    assert picture, "the preview shows the picture itself"
    assert shop.app.get(picture[1]).data == png()
    fields = re.findall(r'name="text" value="([^"]*)"', html)
    draft.sent(source=["=", ":name"], text=[fields[0], "друзья"])
    assert {message.message["image"]["link"] for message in shop.sent} == {draft.link()}
    assert len(shop.sent) == 3
    assert shop.sent[0].template["params"] == ["Ольга"]


@ONE_DATABASE
def test_it_is_left_out_again_and_another_campaign_asks_for_its_own(shop: World) -> None:
    draft = Photo(shop)
    draft.give(png())
    old = draft.key
    copied = draft.post("copy")
    assert "Это копия" in copied
    assert "кухня.png" not in draft.get("/template"), "its file goes when the first campaign is over"
    assert "shared" not in only(shop).mapping
    draft.post("phones", phones=f"+{PHONES[0]}")
    draft.chosen(**MAPPED)
    assert "Заголовок шаблона не заполнен" in draft.checked(), "not that each client lacks a value"
    draft.key = old
    page = draft.post("header/remove")
    assert "кухня.png" not in page
    assert "Ссылка на файл заголовка" in page
    assert "Укажите, откуда" in draft.chosen(next="1", **MAPPED)


@ONE_DATABASE
def test_what_is_no_picture_or_too_large_is_refused(shop: World) -> None:
    draft = Photo(shop)
    assert "нельзя отправить как изображение" in draft.give(b"just text", "а.txt")
    assert "больше 16 МБ" in draft.give(b"x" * (bounds.UPLOAD_BYTES + bounds.PAGE_BYTES), "б.png")
    assert "больше" in draft.give(b"x" * (bounds.UPLOAD_BYTES + 1), "в.png")
    assert "Выберите файл" in draft.post("header")
    assert draft.link() == ""
    second_portal(shop)
    stranger = Frame(shop, member_id=STRANGER)
    for path in ("header", "header/remove"):
        stranger.change(f"campaigns/{draft.key}/{path}", 404)


@ONE_DATABASE
def test_a_draft_that_lay_for_weeks_still_has_its_file(shop: World) -> None:
    """It is kept for thirty days, and anew when the draft is checked; one that has expired is asked for again."""
    draft = Photo(shop)
    draft.give(png())
    shop.now += timedelta(days=20)
    draft.chosen(source=["=", ":name"], text=[draft.link(), "друзья"])
    assert "получат: 3" in draft.checked()
    shop.now += timedelta(days=20)
    storage.purge(shop.runtime)
    with shop.runtime.db.read() as session:
        assert session.scalars(select(File)).one().expires_at > shop.now
    shop.now += timedelta(days=40)
    storage.purge(shop.runtime)
    assert "выберите файл на компьютере" in draft.checked()


@ONE_DATABASE
def test_nobody_makes_a_file_of_ours_a_header_by_its_link(shop: World) -> None:
    draft = Photo(shop)
    draft.give(png())
    link = draft.link()
    other = Draft(shop)
    other.post("phones", phones=f"+{PHONES[0]}")
    mapping = {"params": [{"value": "name", "if_empty": "друзья"}], "header": link}
    plan = {"line_ids": [shop.line.id], "template": "photo", "language": "ru", "mapping": mapping}
    changes.edit(shop.runtime, shop.line.portal_id, other.key, **plan)
    assert "В таком виде рассылку не отправить" in other.checked()
