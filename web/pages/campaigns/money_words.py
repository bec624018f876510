"""What is said about money before a campaign starts."""

from math import ceil

from flask_babel import gettext as _
from flask_babel import ngettext

from messaging.campaigns.costs import Expected, Short
from messaging.store.campaigns import Campaign
from web.pages.prices import NAMES
from web.texts import money

#: Missing prices that are named.
_NAMED = 10


def warnings(campaign: Campaign, cost: Expected, short: list[Short]) -> list[str]:
    """A balance that does not cover it, prices that are missing, a budget that it exceeds."""
    told = [
        _(
            "The balance of the line “%(line)s” is %(left)s; its part of the campaign needs about %(wanted)s with a reserve. "
            "The campaign will pause before the money is gone. Top up first.",
            line=one.line.name or one.line.app_name,
            left=money(max(0, one.left.amount), one.left.currency),
            wanted=money(one.wanted, one.left.currency),
        )
        for one in short
    ]
    if cost.missing:
        names = sorted({f"{row.country or '—'} ({_missing(row.missing)})" for row in cost.missing})[:_NAMED]
        told.append(
            _(
                "Prices are missing, so the cost is not known in full: %(names)s. Enter them in Prices.",
                names=", ".join(names),
            )
        )
    if campaign.budget is not None:
        told += _about_budget(campaign.budget, cost.totals.get(campaign.budget_currency, 0), cost)
    return [str(one) for one in told]


def _about_budget(budget: int, whole: int, cost: Expected) -> list[str]:
    if not whole and any(cost.totals.values()):
        return [_("The budget is in another currency than the prices, so it stops nothing. Enter it again.")]
    if whole <= budget:
        return []
    days = ceil(whole / budget)
    words = ngettext("%(num)s day", "%(num)s days", days)
    return [_("With this budget a day the campaign takes about %(days)s.", days=words)]


def _missing(category: str) -> str:
    return _("another currency than Gupshup's fee") if category == "currency" else str(NAMES.get(category, category))
