"""Phone numbers as people write them → digits with the country code, as Gupshup wants them.

Free text with several numbers is normal: CRM fields arrive as "a, b" and people paste what they have.
"""

import re
import unicodedata

import phonenumbers

from activities.errors import refused

DEFAULT_REGION = "RU"
# Portal licences and languages that do not name their country. Reference: contract section 8, "Phones".
_REGIONS = {
    "en": "US", "la": "MX", "br": "BR", "by": "BY", "kz": "KZ", "ua": "UA", "de": "DE", "fr": "FR", "it": "IT",
    "pl": "PL", "tr": "TR", "in": "IN", "cn": "CN", "sc": "CN", "tc": "TW", "ja": "JP", "jp": "JP", "vn": "VN",
    "id": "ID", "ms": "MY", "th": "TH", "ar": "AE", "ru": "RU", "am": "AM", "az": "AZ", "ge": "GE", "kg": "KG",
    "uz": "UZ", "uk": "GB", "co": "CO", "mx": "MX", "es": "ES", "hi": "IN", "eu": "DE",
}  # fmt: skip
_LONGEST = 120  # with every label and extension; beyond it a field holds prose, not a number
_FEWEST_DIGITS = 7
#: Numbers of one field that are looked at; reading a number takes a fraction of a millisecond.
MAX_NUMBERS = 20
_SEPARATORS = re.compile(r"[,;\n\r，；،、\u2028\u2029]+")
# These part numbers only where a number stands on each side: "495 123-45-67/68" and "8/999/123…" are one.
_MAYBE_SEPARATORS = re.compile(r"(?<=\s)(?:и|или|либо|and|or)(?=\s)|[/|\\]", re.IGNORECASE)
# "8 495 123-45-67" without its blanks. As an international number it would be somebody in Vietnam.
_RUSSIAN = re.compile("8[0-9]{10}")
_MOBILE = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
_EXTENSION = re.compile(
    r"(?<=[0-9)])[\s,;(]*"
    r"(?:доб(?:авочный|ав)?|вн(?:утр(?:енний)?)?|ext(?:ension)?|x|#)[.:\s]*(?:no\.?|#)?\s*[0-9]{1,6}[\s).]*$"
    r"|(?<=[0-9])\s?/\s?[0-9]{1,4}$",  # "123-45-67/68": the neighbouring line
    re.IGNORECASE,
)
# A label, the number, a remark: "тел. 8-999-…", "+7 999 … (Анна)". Nothing glued to it but punctuation, no e-mail.
_LABELLED = re.compile(r"(?:[^0-9+@]*[^\w+@])?(\+?[0-9\s().\-]*[0-9])(?:[^\w@][^0-9@]*)?")


def region_of(licence: str, language: str, chosen: str = "") -> str:
    """The region of a portal: the chosen one, else of its licence ("ru_company"), else of its language, else Russia."""
    if chosen:
        return chosen
    for source in (licence, language):
        code = source.lower().split("_")[0].strip()
        if code in _REGIONS:
            return _REGIONS[code]
        if code.upper() in phonenumbers.SUPPORTED_REGIONS:
            return code.upper()
    return DEFAULT_REGION


def regions() -> frozenset[str]:
    """All countries whose numbers can be read, as two letters."""
    return frozenset(phonenumbers.SUPPORTED_REGIONS)


def split(text: str) -> list[str]:
    """The first MAX_NUMBERS numbers of a free text field, untouched but for the blanks around them."""
    found: list[str] = []
    for part in _SEPARATORS.split(text):
        pieces = _MAYBE_SEPARATORS.split(part)
        numbers = pieces if all(_has_a_number(piece) for piece in pieces) else [part]
        found += [stripped for number in numbers if (stripped := number.strip())]
        if len(found) >= MAX_NUMBERS:
            break
    return found[:MAX_NUMBERS]


def digits(text: str, region: str) -> str | None:
    """One number as digits with the country code, or None if it is not a possible number of its country.

    A number without "+" is one of `region`, or of another country whose code is plain to see (`_names_its_country`).
    """
    whole = _plain(text)
    # Without the tail first: "495 123-45-67/68" as a whole would be somebody in Germany.
    for candidate in dict.fromkeys((_EXTENSION.sub("", whole), whole)):
        labelled = _LABELLED.fullmatch(candidate.replace("/", " "))
        if labelled and (found := _read(labelled[1], region or DEFAULT_REGION)):
            return found
    return None


def tail(text: str) -> str:
    """What stands behind the number to reach its person: " доб. 12", or ""."""
    found = _EXTENSION.search(_plain(text))
    return f" {found[0].strip(' ,;()')}" if found else ""


def valid(texts: list[str], region: str) -> list[str]:
    """The valid ones of the first MAX_NUMBERS in their order, each once. Raises Refused invalid_phone if there is none."""
    texts = texts[:MAX_NUMBERS]
    found = list(dict.fromkeys(number for text in texts if (number := digits(text, region))))
    if not found:
        raise refused("invalid_phone", at="phone", value=", ".join(texts)[:60])
    return found


def _has_a_number(text: str) -> bool:
    return sum(character.isdecimal() for character in text) >= _FEWEST_DIGITS


def _plain(text: str) -> str:
    """ASCII digits, dashes and blanks in place of full-width, non-breaking and invisible characters; "" for prose."""
    if len(text) > _LONGEST:
        return ""
    plain = "".join(map(_plain_character, unicodedata.normalize("NFKC", text))).strip()
    return plain if len(plain) <= _LONGEST else ""


def _plain_character(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return "-" if category == "Pd" or character == "\u2212" else " " if category == "Cc" else character


def _read(number: str, region: str) -> str | None:
    for attempt in _readings(number, region):
        if parsed := _parsed(attempt, region):
            return _international(parsed)
    # Digits alone may be international without the plus: "79161234567".
    bare = re.sub("[^0-9]", "", number)
    parsed = _parsed("+" + bare, region)
    return _international(parsed) if parsed and _names_its_country(number, parsed) else None


def _readings(number: str, region: str) -> list[str]:
    bare = re.sub("[^0-9]", "", number)
    if number.startswith("+"):
        # "+8 (999) …" is a slip of the pen for "8 (999) …": no country code begins so.
        return [number, bare] if _RUSSIAN.fullmatch(bare) and region in ("RU", "KZ") else [number]
    return ["+" + bare[2:], number] if bare.startswith("00") else [number]


def _parsed(number: str, region: str) -> phonenumbers.PhoneNumber | None:
    """None unless the number is a valid one of its country."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    return parsed if phonenumbers.is_valid_number(parsed) else None


def _international(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).lstrip("+")


def _names_its_country(written: str, number: phonenumbers.PhoneNumber) -> bool:
    """Whether a number without "+" begins with its country code for all to see.

    Either the code stands apart ("380 67 123 45 67"), or there are digits only, as WhatsApp and programs write a mobile
    number. What looks like a number of another country by chance must not be sent there.
    """
    first = re.match("[0-9]*", written.lstrip("( "))
    if first is not None and first[0] == str(number.country_code):
        return True
    return written.isdecimal() and not _RUSSIAN.fullmatch(written) and phonenumbers.number_type(number) in _MOBILE


def country_of(number: str) -> str:
    """The country of a number (digits with the country code) as two letters, "RU"; "" if it belongs to none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(f"+{number}")) or ""
    except phonenumbers.NumberParseException:
        return ""
