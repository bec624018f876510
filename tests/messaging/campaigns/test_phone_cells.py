"""What a cell of a spreadsheet says about a phone."""

import pytest

from messaging.campaigns.phone_cells import REASONS, PhoneCell, phone_of

ONE, TWO = "79161234567", "79161234568"


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "+7 916 123-45-67",
            "8 (916) 123-45-67",
            "89161234567",
            "9161234567",
            ONE,
            f"{ONE}.0",
            f"{ONE},00",
            f"'+{ONE}",
        ),
        *(
            "7,9161234567E+10",
            "7.9161234567e10",
            "7,9161234567Е+10",
            "8-916-123-45-67 (Анна)",
            "\xa0+7\xa0916\xa01234567 ",
        ),
    ],
)
def test_a_phone_is_understood(cell: str) -> None:
    assert phone_of(cell, "RU") == PhoneCell(ONE)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "no_phone"),
        (" ' ", "no_phone"),
        ("нет", "no_phone"),
        ("123", "invalid_phone"),
        ("79161234567890123", "invalid_phone"),
        ("7,91612E+10", "exponent"),
        ("7.9E10", "exponent"),
        ("1E+999", "exponent"),
        ("05.12.2026", "date"),
        ("2026-12-05 10:00:00", "date"),
        ("12/05/2026 09:30 am", "date"),
        ("x" * 100_000, "no_phone"),
        ("9" * 100_000, "invalid_phone"),
    ],
)
@pytest.mark.parametrize("region", ["RU", "DK"])  # in Denmark eight digits are a phone
def test_why_a_cell_holds_no_phone(cell: str, reason: str, region: str) -> None:
    assert phone_of(cell, region) == PhoneCell(reason=reason)
    said = REASONS[reason].format(value=cell[:60])
    assert said.en
    assert said.ru


@pytest.mark.parametrize(
    "cell", [f"{ONE}; {TWO}", f"+{ONE},{TWO}", f"{ONE}/{TWO}", f"8-916-123-45-67\n{TWO}", f"123, {ONE}, {TWO}"]
)
def test_of_several_phones_the_first_valid_one_is_taken(cell: str) -> None:
    assert phone_of(cell, "RU") == PhoneCell(ONE, is_one_of_several=True)


def test_the_same_phone_twice_is_one() -> None:
    assert phone_of(f"{ONE}, 8 916 123-45-67, 123", "RU") == PhoneCell(ONE)


@pytest.mark.parametrize(
    ("cell", "region", "regional", "international"),
    [
        ("15123456789", "CN", "8615123456789", "15123456789"),
        (ONE, "DE", f"49{ONE}", ONE),
        ("84951234567", "RU", "74951234567", ""),  # nobody in Vietnam is meant
        (ONE, "KZ", ONE, ""),
    ],
)
def test_bare_digits_may_be_those_of_another_country(cell: str, region: str, regional: str, international: str) -> None:
    assert phone_of(cell, region) == PhoneCell(regional, international=international)
    assert phone_of(cell, region, prefers_international=True).digits == (international or regional)
