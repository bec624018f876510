"""`activities.base.Desk` for one run: what an action may ask while it plans."""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any

from activities.base import Card, Shared
from gupshup.templates import TemplateInfo
from messaging.conversations.window import window_until
from messaging.files.storage import Files
from messaging.money import estimates
from messaging.policy import tier, zones
from messaging.policy.settings import Policy
from messaging.portals import crm_chats, scopes, tokens
from messaging.portals.crm import Cards, Pair, contact_card, pair_of
from messaging.runtime import Runtime
from messaging.store.models import Conversation, Line, Portal
from messaging.store.rows import RunRow
from messaging.templates.catalogue import Templates, is_fresh, meant

#: A message may be queued until the wait ends, and WhatsApp fetches its file a little later still.
KEEP_AFTER = timedelta(days=1)


class RunDesk:
    """Answers from the database, from the portal's CRM and from Gupshup; on a planning thread."""

    #: The portal's cards as far as they were read; a desk without them asks nobody.
    cards: Cards | None = None

    def __init__(
        self,
        runtime: Runtime,
        run: RunRow,
        line: Line,
        conversation: Conversation | None,
        region: str,
        portal: Portal,
    ) -> None:
        self.runtime = runtime
        self.run = run
        self.line = line
        self.conversation = conversation
        self.region = region
        self.portal = portal
        self.msgid = run.trace
        #: The template the action has asked for last: what it sends.
        self.template_used: TemplateInfo | None = None

    def now(self) -> datetime:
        return self.runtime.clock()

    def window_until(self) -> datetime | None:
        return window_until(self.conversation, self.line, self.now())

    def open_conversation(self, phone: str) -> None:
        """A template opens the conversation with this phone (digits). Raises Refused limit_reached."""
        if not self.line.tier:
            return
        with self.runtime.db.read() as session:
            why = tier.refusal(session, self.runtime, self.line, phone)
        if why is not None:
            raise why

    def price_of(self, is_session: bool, category: str, country: str) -> dict[str, Any]:
        """The columns of a message that say what it is expected to cost. category: of its template."""
        message = {"is_session": is_session, "category": category}
        cost = estimates.of_message(self.runtime, self.portal, self.line, self.conversation, message, country)
        return estimates.columns(cost)

    def close_chats(self) -> int | None:
        """The one answer that changes something, in the portal: closing may be repeated like a look."""
        with self.runtime.db.read() as session:
            is_granted = scopes.has(session.get_one(Portal, self.run.portal_id), scopes.OPEN_CHANNELS)
        return crm_chats.close(self.runtime, self.run.portal_id, self.run.document) if is_granted else None

    def contact(self, reference: str) -> Card:
        return contact_card(self.runtime, self.run.portal_id, reference)

    def file(self, reference: str, media: str, name: str = "") -> Shared:
        rest = tokens.portal_client(self.runtime, self.run.portal_id)
        return Files(self.runtime, self.run.portal_id, rest, rest.endpoint).shared(
            document=self.run.document,
            reference=reference,
            media=media,
            name=name,
            keep_until=self.run.deadline_at + KEEP_AFTER,
        )

    def template(self, reference: str, language: str) -> TemplateInfo | None:
        self.template_used = self.find_template(reference, language)
        return self.template_used

    @cached_property
    def policy(self) -> Policy:
        """What the portal's administrator has set about sending."""
        return Policy.of(self.portal)

    def zone(self, phone: str) -> tzinfo:
        """The client's time zone. phone: digits. Raises Bx24Error if the card cannot be read just now."""
        item = pair_of(self.run.document)
        written = self._written(item, self.policy.zone_field) if item and self.policy.zone_field else []
        return zones.of_client(self.policy, written, phone, self.region, self.now())

    def _written(self, item: Pair, field: str) -> list[str]:
        """What the field that names the client's zone holds: in the item, then in its contacts."""
        return self.cards.texts(item, field) if self.cards else []

    def find_template(self, reference: str, language: str) -> TemplateInfo | None:
        """From the cache; Gupshup is asked for what the cache does not hold."""
        return Templates(self.runtime, self.line).find(reference, language)


class Elsewhere(Exception):
    """This cannot be answered from memory: a thread must ask the portal or Gupshup.

    together: runs of one portal with the same word here are answered by one asking; "": each asks for itself.
    """

    def __init__(self, together: str = "") -> None:
        super().__init__(together)
        self.together = together


class QuickDesk(RunDesk):
    """A desk that asks nobody: what it knows is enough for most runs, and they need no thread."""

    #: (line, reference) → the templates that bear it, as the cache has them.
    known: Callable[[Line, str], list[TemplateInfo]]

    def close_chats(self) -> int | None:
        raise Elsewhere

    def contact(self, reference: str) -> Card:
        raise Elsewhere

    def file(self, reference: str, media: str, name: str = "") -> Shared:
        raise Elsewhere

    def _written(self, item: Pair, field: str) -> list[str]:
        raise Elsewhere("cards")

    def find_template(self, reference: str, language: str) -> TemplateInfo | None:
        if not self.line.app_id:
            return None
        found = self.known(self.line, reference) if is_fresh(self.runtime, self.line) else []
        if not found:
            raise Elsewhere(f"templates of line {self.line.id}")
        return meant(reference, language, found)
