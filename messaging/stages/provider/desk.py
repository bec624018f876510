"""`activities.base.Desk` for a message that the portal hands over."""

from activities.base import Shared
from bx24.message_service import Module
from messaging.files.storage import Files
from messaging.portals import tokens
from messaging.runtime import Runtime
from messaging.templates.by_hand import FILE_KEPT, HandDesk, Recipient


class ProviderDesk(HandDesk):
    """The header of a macro may name a file of the portal only if a robot sends it: an administrator has set that up.

    A person who writes a text must not send files that he may not read himself, while the app may.
    """

    def __init__(self, runtime: Runtime, to: Recipient, module: str) -> None:
        super().__init__(runtime, to)
        self.is_robot = module == Module.BIZPROC

    def file(self, reference: str, media: str, name: str = "") -> Shared:
        if not self.is_robot:
            return super().file(reference, media, name)
        rest = tokens.portal_client(self.runtime, self.chat.portal_id)
        files = Files(self.runtime, self.chat.portal_id, rest, rest.endpoint)
        keep_until = self.now() + FILE_KEPT
        return files.shared(document=(), reference=reference, media=media, name=name, keep_until=keep_until)
