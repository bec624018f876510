"""The last step of a draft: each caution and each problem says where it is put right."""

from __future__ import annotations

import re
from datetime import timedelta

from messaging.lines import lines
from messaging.store.campaigns import Campaign
from tests.flows.scenes import OLGA, ONE_DATABASE
from tests.support.world import World
from tests.web.test_campaigns_page import Draft, only, ready


def links(draft: Draft) -> dict[str, str]:
    """Words of the links on the checked part of the page → where they lead."""
    page = draft.frame.page(f"campaigns/{draft.key}/checked")
    return {words: path for path, words in re.findall(r'<a (?:class="btn" )?href="([^"]+)"[^>]*>([^<]+)</a>', page)}


@ONE_DATABASE
def test_each_caution_leads_to_where_it_is_put_right(shop: World) -> None:
    draft = ready(shop, [OLGA])
    line = f"/app/lines/{shop.line.id}"
    assert links(draft)["Открыть линию"] == line, "the limit of new clients is not known"
    lines.pause(shop.runtime, shop.line.id)
    page = draft.get("/checked")
    assert "остановлена или на паузе" in page
    assert links(draft)["Открыть линию"] == line
    with shop.runtime.db.write() as session:
        session.get_one(Campaign, only(shop).id).start_at = shop.now - timedelta(minutes=1)
    assert links(draft)["Выбрать другое время"].endswith(f"/campaigns/{draft.key}/timing")


@ONE_DATABASE
def test_whoever_would_write_to_nobody_is_led_to_the_audience(shop: World) -> None:
    draft = ready(shop, [OLGA])
    draft.post("clear")
    draft.post("phones", phones=f"+{shop.line.phone}")
    assert "не получит никто" in draft.checked()
    assert links(draft)["Выбрать других"].endswith(f"/campaigns/{draft.key}/audience")


@ONE_DATABASE
def test_what_keeps_a_campaign_from_being_sent_leads_to_its_step(shop: World) -> None:
    draft = ready(shop, [OLGA])
    with shop.runtime.db.write() as session:
        session.get_one(Campaign, only(shop).id).template = "gone"
    assert "нет одобренного шаблона «gone»" in draft.checked()
    assert links(draft)["Шаблон"].endswith(f"/campaigns/{draft.key}/template")
