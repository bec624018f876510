"""Scripts, styles and icons: kept for ever under an address that changes with them."""

from __future__ import annotations

import re

from tests.flows.scenes import ONE_DATABASE
from tests.support.world import World

pytestmark = ONE_DATABASE


def test_a_page_names_its_files_by_a_mark_and_modules_find_each_other_below_it(shop: World) -> None:
    page = shop.app.get("/bx24/app").text
    style = re.search(r'href="(/static/[0-9a-f]{12}/app\.css)"', page)
    assert style, page
    answer = shop.app.get(style[1])
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    module = shop.app.get(style[1].replace("app.css", "times.js"))
    assert module.headers["Content-Type"].startswith("text/javascript")


def test_an_old_mark_gets_todays_file_and_is_not_kept(shop: World) -> None:
    answer = shop.app.get("/static/0123456789ab/app.css")
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert "immutable" not in answer.headers["Cache-Control"]


def test_nothing_outside_the_folder_is_given(shop: World) -> None:
    for name in ("../texts.py", "..%2ftexts.py", "nothing.js", "settings/../../texts.py"):
        assert shop.app.get(f"/static/0123456789ab/{name}").status_code == 404
