"""How pages show languages, icons, badges, times and phones. Templates get these functions as globals.

Texts are English in the code (`_()`), Russian in translations/ru (`make texts` renews and compiles it).
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import phonenumbers
from flask import Flask, Response, g, send_from_directory, url_for
from flask_babel import Babel
from markupsafe import Markup

STATIC = Path(__file__).parent / "static"
#: Signs of currencies that everybody knows.
_SIGNS = {"USD": "$", "EUR": "€", "RUB": "₽", "INR": "₹", "GBP": "£", "KZT": "₸"}
_RUSSIAN = str.maketrans({",": "\N{NO-BREAK SPACE}", ".": ","})


def attach(app: Flask) -> None:
    """Give the app its languages and the templates their helpers."""
    app.add_url_rule("/static/<mark>/<path:filename>", "static", send_static)
    Babel(app, default_locale="en", locale_selector=lambda: g.get("language", "en"))
    app.jinja_env.globals.update(
        icon=icon, badge=badge, day=day, moment=moment, money=money, number=number, phone=phone, static=static
    )


@lru_cache(maxsize=1)
def _mark() -> str:
    """A digest of all static files. It stands in the path, because JavaScript modules import each other relatively."""
    whole = sha256()
    for path in sorted(path for path in STATIC.rglob("*") if path.is_file()):
        whole.update(path.relative_to(STATIC).as_posix().encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()[:12]


def static(name: str) -> str:
    """The address of a static file. It changes with the files, so browsers may cache the content for ever."""
    return url_for("static", mark=_mark(), filename=name)


def send_static(mark: str, filename: str) -> Response:
    """A static file. A page drawn before an update asks with an old mark: it gets today's file, not to be cached."""
    response = send_from_directory(STATIC, filename)
    response.cache_control.public, response.cache_control.no_cache = True, None
    if mark == _mark():
        response.cache_control.max_age, response.cache_control.immutable = 365 * 24 * 3600, True
    else:
        response.cache_control.no_store = True
    return response


def icon(name: str, small: bool = False) -> Markup:
    """An icon of static/icons.svg. Screen readers skip it, so words must stand beside it."""
    return Markup('<svg class="i{}" aria-hidden="true"><use href="{}#{}"/></svg>').format(
        " i-s" if small else "", static("icons.svg"), name
    )


def badge(kind: str, sign: str, words: object) -> Markup:
    """A state as words with an icon. kind: ok, bad, warn, info or "" (grey); sign: the icon's name."""
    return Markup('<span class="badge {}">{}{}</span>').format(kind, icon(sign), words)


def moment(at: datetime | date | None, style: str = "auto") -> Markup:
    """A point in time in UTC; the page's script shows it in the reader's time zone.

    style: auto (“today, 14:05”), full (date and time), clock (to a tenth of a second), date.
    """
    if at is None:
        return Markup("—")
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day, tzinfo=UTC)
    utc = at.astimezone(UTC)
    joint = " " if g.get("language") == "ru" else ", "
    shown = f"{day(utc)}{joint}{utc:%H:%M}"
    return Markup('<time datetime="{}" data-show="{}">{} UTC</time>').format(at.isoformat(), style, shown)


def day(at: date) -> str:
    """A day of the calendar, the same in every time zone: 23.11.2026 in Russian, 23 Nov 2026 in English."""
    return f"{at:%d.%m.%Y}" if g.get("language") == "ru" else f"{at.day} {at:%b %Y}"


def number(value: float) -> str:
    """12 480,5 in Russian, 12,480.5 in English; three places at most.

    Babel would do it, too, but its tables for two languages take 5 MB in each web process.
    """
    shown = f"{round(value, 3):,}".removesuffix(".0")
    return shown.translate(_RUSSIAN) if g.get("language") == "ru" else shown


def money(amount: int, currency: str, places: int = 2) -> str:
    """A sum in millionths of a currency: "12 480,50 $" in Russian, "$12,480.50" in English; a small one with more places."""
    if amount and abs(amount) < 5 * 10 ** (5 - places):
        places = 4
    shown = f"{Decimal(amount) / 1_000_000:,.{places}f}"
    sign = _SIGNS.get(currency, "")
    if g.get("language") == "ru":
        return f"{shown.translate(_RUSSIAN)}\N{NO-BREAK SPACE}{sign or currency}"
    return f"{sign}{shown}" if sign else f"{shown}\N{NO-BREAK SPACE}{currency}"


def phone(digits: str) -> Markup:
    """A phone on a page, as `spaced` writes it."""
    return Markup('<bdi class="nowrap">{}</bdi>').format(spaced(digits))


def spaced(digits: str) -> str:
    """A phone as people write it, +7 912 345-67-89; a text that is not a phone is returned unchanged."""
    try:
        parsed = phonenumbers.parse(f"+{digits.lstrip('+')}")
        return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    except phonenumbers.NumberParseException:
        return digits
