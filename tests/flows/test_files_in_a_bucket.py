"""Files in an S3 bucket, as robots, clients, WhatsApp's servers and operators meet them; and the bucket is away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bx24.emulator.state import files as disk
from messaging.files import storage
from messaging.store.kept_files import File
from messaging.system.bucket_store import Bucket
from messaging.system.folder_store import Folder
from tests.flows.scenes import ONE_DATABASE, ending, open_windows, returned
from tests.messaging.files.shared import kept, served, share
from tests.support.world import World

IN_A_BUCKET = pytest.mark.parametrize("file_settings", ["bucket"], indirect=True)
pytestmark = [ONE_DATABASE, IN_A_BUCKET]
NOBODY = "http://127.0.0.1:1"


def take_away(shop: World) -> None:
    """Nobody answers at FILES_ENDPOINT any more."""
    config = replace(shop.runtime.config, files_endpoint=NOBODY)
    shop.runtime.files = Bucket(config, "us", shop.runtime.clock)


def bring_back(shop: World) -> None:
    shop.runtime.files = Bucket(shop.runtime.config, "us", shop.runtime.clock)


def test_a_robots_file_goes_through_the_bucket(shop: World) -> None:
    open_windows(shop)
    flow = shop.robot_runs("robot.send_file", file="601", until="delivered")
    assert ending(flow) == ("delivered", "")
    assert served(shop, shop.sent[-1].message["url"]).data == disk.FILES[601].content
    assert [shop.runtime.files.has(key) for key in kept(shop)[0]] == [True]
    assert not [path for path in (shop.runtime.config.data_dir / "files").rglob("*") if path.is_file()]


def test_a_robot_waits_for_a_bucket_that_is_away_for_a_moment(shop: World) -> None:
    open_windows(shop)
    take_away(shop)
    flow = shop.robot_runs("robot.send_file", file="601", until="delivered")
    assert not shop.sent[1:]
    bring_back(shop)
    shop.advance_clock(10)
    assert ending(flow) == ("delivered", "")


def test_a_robot_gives_up_in_words_when_the_bucket_stays_away(shop: World) -> None:
    open_windows(shop)
    take_away(shop)
    flow = shop.robot_runs("robot.send_file", seconds=60, file="601")
    assert ending(flow) == ("failed", "file_unreachable")
    assert "наше хранилище файлов недоступно" in returned(flow)["error_text"]
    assert kept_nothing(shop)
    assert ending(shop.robot_runs("robot.send_text", text="Готово", until="delivered")) == ("delivered", "")


def kept_nothing(shop: World) -> bool:
    bring_back(shop)
    return kept(shop) == ([], 0)


def test_links_and_readyz_while_the_bucket_is_away(shop: World) -> None:
    made = share(shop, "601")
    assert shop.app.get("/readyz").json == {"status": "ok", "database": "ok", "queue": "ok", "files": "ok"}
    take_away(shop)
    answer = served(shop, made.url)
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)
    ready = shop.app.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")
    assert f"no answer from {NOBODY}" in ready.json["files"]
    bring_back(shop)
    assert served(shop, made.url).status_code == 200


def test_a_portal_is_forgotten_even_while_the_bucket_is_away(shop: World) -> None:
    share(shop, "601")
    take_away(shop)
    assert storage.forget(shop.runtime, 1) == 1
    assert not shop.stored_rows(File)


def test_files_of_the_folder_are_moved_once(shop: World, file_settings: dict[str, str]) -> None:
    folder = shop.runtime.files = Folder(shop.runtime.config.data_dir / "files")
    made = share(shop, "601")
    bring_back(shop)
    assert served(shop, made.url).status_code == 404
    for said, is_left, more in (
        ("not have: 1", True, ["--keep"]),
        ("not have: 0", False, []),
        ("not have: 0", False, []),
    ):
        result = _move(shop, *more)
        assert (result.exit_code, said in result.output) == (0, True), result.output
        assert served(shop, made.url).data == disk.FILES[601].content
        assert bool(_files(folder.root)) == is_left
    take_away(shop)
    result = _move(shop)
    assert (result.exit_code, "no answer from" in result.output) == (1, True)


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def _move(shop: World, *more: str) -> Any:
    return shop.flask.test_cli_runner().invoke(args=["files", "move", *more])
