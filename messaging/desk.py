"""`activities.base.Desk` for one run: what an action may ask while it plans."""

from datetime import datetime, timedelta

from activities.base import Card, Shared
from gupshup.templates import TemplateInfo
from messaging.cards import contact_card
from messaging.files import Files
from messaging.models import Conversation, Line, Run
from messaging.runtime import Runtime
from messaging.templates import Templates

#: WhatsApp's customer service window, with a minute to spare for the way there (contract section 8).
WINDOW = timedelta(hours=24) - timedelta(minutes=1)
#: A message may be queued until the wait ends, and WhatsApp fetches its file a little later still.
KEEP_AFTER = timedelta(days=1)


class RunDesk:
    """Answers from the database, from the portal's CRM and from Gupshup; on a planning thread."""

    def __init__(self, runtime: Runtime, run: Run, line: Line, conversation: Conversation | None, region: str) -> None:
        self.runtime = runtime
        self.run = run
        self.line = line
        self.conversation = conversation
        self.region = region
        self.msgid = run.trace

    def now(self) -> datetime:
        return self.runtime.clock()

    def window_until(self) -> datetime | None:
        last = self.conversation.last_inbound_at if self.conversation else None
        # What was written before the line was connected (again) went to somebody else's account: it opens nothing here.
        if last is None or last < self.line.connected_at.replace(microsecond=0):
            return None
        until = last + WINDOW
        return until if self.now() < until else None

    def contact(self, reference: str) -> Card:
        return contact_card(self.runtime, self.run.portal_id, reference)

    def file(self, reference: str, media: str, name: str = "") -> Shared:
        return Files(self.runtime).shared(
            portal_id=self.run.portal_id,
            document=self.run.document,
            reference=reference,
            media=media,
            name=name,
            keep_until=self.run.deadline_at + KEEP_AFTER,
        )

    def template(self, reference: str, language: str) -> TemplateInfo | None:
        return Templates(self.runtime, self.line).find(reference, language)
