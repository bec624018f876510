"""Files of robots: checked, kept once for many robots, served, deleted when they expire."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Response
from sqlalchemy import select

from activities.errors import Refused
from bx24.emulator.state import files as disk
from messaging.files import storage
from messaging.store.kept_files import File
from tests.flows.scenes import ONE_DATABASE
from tests.messaging.files.shared import FOREIGN, Site, kept, refusal, served, share
from tests.support import samples
from tests.support.s3 import BOTH_STORES
from tests.support.world import World

HEVC = samples.mp4(video=("hvc1",))


@pytest.mark.parametrize(
    ("content", "media", "sent_as"),
    [
        (samples.jpeg(), "auto", "image"),
        (samples.jpeg(), "image", "image"),
        (samples.jpeg(), "document", "document"),
        (samples.WEBP, "auto", "document"),
        (samples.GIF, "auto", "document"),
        (samples.png(depth=16), "auto", "document"),
        (samples.mp4(), "auto", "video"),
        (samples.mp4(), "video", "video"),
        (HEVC, "auto", "document"),
        (HEVC, "document", "document"),
        (samples.opus(), "audio", "audio"),
        (samples.opus(), "auto", "audio"),
        (samples.mp3(), "auto", "audio"),
        (samples.PDF, "auto", "document"),
        (bytes(range(256)), "auto", "document"),
    ],
    ids=str,
)
def test_the_kind_is_chosen_by_content(content: bytes, media: str, sent_as: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert storage.prepare(path, len(content), media, "file")[0] == sent_as


@pytest.mark.parametrize(
    ("content", "media", "words"),
    [
        (samples.WEBP, "image", "image/webp, WhatsApp takes JPEG and PNG"),
        (samples.PDF, "image", "application/pdf, WhatsApp takes JPEG and PNG"),
        (samples.png(depth=16), "image", "16 bits"),
        (samples.mp4(), "audio", "video/mp4, WhatsApp takes AAC"),
        (samples.jpeg(), "video", "image/jpeg, WhatsApp takes MP4"),
        (HEVC, "video", "HEVC (H.265), WhatsApp takes H.264"),
        (HEVC, "image", "video/mp4, WhatsApp takes JPEG"),
        (samples.ogg(b"\x01vorbis" + b"\0" * 23), "audio", "vorbis, WhatsApp takes Opus"),
    ],
    ids=str,
)
def test_a_forced_kind_must_fit(content: bytes, media: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(Refused) as caught:
        storage.prepare(path, len(content), media, "file")
    assert caught.value.code == "file_type"
    assert words in caught.value.text.en
    assert re.search("[а-я]", caught.value.text.ru)


@ONE_DATABASE
def test_headers_of_the_source_say_nothing(shop: World, site: Site) -> None:
    site.pages["/price.csv"] = Response(b"a;b\n1;2\n", content_type="image/jpeg")
    made = share(shop, f"https://{FOREIGN}/price.csv")
    assert (made.media, made.content_type) == ("document", "text/csv")
    assert served(shop, made.url).headers["Content-Type"] == "text/csv"
    assert refusal(shop, f"https://{FOREIGN}/price.csv?2", "image", kept_before=1).code == "file_type"


@ONE_DATABASE
@pytest.mark.usefixtures("small")
def test_limits_of_the_kinds(shop: World, site: Site) -> None:
    site.pages["/big.jpg"] = Response(samples.jpeg() + b"\0" * 1_000)
    site.pages["/huge.jpg"] = Response(samples.jpeg() + b"\0" * 6_000)
    found = refusal(shop, f"https://{FOREIGN}/big.jpg", "image")
    assert found.code == "file_too_large"
    assert "send it as a document" in found.text.en
    assert refusal(shop, f"https://{FOREIGN}/huge.jpg").code == "file_too_large"
    assert share(shop, f"https://{FOREIGN}/big.jpg").media == "document"


@ONE_DATABASE
def test_the_name_the_customer_gave_is_the_name(shop: World) -> None:
    assert share(shop, "601", name="Прайс на август").name == "Прайс на август.pdf"
    assert share(shop, "601", name="../../Прайс.pdf").name == "Прайс.pdf"


def _downloads(shop: World) -> int:
    return sum("download.json" in str(sent.url) for sent in shop.net.seen)


@BOTH_STORES
def test_one_disk_file_for_many_robots_is_fetched_once(shop: World) -> None:
    first = share(shop, "601", keep_until=shop.now + timedelta(hours=1))
    second = share(shop, "DISK_601", keep_until=shop.now + timedelta(hours=9))
    assert first == second
    assert _downloads(shop) == 1
    assert len(kept(shop)[0]) == 1
    shop.now += timedelta(hours=8)
    assert served(shop, first.url).status_code == 200


def test_another_version_name_kind_or_portal_is_another_file(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = share(shop, "601")
    assert share(shop, "601", name="Другое").url != first.url
    assert share(shop, "601", "document").url != first.url
    monkeypatch.setitem(disk.FILES, 601, disk.StoredFile(601, "new.pdf", "application/pdf", samples.PDF))
    shop.portal.drive.add(replace(shop.portal.drive.entries[601], name="new.pdf"))
    assert share(shop, "601").name == "new.pdf"
    assert _downloads(shop) == 4


def test_a_link_is_remembered_without_being_readable(shop: World, site: Site) -> None:
    site.pages["/a.pdf"] = Response(samples.PDF)
    first = share(shop, f"https://{FOREIGN}/a.pdf")
    assert share(shop, f"https://{FOREIGN}/a.pdf") == first
    assert len(site.seen) == 1
    redis = shop.runtime.redis
    (key,) = redis.keys("waba24:file:*")  # type: ignore[misc]  # typed as maybe awaitable
    assert FOREIGN.encode() not in key
    assert first.url.rpartition("/")[2].encode() not in bytes(redis.get(key) or b"")  # type: ignore[arg-type]
    assert 0 < int(redis.ttl(key)) <= 60  # type: ignore[arg-type]
    redis.flushall()
    assert share(shop, f"https://{FOREIGN}/a.pdf").url != first.url


@BOTH_STORES
def test_what_is_remembered_but_gone_is_fetched_again(shop: World) -> None:
    first = share(shop, "601")
    shop.runtime.files.remove(kept(shop)[0])
    second = share(shop, "601")
    assert second.url != first.url
    assert served(shop, second.url).status_code == 200
    shop.runtime.redis.set(shop.runtime.redis.keys("waba24:file:*")[0], b"rubbish")  # type: ignore[index]
    assert served(shop, share(shop, "601").url).status_code == 200


def test_only_the_digest_of_a_link_is_stored(shop: World) -> None:
    made = share(shop, "601")
    token = made.url.rpartition("/")[2]
    assert len(token) == 43
    with shop.runtime.db.read() as session:
        row = session.scalars(select(File)).one()
    assert token not in repr([getattr(row, column.key) for column in File.__table__.columns])
    assert re.fullmatch(r"([0-9a-f]{2})/\1[0-9a-f]{30}", row.path)
    assert (row.direction, row.portal_id, row.size) == ("out", 1, made.size)


@BOTH_STORES
def test_purge_deletes_what_has_expired_and_what_a_crash_left(shop: World) -> None:
    runtime, root = shop.runtime, storage.temporary(shop.runtime)
    shop.now = datetime.now(UTC)  # as the stores' own clocks
    old = share(shop, "601", keep_until=shop.now + timedelta(hours=1))
    new = share(shop, "602", keep_until=shop.now + timedelta(days=3))
    left, fresh, orphan = root / "fetch-old", root / "fetch-new", "ab/" + "ab" * 16
    for path in (left, fresh):
        path.write_bytes(b"x")
    (root / "moved").write_bytes(b"x")
    runtime.files.add(root / "moved", orphan)
    (root / "moved").unlink(missing_ok=True)
    shop.now += timedelta(hours=23)
    assert storage.purge(runtime) == 1
    assert (served(shop, old.url).status_code, runtime.files.has(orphan)) == (404, True)
    shop.now += timedelta(hours=2)
    os.utime(fresh, (shop.now.timestamp(), shop.now.timestamp()))
    assert storage.purge(runtime) == 2
    assert storage.purge(runtime) == 0
    assert (left.exists(), runtime.files.has(orphan), fresh.exists()) == (False, False, True)
    assert served(shop, new.url).status_code == 200
    assert kept(shop)[1] == 1


def test_purge_takes_any_number(shop: World) -> None:
    with shop.runtime.db.write() as session:
        for number in range(1100):
            session.add(
                File(
                    portal_id=1,
                    direction="in",
                    token_digest=str(number),
                    name="a",
                    content_type="a/b",
                    size=1,
                    path=f"aa/{number}",
                    created_at=shop.now,
                    expires_at=shop.now,
                )
            )
    assert storage.purge(shop.runtime) == 1100


@BOTH_STORES
def test_a_portal_can_be_forgotten(shop: World) -> None:
    share(shop, "601")
    share(shop, "602")
    assert storage.forget(shop.runtime, 2) == 0
    assert storage.forget(shop.runtime, 1) == 2
    assert kept(shop) == ([], 0)


@ONE_DATABASE
def test_without_room_on_the_disk_nothing_is_fetched(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(shop)
    monkeypatch.setattr("messaging.system.disk.free_bytes", lambda _: 1024**3 - 1)
    refused = refusal(shop, f"https://{FOREIGN}/a.pdf")
    assert (refused.code, "места" in refused.text.ru, site.seen) == ("file_unreachable", True, [])
