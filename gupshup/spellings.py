"""One number, several spellings: WhatsApp keeps the old numbers of countries that have changed theirs.

Sources: Gupshup support, article 4407840924953 (Brazil, Mexico); Gupshup docs, the event `mismatch` (Argentina); the
countries' notices of longer numbers (Côte d'Ivoire 31 January 2021, Benin 30 November 2024).
"""

import re

#: The number in three parts; what stands between the first and the last today; what stood there before.
_RULES = (
    (re.compile(r"(55[1-9][0-9])(9?)([6-9][0-9]{7})"), "9", ""),  # Brazil: the ninth digit of mobile numbers
    (re.compile(r"(54)(9?)([1-8][0-9]{9})"), "9", ""),  # Argentina: a mobile number, dialled from abroad
    (re.compile(r"(52)(1?)([2-9][0-9]{9})"), "", "1"),  # Mexico: the 1 that was dialled until 2019
    (re.compile(r"(225)((?:01)?)([0-9][0-3][0-9]{6})"), "01", ""),  # Côte d'Ivoire: Moov,
    (re.compile(r"(225)((?:05)?)([0-9][4-6][0-9]{6})"), "05", ""),  # MTN
    (re.compile(r"(225)((?:07)?)([0-9][7-9][0-9]{6})"), "07", ""),  # and Orange
    (re.compile(r"(229)((?:01)?)([4-9][0-9]{7})"), "01", ""),  # Benin
)
_COUNTRIES = ("52", "54", "55", "225", "229")
#: Digits at its end, and at its beginning, that a number keeps when it is spelt in another way.
_TAIL, _HEAD = 7, 2


def spellings(phone: str) -> tuple[str, ...]:
    """All spellings of a number (digits) that WhatsApp may use: as its country writes it today, and as it did before."""
    if phone.startswith(_COUNTRIES):
        for pattern, today, before in _RULES:
            if parts := pattern.fullmatch(phone):
                return f"{parts[1]}{today}{parts[3]}", f"{parts[1]}{before}{parts[3]}"
    return (phone,)


def todays(phone: str) -> str:
    """The number as its country writes it today: the one form in which spellings are compared."""
    return spellings(phone)[0]


def alike(one: str, other: str) -> bool:
    """Whether two numbers (digits), given to one client by an event, can be spellings of one number.

    More countries may have two spellings than the rules know. What stays is the end of a number, and its beginning.
    """
    if todays(one) == todays(other):
        return True
    same_ends = one[:_HEAD] == other[:_HEAD] and one[-_TAIL:] == other[-_TAIL:]
    return same_ends and min(len(one), len(other)) > _HEAD + _TAIL
