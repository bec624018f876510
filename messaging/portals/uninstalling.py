"""Uninstall: everything stops, the tokens are forgotten; if the portal wants it, its data too."""

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from messaging.files import storage
from messaging.runs import outcomes
from messaging.runtime import Runtime
from messaging.store.api import ApiToken, IdempotencyKey
from messaging.store.callbacks import Callback, Endpoint
from messaging.store.campaigns import Campaign, Paused, Recipient, RefusedRow
from messaging.store.models import Conversation, InboundEvent, Line, Message, Portal, Reply, Run, Template, shard_of
from messaging.store.money import LineAccount, Price
from messaging.store.observations import Observation
from messaging.store.open_channels import ClientChat, OpenLine, OperatorMessage
from messaging.store.opt_outs import OptOut
from messaging.store.pausing import pause_all
from messaging.store.portal_tasks import UNINSTALLED, PortalTask, is_open
from messaging.store.provider import LineSender, ProviderMessage, ProviderState
from messaging.store.reports import ReportDay, ReportKey, ReportMonth
from messaging.store.tallies import HourTally, Tally
from messaging.store.template_drafts import TemplateChange, TemplateDraft

log = structlog.get_logger(__name__)


def uninstall(runtime: Runtime, portal_id: int, clean: bool) -> None:
    """Stop everything, forget the tokens; with `clean` also lines, keys, phones and texts.

    Bitrix24 tells it once, so it is repeated here until it holds.
    """
    runtime.db.write_again(lambda session: _uninstalled(session, runtime, portal_id, clean))
    if clean:
        storage.forget(runtime, portal_id)
    log.info("app uninstalled", portal=portal_id, clean=clean)


def _uninstalled(session: Session, runtime: Runtime, portal_id: int, clean: bool) -> None:
    # Before portal and lines are locked: whoever feeds a campaign locks in this order.
    # An app that is not installed tells nothing: the worker tells customers' systems of it when it is installed again.
    pause_all(session, Paused.UNINSTALLED, Campaign.portal_id == portal_id, look_at=runtime.clock())
    # Locked lines take no webhook, a locked portal no call, until this is through.
    portal = session.get_one(Portal, portal_id, with_for_update=True)
    session.execute(select(Line.id).where(Line.portal_id == portal_id).order_by(Line.id).with_for_update())
    portal.access_token = portal.refresh_token = portal.previous_refresh_token = None
    portal.application_token = None
    portal.token_version += 1  # a refresh that is under way must not bring tokens back
    portal.status, portal.status_reason, portal.installed = "inactive", "uninstalled", False
    portal.registration_due_at = None
    mine = (Run.shard == shard_of(portal_id)) & (Run.portal_id == portal_id)
    outcomes.end_all(session, runtime, mine, "portal_inactive")
    # Only what is due: a year of runs would keep SQLite's one write lock for minutes. `auth` went with the end.
    session.execute(update(Run).where(mine, Run.answer_at.is_not(None)).values(answer_at=None))
    ended = update(PortalTask).where(PortalTask.portal_id == portal_id, is_open())
    session.execute(ended.values(state="failed", done_at=runtime.clock(), payload=None, error=UNINSTALLED))
    waits = (ProviderMessage.portal_id == portal_id) & (ProviderMessage.state == ProviderState.STORED)
    session.execute(update(ProviderMessage).where(waits).values(state=ProviderState.REFUSED, content=None))
    if clean:
        _wipe(session, portal)


def _wipe(session: Session, portal: Portal) -> None:
    lines = select(Line.id).where(Line.portal_id == portal.id)
    portal.default_line_id = None
    portal.prices_version += 1  # workers know the former table by its number
    of_lines = (Reply, Message, InboundEvent, Template, TemplateChange, TemplateDraft, Tally, HourTally, LineAccount)
    for model in of_lines:
        session.execute(delete(model).where(model.line_id.in_(lines)))
    session.execute(delete(Run).where(Run.portal_id == portal.id))
    for told in (Callback, Endpoint):
        session.execute(delete(told).where(told.portal_id == portal.id))
    campaigns = select(Campaign.id).where(Campaign.portal_id == portal.id)
    for of_campaign in (Recipient, RefusedRow):
        session.execute(delete(of_campaign).where(of_campaign.campaign_id.in_(campaigns)))
    tokens_of_api = select(ApiToken.id).where(ApiToken.portal_id == portal.id)
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.token_id.in_(tokens_of_api)))
    of_people = (ApiToken, Campaign, Observation, OptOut, PortalTask, OperatorMessage, ClientChat, OpenLine)
    for table in (*of_people, Price, ReportDay, ReportMonth, ReportKey, ProviderMessage, LineSender):
        session.execute(delete(table).where(table.portal_id == portal.id))
    session.execute(delete(Conversation).where(Conversation.line_id.in_(lines)))
    session.execute(delete(Line).where(Line.portal_id == portal.id))
