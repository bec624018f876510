"""Phone numbers as people write them → digits with the country code, as Gupshup wants them.

Free text with several numbers is normal: CRM fields arrive as "a, b" and people paste what they have.
"""

import re

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
_SEPARATORS = re.compile(r"[,;\n\r]+")
_EXTENSION = re.compile(r"(?:доб(?:авочный)?|вн(?:утр)?|ext|x|#)\.?\s*:?\s*\d+\s*$", re.IGNORECASE)


def region_of(licence: str, language: str) -> str:
    """The default region of a portal: of its licence ("ru_company"), else its language, else Russia."""
    for source in (licence, language):
        code = source.lower().split("_")[0].strip()
        if code in _REGIONS:
            return _REGIONS[code]
        if code.upper() in phonenumbers.SUPPORTED_REGIONS:
            return code.upper()
    return DEFAULT_REGION


def split(text: str) -> list[str]:
    """The numbers of a free text field, untouched but for the blanks around them."""
    return [part.strip() for part in _SEPARATORS.split(text) if part.strip()]


def digits(text: str, region: str) -> str | None:
    """One number as digits with the country code, or None if it is not a possible number of its country."""
    cleaned = _EXTENSION.sub("", text.replace("\u00a0", " ").strip())
    for attempt in _readings(cleaned):
        try:
            number = phonenumbers.parse(attempt, region or DEFAULT_REGION)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).lstrip("+")
    return None


def _readings(text: str) -> list[str]:
    bare = re.sub(r"\D", "", text)
    if text.lstrip().startswith("+") or not bare:
        return [text]
    # Digits alone may be national ("89161234567") or already international without the plus ("79161234567").
    return [text, "+" + bare]


def valid(texts: list[str], region: str) -> list[str]:
    """The valid ones in their order, each once. Raises Refused invalid_phone if there is none."""
    found = list(dict.fromkeys(number for text in texts if (number := digits(text, region))))
    if not found:
        raise refused("invalid_phone", value=", ".join(texts)[:60])
    return found
