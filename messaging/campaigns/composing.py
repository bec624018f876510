"""Making the message of one recipient out of a campaign's template."""

import hashlib
import json
from collections.abc import Iterable
from collections.abc import Mapping as AnyMapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from activities.base import Card, Shared
from activities.errors import from_invalid, refused
from activities.send_template import Call, Wording, compose, unsupported
from bx24.i18n import Text
from gupshup.errors import InvalidMessage
from gupshup.templates import TemplateInfo
from messaging.campaigns import header_file
from messaging.campaigns.mapping import Mapping
from messaging.conversations.queueing import columns_of
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign
from messaging.store.models import Line
from messaging.templates.catalogue import look

_WORDING = Wording(
    params=Text("Variables", "Переменные"),
    button_params=Text("Buttons", "Кнопки"),
    header=Text("File of the header", "Файл заголовка"),
    remedy=Text("Fill it in, or enter a substitute.", "Заполните её или укажите замену для пустых значений."),
)


def digest_of(info: TemplateInfo) -> str:
    """Of all that a client sees of a template, and of what it costs."""
    seen = info.to_dict() | {"id": "", "status": "", "reason": "", "samples": ()}
    return hashlib.sha256(json.dumps(seen, sort_keys=True, default=str).encode()).hexdigest()


def template_on(session: Session, campaign: Campaign, line: Line) -> TemplateInfo | None:
    """The campaign's template as the line has it, by our copy; None if the line has none that can be sent."""
    found = look(session, line, campaign.template)
    mine = [info for info in found if info.name == campaign.template and info.language == campaign.language]
    return next((info for info in mine if info.sendable and unsupported(info) is None), None)


def fits(mapping: Mapping, info: TemplateInfo) -> bool:
    """Whether the mapping was made for a template with these variables."""
    return mapping.fits(len(info.text_vars), info.button_vars)


def variables_of(campaign: Campaign) -> Mapping:
    """Where the campaign's variables come from."""
    return Mapping.read(campaign.mapping)


class Composer:
    """Makes messages out of one line's template. shared: the file of the header if it is the same for all."""

    def __init__(self, info: TemplateInfo, mapping: Mapping, shared: Shared | None, now: datetime) -> None:
        self.info = info
        self.mapping = mapping
        self._desk = _Desk(info, shared, now)

    def columns(self, values: AnyMapping[str, str]) -> dict[str, Any]:
        """The columns of a message to a recipient with these values. Raises Refused."""
        filled = self.mapping.filled(values)
        call = Call(self.info.name, self.info.language, filled.params, filled.header, filled.buttons, wording=_WORDING)
        try:
            message, choices = compose(call, self._desk)
        except InvalidMessage as error:
            raise from_invalid(error) from error
        return {
            **columns_of(message, choices),
            "action": "send_template",
            "template": self.info.name,
            "category": self.info.category[:20],
        }


def composers_for(session: Session, runtime: Runtime, campaign: Campaign, lines: Iterable[Line]) -> dict[int, Composer]:
    """Line id → composer of the campaign's messages; a line whose template cannot be sent is missing."""
    variables, shared = variables_of(campaign), header_file.kept(session, runtime, campaign)
    found = {line.id: template_on(session, campaign, line) for line in lines}
    return {
        line_id: Composer(info, variables, shared, runtime.clock())
        for line_id, info in found.items()
        if info is not None
    }


class _Desk:
    """`activities.base.Desk` that knows one template and asks nobody."""

    msgid = region = ""

    def __init__(self, info: TemplateInfo, shared: Shared | None, now: datetime) -> None:
        self._info, self._shared, self._now = info, shared, now

    def now(self) -> datetime:
        return self._now

    def window_until(self) -> datetime | None:
        return None

    def template(self, reference: str, language: str) -> TemplateInfo | None:
        return self._info

    def file(self, reference: str, media: str, name: str = "") -> Shared:
        """The file that was kept when the campaign was prepared, else the recipient's own link as it is."""
        if self._shared is not None:
            return self._shared
        if not reference.startswith("https://") or len(reference) > 2000:
            raise refused("file_unreachable", at="header", value=reference[:100], reason=_NO_LINK)
        return Shared(media, reference, "", "", 0)

    def contact(self, reference: str) -> Card:
        raise refused("contact_not_found", value=reference, reason=_NO_LINK)

    def close_chats(self) -> int | None:
        return None


_NO_LINK = Text("it is no https link", "это не ссылка https")
