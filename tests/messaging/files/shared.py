"""What the tests of files share: a foreign web site, and sharing a file as a robot would."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask, request
from sqlalchemy import func, select

from activities.errors import Refused
from messaging.files import storage
from messaging.portals import tokens
from messaging.store.kept_files import File
from messaging.system.folder_store import older_files
from tests.support.world import World

DEAL = ["crm", "CCrmDocumentDeal", "DEAL", "DEAL_1"]
FOREIGN = "files.example"


class Site:
    """A foreign web site at FOREIGN. `pages`: path → response; `seen`: path and headers of each request."""

    def __init__(self, shop: World) -> None:
        self.pages: dict[str, Any] = {}
        self.seen: list[Any] = []
        app = Flask("site")

        @app.route("/<path:path>")
        def page(path: str) -> Any:
            self.seen.append((request.full_path, dict(request.headers)))
            return self.pages[f"/{path}"]

        shop.net.apps[FOREIGN] = app


def share(shop: World, reference: str, media: str = "auto", document: list[str] | None = None, **more: Any) -> Any:
    rest = tokens.portal_client(shop.runtime, 1)
    return storage.Files(shop.runtime, 1, rest, rest.endpoint).shared(
        document=DEAL if document is None else document,
        reference=reference,
        media=media,
        name=more.pop("name", ""),
        keep_until=more.pop("keep_until", shop.now + timedelta(days=1)),
    )


def refusal(shop: World, reference: str, *args: Any, kept_before: int = 0, **more: Any) -> Refused:
    """Share a file that is refused; the reason. Checks that no file and no row is left behind."""
    with pytest.raises(Refused) as caught:
        share(shop, reference, *args, **more)
    assert re.search("[а-я]", caught.value.text.ru)
    assert not re.search(r"(?<!\{)\{\w", caught.value.text.ru + caught.value.text.en)
    assert (len(kept(shop)[0]), kept(shop)[1]) == (kept_before, kept_before)
    return caught.value


def kept(shop: World) -> tuple[list[str], int]:
    """The files in the store and those that are being fetched, and the number of rows."""
    with shop.runtime.db.read() as session:
        rows = session.scalar(select(func.count()).select_from(File)) or 0
    later = datetime.now(UTC) + timedelta(days=9)
    keys = [key for group in shop.runtime.files.older(later) for key in group]
    return keys + [str(path) for path in older_files(storage.temporary(shop.runtime), later)], rows


def served(shop: World, url: str) -> Any:
    prefix = f"{shop.runtime.config.public_url}/files/"
    assert url.startswith(prefix)
    return shop.app.get(f"/files/{url.removeprefix(prefix)}")
