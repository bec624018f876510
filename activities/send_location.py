"""Send a pin on the map."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields
from marshmallow.validate import Range

from activities.base import Desk, SendAction
from bx24.i18n import Text
from bx24.properties import DecimalFloat, Properties
from gupshup import messages


class SendLocation(SendAction):
    name = "send_location"
    title = Text("WhatsApp: location", "WhatsApp: геолокация")
    description = Text("Sends a point on the map", "Отправляет точку на карте")

    class Content(Properties):
        latitude = DecimalFloat(
            required=True,
            allow_nan=False,
            validate=Range(-90, 90),
            metadata={
                "title": Text("Latitude", "Широта"),
                "hint": Text("Degrees, north is positive", "Градусы, север — со знаком плюс"),
            },
        )
        longitude = DecimalFloat(
            required=True,
            allow_nan=False,
            validate=Range(-180, 180),
            metadata={
                "title": Text("Longitude", "Долгота"),
                "hint": Text("Degrees, east is positive", "Градусы, восток — со знаком плюс"),
            },
        )
        place = fields.String(load_default="", metadata={"title": Text("Name of the place", "Название места")})
        address = fields.String(load_default="", metadata={"title": Text("Address", "Адрес")})

    def message(self, values: Mapping[str, Any], desk: Desk) -> messages.Message:
        return messages.Location(values["latitude"], values["longitude"], values["place"], values["address"])
