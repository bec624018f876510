"""What pages of campaigns share: the steps of a draft, the portal's lines, how long a campaign is followed."""

from datetime import timedelta
from typing import Any

from flask import Response
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from messaging.campaigns import changes
from messaging.store.campaigns import Campaign
from web.context import runtime
from web.frames import Viewer
from web.pages.campaigns.rights import SECTION
from web.pages.shell import show

#: Endpoint → the step's name.
STEPS: dict[str, LazyString] = {
    "campaign_audience": _l("Audience"),
    "campaign_template": _l("Template"),
    "campaign_timing": _l("When and how fast"),
    "campaign_check": _l("Final check"),
}


#: States in which pages ask again, and for how long after the end they still do: statuses rise for some time.
_MOVING = changes.OPEN
_SETTLES = timedelta(minutes=10)


def moves(campaign: Campaign) -> bool:
    """Whether pages about this campaign follow it."""
    ended = campaign.ended_at
    return campaign.state in _MOVING or (ended is not None and runtime().clock() - ended < _SETTLES)


def draw(template: str, viewer: Viewer, campaign: Campaign, step: str, **values: Any) -> Response:
    """A step of the draft. values: said, refused: a sentence above it; errors: field → what is wrong; others."""
    shown = {"errors": {}, "said": "", "refused": "", **values}
    return show(template, viewer, section=SECTION, campaign=campaign, steps=STEPS, step=step, **shown)
