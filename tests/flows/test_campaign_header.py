"""The file of a campaign's header: whose it is, how long it is kept, what becomes of it under another header."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from messaging.campaigns import changes, header_file
from messaging.campaigns import uploads as kept_uploads
from messaging.files import storage
from messaging.store.kept_files import File
from tests.flows.mailing import Mailing
from tests.flows.scenes import OLGA, ONE_DATABASE, PHONES, gupshup_control
from tests.messaging.files.shared import FOREIGN, Site
from tests.support.samples import png
from tests.support.world import PORTAL, World

LINK = f"https://{FOREIGN}/spring.png"
pytestmark = ONE_DATABASE


@pytest.fixture
def site(shop: World) -> Site:
    photo = {"name": "photo", "language": "ru", "body": "Смотрите", "kind": "IMAGE"}
    gupshup_control(shop, f"apps/{shop.gupshup_app['app_name']}/templates", photo)
    site = Site(shop)
    site.pages["/spring.png"] = site.pages["/summer.png"] = (png(), 200, {"Content-Type": "image/png"})
    return site


def photo_to(shop: World, phones: list[str], **settings: Any) -> Mailing:
    return Mailing(shop, phones, template="photo", **{"mapping": {"params": [], "header": LINK}, **settings})


def _links(shop: World) -> set[str]:
    return {sent.message["image"]["link"] for sent in shop.sent}


def test_it_is_fetched_once_and_under_a_link_of_ours(shop: World, site: Site) -> None:
    mailing = photo_to(shop, PHONES[:3])
    mailing.do(changes.check)
    shop.advance_clock(2)
    mailing.start()
    assert mailing.state == ("finished", "")
    (link,) = _links(shop)
    assert link.startswith(f"{shop.runtime.config.public_url}/files/")
    assert len(site.seen) == 1
    assert "Authorization" not in site.seen[0][1]


def test_another_header_is_another_file(shop: World, site: Site) -> None:
    mailing = photo_to(shop, PHONES[:1])
    mailing.do(changes.check)
    shop.advance_clock(2)
    mailing.do_edit(mapping={"params": [], "header": f"https://{FOREIGN}/summer.png"})
    assert "shared" not in mailing.row.mapping
    mailing.start()
    assert [path for path, _ in site.seen] == ["/spring.png?", "/summer.png?"]


def test_a_file_that_a_client_names_himself_is_not_believed(shop: World, site: Site) -> None:
    foreign = {
        "of": LINK,
        "media": "image",
        "url": "https://evil.example/x.png",
        "name": "x",
        "until": "2999-01-01T00:00:00+00:00",
    }
    mailing = photo_to(shop, PHONES[:1], mapping={"params": [], "header": LINK, "shared": foreign})
    assert "shared" not in mailing.row.mapping
    mailing.start()
    assert "evil.example" not in str(_links(shop))
    assert len(site.seen) == 1


@pytest.mark.parametrize("link", [f"{PORTAL}/disk/downloadFile/1/", "512"])
def test_nothing_of_the_portal_is_read_for_it(shop: World, site: Site, link: str) -> None:
    mailing = photo_to(shop, PHONES[:1], mapping={"params": [], "header": link})
    mailing.start()
    assert mailing.state == ("draft", "")
    assert mailing.row.problem["code"] == "value_invalid"


def test_a_site_that_is_away_for_a_moment_delays_the_campaign(shop: World, site: Site) -> None:
    good, site.pages["/spring.png"] = site.pages["/spring.png"], ("", 503)
    mailing = photo_to(shop, PHONES[:1])
    mailing.start(seconds=2)
    assert mailing.state == ("preparing", "")
    site.pages["/spring.png"] = good
    shop.advance_clock(60)
    assert mailing.state == ("finished", "")


def test_it_is_kept_until_the_campaign_is_over(shop: World, site: Site) -> None:
    mailing = photo_to(shop, PHONES[:3], per_minute=1)
    mailing.start(seconds=2)
    mailing.do(changes.pause)
    shop.now += timedelta(days=89)
    storage.purge(shop.runtime)
    mailing.do(changes.resume)
    shop.advance_clock(200)
    assert mailing.state == ("finished", "")
    (link,) = _links(shop)
    assert shop.app.get(link.removeprefix(shop.runtime.config.public_url)).status_code == 200
    shop.now += header_file.KEPT_AFTER + timedelta(days=1)
    storage.purge(shop.runtime)
    assert shop.app.get(link.removeprefix(shop.runtime.config.public_url)).status_code == 404


def test_an_upload_opens_for_its_own_portal_alone(shop: World) -> None:
    key = kept_uploads.save(shop.runtime, shop.line.portal_id, io.BytesIO(f"Телефон\n{OLGA}\n".encode()), "a.csv")
    with kept_uploads.on_disk(shop.runtime, shop.line.portal_id, key) as path:
        assert path.read_bytes()
    with pytest.raises(FileNotFoundError), kept_uploads.on_disk(shop.runtime, shop.line.portal_id + 1, key):
        pass
    with shop.runtime.db.write() as session:
        session.scalars(select(File)).one().direction = "in"
    with pytest.raises(FileNotFoundError), kept_uploads.on_disk(shop.runtime, shop.line.portal_id, key):
        pass
