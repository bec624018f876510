"""What a portal's administrator has set about sending, with what holds until something is set (contract sections 9 and 14)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import time
from typing import Any, Self

from messaging.policy.quiet_hours import Hours
from messaging.runtime import Runtime
from messaging.store.models import Portal

STOP_WORDS = ("stop", "стоп", "unsubscribe", "отписаться", "отписка")
START_WORDS = ("start", "старт", "подписаться")


@dataclass(frozen=True)
class Policy:
    """stop_words, start_words: whole messages, compared without case and punctuation, or ids or titles of buttons.

    stops_utility: a client who has opted out gets no utility and authentication templates either. cap_in_a_row: so many
    marketing templates without a word of the client, 0: any number. cap_rest_h: hours without marketing after WhatsApp's
    131049. quiet_from, quiet_to: "HH:MM" of the client's day. zone_field: code of the CRM field that names a client's time
    zone. country_zones: country ("RU") → IANA zone. time_zone: the portal's IANA zone. "" where nothing is set. balance_days:
    people are warned when a line's balance covers fewer days than that (messaging.money.spending).
    """

    stop_words: tuple[str, ...] = STOP_WORDS
    start_words: tuple[str, ...] = START_WORDS
    stops_utility: bool = False
    cap_in_a_row: int = 2
    cap_rest_h: int = 24
    quiet_from: str = "21:00"
    quiet_to: str = "09:00"
    zone_field: str = ""
    country_zones: Mapping[str, str] = field(default_factory=dict)
    time_zone: str = ""
    balance_days: int = 1
    rights: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, portal: Portal) -> Self:
        """A portal's policy. What a newer release has stored and this one does not know is left alone."""
        known = {setting.name for setting in fields(cls)}
        stored: dict[str, Any] = {name: value for name, value in (portal.policy or {}).items() if name in known}
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
        }
        return cls(**values)

    @property
    def quiet_hours(self) -> Hours:
        """When messages are to rest, by the client's clock; none if what is stored cannot be read."""
        try:
            return Hours.read(self.quiet_from, self.quiet_to)
        except ValueError:
            return Hours(time(), time())

    def stored_in(self, portal: Portal) -> dict[str, Any]:
        """The value of the column `portal.policy`; keeps what this release does not know."""
        mine = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {**(portal.policy or {}), **mine}


def change(runtime: Runtime, portal_id: int, **settings: Any) -> None:
    """Store what an administrator has set; settings: fields of Policy."""
    with runtime.db.write() as session:
        portal = session.get_one(Portal, portal_id, with_for_update=True)
        portal.policy = replace(Policy.of(portal), **settings).stored_in(portal)
