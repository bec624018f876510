"""Send a pin on the map."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields
from marshmallow.validate import Range

from activities.base import Desk
from activities.coordinates import pair, plain
from activities.errors import refused
from activities.session import SessionAction
from bx24.i18n import Text
from bx24.properties import DecimalFloat, Properties, first
from gupshup import messages

_FIELDS = ("latitude", "longitude")
_TITLES = {"latitude": Text("Latitude", "Широта"), "longitude": Text("Longitude", "Долгота")}
_TWICE = Text(
    "One of the fields holds a pair of coordinates, the other something else. Put the pair into both or a number into each.",
    "В одном из двух полей пара координат, а в другом — что-то другое. Укажите пару в обоих полях или число в каждом.",
)


class SendLocation(SessionAction):
    name = "send_location"
    title = Text("WhatsApp: location", "WhatsApp: геолокация")
    description = Text(
        "Sends a point on the map while the 24-hour window is open",
        "Отправляет точку на карте, пока открыто окно 24 часа",
    )

    class Content(Properties):
        latitude = DecimalFloat(
            required=True,
            allow_nan=False,
            validate=Range(-90, 90),
            metadata={
                "title": _TITLES["latitude"],
                "hint": Text(
                    "In degrees, north is positive. A pair like “54.9885, 73.3686” is understood in either field",
                    "В градусах, север — со знаком плюс. Пару «54.9885, 73.3686» можно вставить в любое из двух полей",
                ),
            },
        )
        longitude = DecimalFloat(
            required=True,
            allow_nan=False,
            validate=Range(-180, 180),
            metadata={
                "title": _TITLES["longitude"],
                "hint": Text("In degrees, east is positive", "В градусах, восток — со знаком плюс"),
            },
        )
        place = fields.String(load_default="", metadata={"title": Text("Name of the place", "Название места")})
        address = fields.String(load_default="", metadata={"title": Text("Address", "Адрес")})

    def tidy(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """A pair pasted into one field fills both. Raises Refused if the other field says something else."""
        if any(isinstance(_given(raw, code), Mapping) for code in _FIELDS):
            return raw
        given = {code: _typed(raw, code) for code in _FIELDS}
        pairs = list(filter(None, map(pair, given.values())))
        if pairs:
            found = dict(zip(_FIELDS, pairs[0], strict=True))
            for code, text in given.items():
                if text and pair(text) != pairs[0] and text.replace(",", ".") != found[code]:
                    raise refused("value_invalid", at=code, field=_TITLES[code], value=text[:60], remedy=_TWICE)
            given = found
        others = {key: value for key, value in raw.items() if str(key).lower() not in _FIELDS}
        return {**others, **given}

    def message(self, values: Mapping[str, Any], desk: Desk) -> messages.Message:
        return messages.Location(values["latitude"], values["longitude"], values["place"], values["address"])


def _typed(raw: Mapping[str, Any], code: str) -> str:
    """The field as typed, the first of several values; minus signs and degrees of maps made plain."""
    value = _given(raw, code)
    return "" if value is None else plain(str(value))


def _given(raw: Mapping[str, Any], code: str) -> Any:
    return first(next((value for key, value in raw.items() if str(key).lower() == code), ""))
