"""What keeps a campaign from being prepared: in words for its page, and whether it may pass by itself."""

from activities.errors import Refused, refused
from bx24.errors import Bx24Error
from bx24.i18n import Text
from gupshup.errors import GupshupError
from messaging.files.problems import Unfetched

Problem = Refused | Bx24Error | GupshupError
_NO_ANSWER = Text(
    "{who} has not given the recipients ({code}). Try again later; what is stored stays.",
    "{who} не отдал получателей ({code}). Попробуйте позже, введённое сохранено.",
)


def internal(campaign_id: int) -> Refused:
    """A fault of ours while this campaign was prepared."""
    return refused("internal", trace=f"campaign {campaign_id}")


def may_pass(why: Problem) -> bool:
    """Whether the problem may pass by itself: trouble at a vendor, a fault of ours. What a person must change does not."""
    if isinstance(why, Unfetched):
        return why.passing
    return why.code == "internal" if isinstance(why, Refused) else getattr(why, "retryable", True)


def stored(why: Problem) -> dict[str, str]:
    """The problem as `Campaign.problem` keeps it: code, en, ru; at: the setting that must be changed."""
    if isinstance(why, Refused):
        return {"code": why.code, "en": why.text.en, "ru": why.text.ru, "at": why.at}
    text = _NO_ANSWER.format(who="Bitrix24" if isinstance(why, Bx24Error) else "Gupshup", code=why.code)
    return {"code": why.code, "en": text.en, "ru": text.ru}
