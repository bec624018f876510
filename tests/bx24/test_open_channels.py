"""Open Channels: what an event says however PHP writes it, and a client's words and name as a chat takes them."""

from typing import Any

import pytest

from bx24.open_channels import ClientMessage, OperatorFile, Written, name_parts, plain, posted, words_of_client


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Анна Ли", ("Анна", "Ли")),
        ("Jean-Luc O'Hara 🚀 2000", ("Jean-Luc", "O'Hara")),
        ("+7 900", ("", "")),
        ("~*~", ("", "")),
        ("Ma" * 30, ("Ma" * 12 + "M", "")),
    ],
)
def test_a_name_has_only_what_the_portal_takes(name: str, parts: tuple[str, str]) -> None:
    assert name_parts(name) == parts


@pytest.mark.parametrize("text", ["[DISK=5]", "[b]x[/b]", "[url=x]", "[*]", "[/b]"])
def test_no_code_is_opened_by_a_clients_words(text: str) -> None:
    assert plain(text) != text
    assert plain(text).replace("\u2060", "") == text


@pytest.mark.parametrize(("text", "is_vote"), [("1", True), ("0", True), ("1 шт", True), ("10", False), ("да", False)])
def test_what_would_be_taken_for_a_rating_is_none(text: str, is_vote: bool) -> None:
    assert (words_of_client(text) != text) == is_vote


def test_a_client_without_a_name_has_his_number() -> None:
    element = ClientMessage("wamid.1", "79001112233", "", "да", 5, ("https://a/b", "x" * 60)).element()
    assert element["user"] == {
        "id": "79001112233",
        "phone": "+79001112233",
        "skip_phone_validate": "Y",
        "title": "+79001112233",
    }
    assert element["message"]["files"] == [{"url": "https://a/b", "name": "x" * 50}]


FILE = {"name": "a.pdf", "mime": "application/pdf", "link": "https://p/~x#img.pdf", "downloadLink": "/pub/x"}
MESSAGE = {"im": {"chat_id": "4471", "message_id": "90315"}, "chat": {"id": "79001112233"}}


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ({"user_id": "12", "text": "Да"}, Written(4471, 90315, 12, "79001112233", "Да", ())),
        (
            {"user_id": "12", "files": {"0": FILE}},
            Written(4471, 90315, 12, "79001112233", "", (OperatorFile("a.pdf", "application/pdf", "https://p/~x"),)),
        ),
        ({"user_id": "0", "text": "Здравствуйте!"}, Written(4471, 90315, 0, "79001112233", "Здравствуйте!", ())),
        ({}, Written(4471, 90315, 0, "79001112233", "", ())),
    ],
)
def test_an_operators_message_is_read_with_what_it_has(message: dict[str, Any], read: Written) -> None:
    event = posted({"CONNECTOR": "waba24_gs", "LINE": "7", "MESSAGES": {"0": {**MESSAGE, "message": message}}})
    assert (event.connector, event.line, event.messages) == ("waba24_gs", 7, (read,))


@pytest.mark.parametrize("data", [{}, {"MESSAGES": "x"}, {"MESSAGES": {"0": "x"}}, {"MESSAGES": {"0": {"im": {}}}}])
def test_what_cannot_be_told_apart_is_left_out(data: dict[str, Any]) -> None:
    assert posted(data).messages == ()
