"""What a viewer sees of clients' phones in campaigns: all of them, or their middle masked (messaging.policy.rights)."""

import re
from collections.abc import Mapping

from markupsafe import Markup

from messaging.store.campaigns import Recipient, Skipped
from messaging.store.models import Portal
from web.frames import Viewer
from web.pages.messages import masked, shown_phone, without_phones
from web.rights import sees_phones


class Veil:
    """Shows phones whole, or masks them; the same for pages and for files."""

    def __init__(self, viewer: Viewer, portal: Portal) -> None:
        self.is_whole = sees_phones(viewer, portal)

    def phone(self, digits: str) -> Markup | str:
        """A client's phone on a page."""
        return shown_phone(digits, self.is_whole)

    def recipient(self, one: Recipient) -> Markup | str:
        """What stands for a recipient on a page: the phone, or what was given in its place."""
        return self.phone(one.phone) if _has_phone(one) else self.raw(one.phone) or "—"

    def cell(self, one: Recipient) -> str:
        """The same in a file: without "+", digits alone if they may be seen."""
        if self.is_whole or not _has_phone(one):
            return self.raw(one.phone)
        return masked(one.phone).lstrip("+")

    def raw(self, text: str) -> str:
        """What stands where a phone is expected, however it is written: all digits but the last two are masked."""
        return text if self.is_whole else re.sub(r"\d(?=\D*\d\D*\d)", "*", text)

    def text(self, text: str) -> str:
        """Words that may hold a phone."""
        return text if self.is_whole else without_phones(text)

    def row(self, row: Mapping[str, str], column: str) -> dict[str, str]:
        """A row of a file. column: of the phones."""
        return {name: self.raw(cell) if name == column else self.text(cell) for name, cell in row.items()}


def _has_phone(one: Recipient) -> bool:
    """Whether it was a phone that was given: repetitions of one have no key."""
    return one.phone_key is not None or one.reason == Skipped.DUPLICATE
