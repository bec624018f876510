"""Numbers as people type, paste and print them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.errors import Refused
from activities.phones import digits, split, tail, valid

MINE = "79991234567"


@pytest.mark.parametrize(
    "text",
    ["8 (999) 123-45-67", "+7 999 123 45 67", "7(999)1234567", "79991234567", "89991234567", "9991234567",
     "+7‑999‑123‑45‑67", "8–999—123−45-67", "+7\u00a0999\u202f123\u200945\u00a067", "\u202a+7\u200b999\ufeff1234567\u202c",
     "тел. 8-999-123-45-67", "Тел.: +7 (999) 123 45 67", "Phone: 8 999 123 45 67", "моб. (999) 123-45-67",
     "+7 999 123-45-67 (Анна)", "8 999 123-45-67 WhatsApp", "Анна 8 999 123-45-67.", "tel:+79991234567",
     "https://wa.me/79991234567", "007 999 123 45 67", "00 7 (999) 123-45-67", "+8 999 123 45 67", "(+7) 999 123-45-67",
     "＋７（９９９）１２３－４５－６７", "８９９９１２３４５６７",
     "٨٩٩٩١٢٣٤٥٦٧", "8/999/123/4567", "8.999.123.45.67", "8\t999\t1234567",
     "8 999 123-45-67 доб. 12", "8 999 123-45-67 доб 12", "8 999 123-45-67, доб. 12", "8 999 123-45-67 (доб. 12)",
     "8 999 123-45-67 добавочный 12", "+7 999 123-45-67 ext 5", "+7 999 123-45-67 ext.5", "+79991234567x5",
     "8 999 123 45 67 #12", "8(999)123-45-67 вн.101", "8(999)123-45-67 внутр. №101", "8 999 123-45-67/68"],
)  # fmt: skip
def test_every_way_of_writing_is_the_same_number(text: str) -> None:
    assert digits(text, "RU") == MINE


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("8 701 123 45 67", "KZ", "77011234567"),
        ("8 029 123-45-67", "BY", "375291234567"),
        ("067 123 45 67", "UA", "380671234567"),
        ("01512 3456789", "DE", "4915123456789"),
        ("(212) 555-0123", "US", "12125550123"),
        ("8 (999) 123-45-67", "", MINE),
        ("4915123456789", "RU", "4915123456789"),
        ("0049 1512 3456789", "RU", "4915123456789"),
        ("+4915123456789", "RU", "4915123456789"),
        ("79991234567", "US", MINE),
        ("011 7 999 123 45 67", "US", MINE),
        ("8 10 49 1512 3456789", "RU", "4915123456789"),
        ("495 123-45-67/68", "RU", "74951234567"),
        ("380 67 123 45 67", "RU", "380671234567"),
        ("7 (999) 123-45-67", "DE", MINE),
        ("84951234567", "VN", "84951234567"),
        ("+84 951 234 567", "US", "84951234567"),
        ("6591234567", "RU", "6591234567"),
    ],
)
def test_national_numbers_are_of_their_region(text: str, region: str, number: str) -> None:
    assert digits(text, region) == number


@pytest.mark.parametrize(
    "text",
    ["", " ", "нет", "1234", "12.05.1990", "2026-08-03 12:30", "0000000000", "+7 999", "+7 999 123 45 6", "8 999 123-45-678",
     "79991234567@mail.ru", "id79991234567", "79991234567abc", "заказ 512 на 12000", "+", "+-", "()", "доб. 12", "+999 1234567",
     "+8 999", "8 999 123-45-67 доб. 12345678", "7" * 200, "x" * 500],
)  # fmt: skip
@pytest.mark.parametrize("region", ["RU", "US"])
def test_garbage_is_refused(text: str, region: str) -> None:
    assert digits(text, region) is None


@pytest.mark.parametrize("region", ["US", "GB", "FR"])
@pytest.mark.parametrize(
    "text", ["8 495 123-45-67", "84951234567", "8 (495) 123-45-67 доб. 12", "495 123-45-67", "4951234567"]
)
def test_a_number_that_is_another_countrys_only_by_chance_is_refused(text: str, region: str) -> None:
    assert digits(text, region) is None


def test_germany_reads_its_own_numbers_and_no_russian_one_as_vietnams() -> None:
    assert (digits("8 495 123-45-67", "DE"), digits("495 1234567", "DE")) == (None, "494951234567")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("8 999 123-45-67, 8 913 765-43-21", ["8 999 123-45-67", "8 913 765-43-21"]),
        ("8 999 123-45-67;8 913 765-43-21\r\n+7 495 1234567", ["8 999 123-45-67", "8 913 765-43-21", "+7 495 1234567"]),
        ("8 999 123-45-67 / 8 913 765-43-21", ["8 999 123-45-67", "8 913 765-43-21"]),
        ("89991234567/89137654321", ["89991234567", "89137654321"]),
        ("8 999 123-45-67 и 8 913 765-43-21", ["8 999 123-45-67", "8 913 765-43-21"]),
        ("8 999 123-45-67 или 8 913 765-43-21 (Анна)", ["8 999 123-45-67", "8 913 765-43-21 (Анна)"]),
        ("8 999 123-45-67 or 8 913 765-43-21", ["8 999 123-45-67", "8 913 765-43-21"]),
        ("8 999 123-45-67/68", ["8 999 123-45-67/68"]),
        ("8/999/123/4567", ["8/999/123/4567"]),
        ("Анна и Иван 8 999 123-45-67", ["Анна и Иван 8 999 123-45-67"]),
        ("https://wa.me/79991234567", ["https://wa.me/79991234567"]),
        (" , ;\n", []),
        ("", []),
    ],
)
def test_several_numbers_in_one_field(text: str, parts: list[str]) -> None:
    assert split(text) == parts


def test_valid_ones_keep_their_order_and_come_once() -> None:
    field = "нет, 8 913 765-43-21, +7 999 123 45 67 / 8 (913) 765 43 21, доб. 12"
    assert valid(split(field), "RU") == ["79137654321", MINE]


def test_none_is_refused_with_what_was_written() -> None:
    with pytest.raises(Refused) as caught:
        valid(["нет"], "RU")
    assert (caught.value.code, "«нет»" in caught.value.text.ru) == ("invalid_phone", True)


@pytest.mark.parametrize(
    ("text", "behind"),
    [("8 495 123-45-67 доб. 12", " доб. 12"), ("+7 495 123-45-67 (ext 5)", " ext 5"), ("84951234567", ""), ("", "")],
)
def test_the_tail_is_kept_for_cards(text: str, behind: str) -> None:
    assert tail(text) == behind


@given(st.text(), st.sampled_from(["RU", "US", "DE", "", "XX"]))
def test_no_text_breaks_it(text: str, region: str) -> None:
    found = digits(text, region)
    assert found is None or (found.isascii() and found.isdigit() and 7 <= len(found) <= 15)
    assert all(part == part.strip() and part for part in split(text))


@given(st.text("0123456789+-() /,;.иor№доб#x@\u00a0\u200b", max_size=150))
def test_nor_does_a_text_of_pieces_of_numbers(text: str) -> None:
    for part in [text, *split(text)]:
        digits(part, "RU")


def test_a_long_text_is_read_in_no_time() -> None:
    for text in (" " * 100_000 + "x", " и" * 50_000, "/" * 100_000, "1 " * 50_000, "(" * 100_000):
        assert digits(text, "RU") is None
        split(text)


@pytest.mark.parametrize("separator", [", ", "\n", " и ", " / ", " , ,, "])
@pytest.mark.parametrize("number", ["8 999 123-45-6{}", "1234567{}"], ids=["valid", "invalid"])
def test_a_field_of_many_numbers_is_looked_at_as_far_as_twenty(
    monkeypatch: pytest.MonkeyPatch, separator: str, number: str
) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr("activities.phones._read", lambda text, region: looked_at.append(text))
    for many in (21, 3_000):
        looked_at.clear()
        with pytest.raises(Refused):
            valid(split(separator.join(number.format(at % 10) for at in range(many))), "RU")
        assert len(looked_at) <= 2 * 20, "each number is read with and without its extension"


def test_twenty_of_the_numbers_of_many_fields_are_looked_at() -> None:
    assert len(valid([f"8 999 123-45-{at}" for at in range(10, 90)], "RU")) == 20
