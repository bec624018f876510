"""Who may see and change campaigns, and the campaign that a page is about."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response
from flask_babel import gettext as _

from messaging.campaigns import changes
from messaging.campaigns.changes import TooMany, WrongState
from messaging.policy.rights import Right
from messaging.store.campaigns import Campaign
from messaging.store.models import Portal
from web.context import runtime
from web.frames import Viewer
from web.pages.campaigns.words import STATES
from web.pages.shell import having, show
from web.texts import number

View = Callable[..., Response]
SECTION = "campaigns"


#: For those who may make campaigns, and see them; the view gets the viewer and his portal.
broadcasts = having(Right.BROADCAST)


def of_campaign(view: View) -> View:
    """The same for an address with a campaign's key: the view gets the campaign as well.

    If it has changed into another state meanwhile, or a limit is reached, a page says so.
    """

    @wraps(view)
    def checked(viewer: Viewer, portal: Portal, key: str, *args: Any, **kwargs: Any) -> Response:
        try:
            return view(viewer, portal, found(portal, key), *args, **kwargs)
        except LookupError:
            return show("pages/problem.html", viewer, status=404, section=SECTION, problem="not_found")
        except WrongState as error:
            words = _("Meanwhile the campaign has changed, it is “%(state)s” now.", state=STATES[error.state][0])
        except TooMany as error:
            words = _("At most %(limit)s are allowed, so nothing was changed.", limit=number(error.limit))
        return show("pages/campaigns_changed.html", viewer, section=SECTION, key=key, words=words)

    return broadcasts(checked)


def found(portal: Portal, key: str) -> Campaign:
    """The portal's campaign as it is now. Raises LookupError."""
    with runtime().db.read() as session:
        return changes.find(session, portal.id, key)
