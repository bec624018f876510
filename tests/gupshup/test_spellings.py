"""Numbers that WhatsApp spells in another way than their country does."""

import pytest

from gupshup.spellings import alike, spellings, todays


@pytest.mark.parametrize(
    ("today", "before"),
    [
        ("5531987654321", "553187654321"),
        ("5511961234567", "551161234567"),
        ("5491123456789", "541123456789"),
        ("525512345678", "5215512345678"),
        ("2250102345678", "22502345678"),
        ("2250546345678", "22546345678"),
        ("2250788345678", "22588345678"),
        ("2290197123456", "22997123456"),
    ],
)
def test_both_spellings_are_one_number(today: str, before: str) -> None:
    assert todays(today) == todays(before) == today
    assert spellings(today) == spellings(before) == (today, before)
    assert alike(today, before)


@pytest.mark.parametrize(
    "phone",
    ["79123456789", "553133334444", "5531387654321", "54911234567890", "52155123456", "2250122345", "2290121123456",
     "2250788", "551234", "", "525"],
)  # fmt: skip
def test_other_numbers_have_one_spelling(phone: str) -> None:
    assert spellings(phone) == (phone,)


@pytest.mark.parametrize(
    ("one", "other", "may_be"),
    [
        ("998901234567", "9980901234567", True),
        ("79123456789", "79123456789", True),
        ("79123456789", "79123456780", False),
        ("79123456789", "89123456789", False),
        ("79123456789", "7", False),
        ("79123456789", "", False),
        ("723456789", "79123456789", False),
    ],
)
def test_only_numbers_with_the_same_ends_are_learned(one: str, other: str, may_be: bool) -> None:
    assert alike(one, other) is alike(other, one) is may_be
