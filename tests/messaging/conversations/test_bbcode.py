"""What operators write in chats, as WhatsApp shows it."""

import time

import pytest

from gupshup.limits import TEXT_LIMIT
from messaging.conversations.bbcode import to_whatsapp


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("просто текст", "просто текст"),
        ("[b]Иван Петров:[/b] [br]Смотрите файл", "*Иван Петров:*\nСмотрите файл"),
        ("[B]Ann:[/B][br] text", "*Ann:*\ntext"),
        ("[b]Ann:[/b] [br]", ""),
        ("[b]жирный [i]и курсив[/i][/b]", "*жирный _и курсив_*"),
        ("[b] слово [/b]дальше", " *слово* дальше".strip()),
        ("[b]раз\nдва[/b]", "*раз*\n*два*"),
        ("[s]нет[/s] [u]да[/u] [code]x = 1[/code]", "~нет~ да ```x = 1```"),
        ("[url=https://a.example/b?c=1]сайт[/url]", "сайт (https://a.example/b?c=1)"),
        ("[url]https://a.example[/url]", "https://a.example"),
        ("[user=5]Анна[/user], [size=10]ого[/size][br]и", "Анна, ого\nи"),
        ("[b]не закрыт", "не закрыт"),
        ("лишний[/b] конец", "лишний конец"),
        ("[скидка 10%] и [1]", "[скидка 10%] и [1]"),
        ("[DISK=5]", ""),
    ],
)
def test_formatting_is_kept_where_whatsapp_has_it(written: str, shown: str) -> None:
    assert to_whatsapp(written) == shown


@pytest.mark.parametrize("piece", ["[b]", "[b]x[/b]", "[/b]", "[[[", "[url=", "[b][/i]"])
def test_a_long_text_takes_no_longer_than_its_length(piece: str) -> None:
    began = time.process_time()
    to_whatsapp(piece * 20_000)
    to_whatsapp((piece * 20_000)[:20_000])
    assert time.process_time() - began < 2


def test_codes_inside_each_other_take_no_longer_than_the_text() -> None:
    began = time.process_time()
    shown = to_whatsapp("[b]" * 1500 + "а\n" * 2500 + "[/b]" * 1500)
    assert time.process_time() - began < 1
    assert shown.count("а") == 2500


def test_a_text_longer_than_any_of_the_portal_stays_too_long() -> None:
    assert len(to_whatsapp("[b]x[/b]" * 200_000)) > TEXT_LIMIT
