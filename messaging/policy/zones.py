"""In which time zone a client lives, as far as it can be known.

In this order (contract section 9): what the card says, the number, the country, the portal. A mobile number of Russia, the
USA or Kazakhstan may be anywhere in its country; a number of Germany, or a landline of Yekaterinburg, says where it is.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from phonenumbers.timezone import time_zones_for_number

from activities import phones
from messaging.policy.settings import Policy

#: Where a country's offices are, as a rule: for portals whose administrator has not said it.
_OFFICES = {
    "RU": "Europe/Moscow", "BY": "Europe/Minsk", "KZ": "Asia/Almaty", "UA": "Europe/Kyiv", "UZ": "Asia/Tashkent",
    "KG": "Asia/Bishkek", "AM": "Asia/Yerevan", "AZ": "Asia/Baku", "GE": "Asia/Tbilisi", "DE": "Europe/Berlin",
    "FR": "Europe/Paris", "IT": "Europe/Rome", "ES": "Europe/Madrid", "PL": "Europe/Warsaw", "TR": "Europe/Istanbul",
    "GB": "Europe/London", "IN": "Asia/Kolkata", "CN": "Asia/Shanghai", "TW": "Asia/Taipei", "JP": "Asia/Tokyo",
    "VN": "Asia/Ho_Chi_Minh", "ID": "Asia/Jakarta", "MY": "Asia/Kuala_Lumpur", "TH": "Asia/Bangkok", "AE": "Asia/Dubai",
    "BR": "America/Sao_Paulo", "MX": "America/Mexico_City", "CO": "America/Bogota", "US": "America/New_York",
}  # fmt: skip
#: "UTC+3", "GMT+05:30", "+3", "МСК+2", "MSK".
_OFFSET = re.compile(r"(utc|gmt|мск|msk)?\s*([+\-−–]\s*\d{1,2})?(?::?([0-5]\d))?", re.IGNORECASE)
_MOSCOW = ("мск", "msk")
_FARTHEST = timedelta(hours=14)


@lru_cache
def names() -> dict[str, str]:
    """The zones that can be chosen, as people may write them (small letters) → as they are called: "europe/moscow"."""
    return {name.lower(): name for name in available_timezones() if "/" in name and not name.startswith("Etc/")}


def read(text: str) -> tzinfo | None:
    """A time zone as written in a card or in the settings: "Europe/Moscow", "UTC+3", "МСК+2"; None if the text names none."""
    written = text.strip()
    if name := names().get(written.lower().replace(" ", "_")):
        return ZoneInfo(name)
    found = _OFFSET.fullmatch(written)
    if found is None or not (found[1] or found[2]):
        return None
    hours = re.sub(r"\s", "", re.sub(r"[−–]", "-", found[2] or "+0"))
    return _offset((found[1] or "").lower(), hours, found[3] or "0")


def _offset(base: str, hours: str, minutes: str) -> tzinfo | None:
    sign = -1 if hours.startswith("-") else 1
    offset = timedelta(hours=int(hours), minutes=sign * int(minutes))
    offset += timedelta(hours=3) if base in _MOSCOW else timedelta()
    return timezone(offset) if abs(offset) <= _FARTHEST else None


def of_number(number: str, now: datetime) -> tzinfo | None:
    """The zone of a number (digits with the country code) if all zones it may belong to show the same time; else None."""
    try:
        parsed = phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return None
    found = [zone for name in time_zones_for_number(parsed) if (zone := read(name)) is not None]
    clocks = {tuple((now + timedelta(days=days)).astimezone(zone).utcoffset() for days in (0, 1)) for zone in found}
    return found[0] if len(clocks) == 1 else None


def of_portal(policy: Policy, region: str) -> tzinfo:
    """The portal's zone: what its administrator has set, else where offices of its country are, else UTC."""
    return read(policy.time_zone) or read(_OFFICES.get(region, "")) or UTC


def of(policy: Policy, region: str, language: str, phone_region: str) -> tzinfo:
    """The same by what the portal's row holds: the country of its licence, its language, the country of its numbers."""
    return of_portal(policy, phones.region_of(region, language, phone_region))


def of_client(policy: Policy, written: Iterable[str], number: str, region: str, now: datetime) -> tzinfo:
    """The client's zone. written: what the field named by the administrator holds, in the item, then in its contacts;
    number: digits; region: the portal's country."""
    said = next((zone for text in written if (zone := read(text)) is not None), None)
    if said is not None:
        return said
    country = policy.country_zones.get(phones.country_of(number), "")
    return of_number(number, now) or read(country) or of_portal(policy, region)
