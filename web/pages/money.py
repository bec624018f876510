"""What pages say about money: the cost of a message, the account and the budget of a line, a sum that somebody types."""

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from messaging.money import accounts, prices, spending
from messaging.money.accounts import Left
from messaging.money.spending import MOST_DAYS, Budget, Supply
from messaging.money.table import MARKETING, REST
from messaging.policy.settings import Policy
from messaging.store import amounts
from messaging.store.models import Line, Message, Portal
from messaging.store.money import LineAccount
from messaging.store.priced import FAILED
from web.context import runtime

#: Estimate and bill that differ by more than this share are both shown.
_DIFFERENT = 0.05


@dataclass(frozen=True)
class MessageCost:
    """amount, estimate: millionths, None: not known. was_other: the estimate was quite another sum than the bill."""

    amount: int | None
    estimate: int | None
    currency: str
    is_billed: bool

    @property
    def was_other(self) -> bool:
        if not self.is_billed or self.estimate is None or self.amount is None:
            return False
        return abs(self.estimate - self.amount) > _DIFFERENT * max(self.amount, 1)


def of_message(message: Message | None) -> MessageCost | None:
    """What a message costs; None of one that does not exist, or was never charged because it failed."""
    if message is None or (message.status in FAILED and message.billed is None):
        return None
    return MessageCost(message.cost, message.estimate, message.currency, message.billed is not None)


def currency_of(portal: Portal) -> str:
    """The currency of the portal's prices: that of marketing in its country, else of all other countries."""
    table, today = prices.table_of(runtime(), portal), prices.today(runtime())
    region = portal.phone_region or portal.region.upper()[:2] or REST
    found = next((rate for code in (region, REST) if (rate := table.price(code, MARKETING, today))), None)
    return found.currency if found is not None else "USD"


def read_budget(text: str) -> tuple[int | None, str]:
    """A budget as somebody typed it, in millionths, None for none; and what is wrong with it."""
    written = text.strip()
    if not written:
        return None, ""
    amount = amounts.read(written)
    if not amount:
        return None, _("Enter a sum above 0 with at most six decimal places, for example 20, or leave it empty.")
    return amount, ""


def read_days(text: str) -> int | None:
    """For how many days a balance should last, as somebody typed it; None: that is no number of days from 1 to 60."""
    written = text.strip()
    is_number = written.isascii() and written.isdecimal() and len(written) < 4
    return int(written) if is_number and 1 <= int(written) <= MOST_DAYS else None


@dataclass(frozen=True)
class Account:
    """stored: None if nobody has ever asked; supply: None: nobody has told; budget: None: any sum; is_partner: somebody asks.

    days: for how many days a balance should last, or people are warned.
    """

    stored: LineAccount | None
    supply: Supply | None
    budget: Budget | None
    is_partner: bool
    currency: str
    days: int

    @property
    def left(self) -> Left | None:
        return self.supply.left if self.supply is not None else None

    @property
    def errors(self) -> list[tuple[str, str]]:
        """What WhatsApp says is wrong with the number, and what to do."""
        info: dict[str, Any] = (self.stored.info or {}) if self.stored is not None else {}
        return [(str(one[0]), str(one[1])) for one in info.get("errors") or [] if len(one) == 2]

    @property
    def is_banned(self) -> bool:
        info: dict[str, Any] = (self.stored.info or {}) if self.stored is not None else {}
        return info.get("account") == "BANNED" or info.get("can_send") == "BLOCKED"


def account_of(session: Any, portal: Portal, line: Line) -> Account:
    """What is known about a line's account, and its budget."""
    stored = accounts.of_lines(session, [line.id]).get(line.id)
    now = runtime().clock()
    budget = spending.of_line(session, portal, line.id, now)
    supply = spending.supply(session, portal, stored, now)
    is_partner, days = runtime().partner is not None, Policy.of(portal).balance_days
    return Account(stored, supply, budget, is_partner, currency_of(portal), days)
