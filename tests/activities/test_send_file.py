"""Files: what is asked of the desk, and each kind as Gupshup wants it."""

from typing import Any

import pytest

from activities.base import Shared
from tests.activities.desk import FILES, FakeDesk, content, planned, refusal, sent

EXAMPLE = {"file": "1"}
URL = f"{FILES}token"


def test_its_fields() -> None:
    assert content("send_file") == ["file string!", "kind select", "caption text", "file_name string"]


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("image", {"type": "image", "originalUrl": URL, "previewUrl": URL, "caption": "Прайс"}),
        ("video", {"type": "video", "url": URL, "caption": "Прайс"}),
        ("audio", {"type": "audio", "url": URL}),
        ("document", {"type": "file", "url": URL, "filename": "Прайс.pdf", "caption": "Прайс"}),
    ],
)
def test_each_kind_as_gupshup_wants_it(media: str, body: dict[str, Any]) -> None:
    desk = FakeDesk(shared=Shared(media, URL, "Прайс.pdf", "application/pdf", 512))
    assert sent("send_file", desk, file="3283", caption="Прайс") == {"message": body}
    assert desk.asked == [("file", "3283", "auto", "")]


def test_the_desk_is_told_the_kind_and_the_name() -> None:
    desk = FakeDesk()
    sent("send_file", desk, file=" https://example.org/a ", kind="document", file_name=" Акт.pdf ")
    assert desk.asked == [("file", "https://example.org/a", "document", "Акт.pdf")]


def test_a_caption_on_audio_is_dropped_and_has_no_limit() -> None:
    assert "caption" not in sent("send_file", file="1", kind="audio", caption="x" * 1025)["message"]


@pytest.mark.parametrize("kind", ["auto", "image", "video", "document"])
def test_a_caption_up_to_its_limit(kind: str) -> None:
    assert sent("send_file", file="1", kind=kind, caption="x" * 1024)["message"]["caption"] == "x" * 1024
    error = refusal("send_file", file="1", kind=kind, caption="x" * 1025)
    assert (error.code, "«Подпись»" in error.text.ru) == ("text_too_long", True)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ({"file": ""}, "value_missing"),
        ({"file": "  "}, "value_missing"),
        ({}, "value_missing"),
        ({"file": "1", "kind": "sticker"}, "value_invalid"),
        ({"file": "1", "kind": "document", "file_name": "x" * 241}, "text_too_long"),
    ],
)
def test_wrong_fields(raw: dict[str, Any], code: str) -> None:
    assert refusal("send_file", **raw).code == code


@pytest.mark.parametrize("kind", ["", None, " ", "auto", " auto "])
def test_no_kind_is_auto(kind: Any) -> None:
    desk = FakeDesk()
    sent("send_file", desk, file="1", kind=kind)
    assert desk.asked[0][2] == "auto"


def test_a_closed_window_is_said_before_the_file_is_fetched() -> None:
    desk = FakeDesk(until=None)
    assert refusal("send_file", desk, file="https://files.example.org/a.pdf").code == "window_closed"
    assert desk.asked == []


def test_the_log_says_that_an_audio_lost_its_caption() -> None:
    desk = FakeDesk()
    said = planned("send_file", desk, file="601", kind="audio", caption="Listen").note
    assert said is not None
    assert "подписи не бывает" in said.ru
    assert planned("send_file", desk, file="601", kind="image", caption="Look").note is None
