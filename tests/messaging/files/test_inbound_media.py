"""Files that clients send: fetched from Gupshup only, kept for thirty days."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests
from flask import Flask, Response
from sqlalchemy import select

from messaging.files import storage
from messaging.files.problems import Unfetched
from messaging.store.kept_files import File
from tests.flows.scenes import ONE_DATABASE
from tests.messaging.files.shared import kept, served
from tests.support import samples
from tests.support.world import World

MANAGER = "filemanager.gupshup.io"


def _manager(shop: World, content: bytes, content_type: str = "image/jpeg") -> str:
    app = Flask("manager")
    app.add_url_rule("/fm/<path:path>", view_func=lambda path: Response(content, content_type=content_type))
    shop.net.apps[MANAGER] = app
    return f"https://{MANAGER}/fm/wamedia/acmeshop/11-22?download=false"


@ONE_DATABASE
@pytest.mark.parametrize(
    ("content", "name", "claimed", "shown", "content_type"),
    [
        (samples.jpeg(), "", "image/jpeg", "11-22.jpg", "image/jpeg"),
        (samples.WEBP, "", "image/webp", "11-22.webp", "image/webp"),
        (samples.opus(), "", "audio/ogg; codecs=opus", "11-22.ogg", "audio/ogg"),
        (samples.PDF, "Счёт.pdf", "application/pdf", "Счёт.pdf", "application/pdf"),
        (b"<html><script>alert(1)</script>", "photo.jpg", "image/jpeg", "photo.jpg", "application/octet-stream"),
        (bytes(range(256)), "чертёж.dwg", "application/acad", "чертёж.dwg", "application/octet-stream"),
    ],
)
def test_media_of_a_client_is_kept_for_thirty_days(
    shop: World, content: bytes, name: str, claimed: str, shown: str, content_type: str
) -> None:
    link = storage.keep_inbound(shop.runtime, 1, _manager(shop, content, claimed), name, claimed)
    answered = served(shop, link)
    assert (answered.data, answered.headers["Content-Type"]) == (content, content_type)
    with shop.runtime.db.read() as session:
        row = session.scalars(select(File)).one()
    assert (row.direction, row.name) == ("in", shown)
    shop.now += timedelta(days=30, seconds=-1)
    assert served(shop, link).status_code == 200
    shop.now += timedelta(seconds=1)
    assert served(shop, link).status_code == 404


@ONE_DATABASE
def test_media_on_the_configured_api_host_is_fetched(shop: World) -> None:
    app = Flask("api")
    app.add_url_rule("/wa/media/<path:path>", view_func=lambda path: Response(samples.PDF))
    shop.net.apps["api.gupshup.example"] = app
    assert storage.keep_inbound(shop.runtime, 1, f"{shop.runtime.config.gupshup_url}/wa/media/1/a.pdf")


@ONE_DATABASE
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/a.jpg",
        "https://filemanager.gupshup.io.evil.example/a.jpg",
        "https://evil.example@filemanager.gupshup.io/a.jpg",
        "https://filemanager.gupshup.io@evil.example/a.jpg",
        "https://filemanager.gupshup.io:8443/a.jpg",
        "http://filemanager.gupshup.io/a.jpg",
        "https://127.0.0.1/a.jpg",
        "file:///etc/passwd",
        "https://[",
        "",
    ],
)
def test_a_forged_event_fetches_nothing(shop: World, url: str) -> None:
    before = len(shop.net.seen)
    with pytest.raises(Unfetched) as caught:
        storage.keep_inbound(shop.runtime, 1, url)
    assert not caught.value.passing
    assert len(shop.net.seen) == before


@ONE_DATABASE
def test_media_that_cannot_be_had_now_can_be_tried_again(shop: World) -> None:
    url = _manager(shop, samples.PDF)
    shop.net.broken[MANAGER] = requests.exceptions.ConnectionError("down")
    with pytest.raises(Unfetched) as caught:
        storage.keep_inbound(shop.runtime, 1, url)
    assert caught.value.passing
    assert kept(shop) == ([], 0)
