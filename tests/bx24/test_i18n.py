import pytest

from bx24.i18n import Text, language

LINE = Text("line", "линия")


@pytest.mark.parametrize("code", ["ru", "RU", "ru_RU", "by", "be", "kz", "kk", "ua", "uk", " ru-RU "])
def test_who_reads_russian_gets_russian(code: str) -> None:
    assert LINE.to(code) == "линия"
    assert language(code) == "ru"


@pytest.mark.parametrize("code", ["en", "de", "br", "pt-BR", "tr", "", None, "xx"])
def test_everybody_else_gets_english(code: str | None) -> None:
    assert LINE.to(code) == "line"


def test_the_map_is_what_bitrix24_takes() -> None:
    assert LINE.map() == {"en": "line", "ru": "линия"}


def test_a_text_inside_a_text_keeps_its_language() -> None:
    filled = Text("No {what}: {n}", "Нет: {what}, {n}").format(what=LINE, n=3)
    assert (filled.en, filled.ru, str(filled)) == ("No line: 3", "Нет: линия, 3", "No line: 3")
