"""Preparing a campaign: its recipients are read from their source, stored, and judged. On a thread of the worker.

Each part is stored together with the cursor of the next one, in one transaction that first compares the campaign's number
(`reads`). So after a crash one part is read again; a process that was frozen, or overtaken by an edit, stores nothing more.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import insert
from sqlalchemy.orm import Session

from activities.errors import Refused
from activities.template_headers import is_wanted
from bx24.i18n import Text
from messaging.campaigns import events, header_file, recipients
from messaging.campaigns.audience import Kind, Part, Parts
from messaging.campaigns.campaign_lines import connected_lines
from messaging.campaigns.changes import AUDIENCE_AT_MOST
from messaging.campaigns.composing import composers_for, digest_of, fits, template_on, variables_of
from messaging.campaigns.judging import UNJUDGED, Judge, Judged, record
from messaging.campaigns.mapping import Source
from messaging.campaigns.open_files import Opened, OpenFiles
from messaging.campaigns.recipients import Row
from messaging.campaigns.sources import REFUSED_TEXT, Sources
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign, CampaignState, RefusedRow
from messaging.store.models import Portal
from messaging.templates.catalogue import Templates

#: Recipients judged in one transaction.
GROUP = 500
#: Rows of a file that the report keeps.
REFUSED_AT_MOST = 10_000
#: An audience from the CRM is read again when the campaign starts, if it was read longer ago than this.
FRESH = timedelta(minutes=15)
#: After SLICE the thread is free for other campaigns; this one goes on after REST_S.
SLICE, REST_S = timedelta(seconds=2), 0.2
#: What the cursors of sources are called: without one of them, reading begins at the front.
_PLACES = frozenset({"page", "line", "message", "recipient"})
_TOO_MANY = Text(
    "A campaign has at most {limit} recipients. Narrow the filter, or divide the list.",
    "В рассылке не больше {limit} получателей. Сузьте фильтр или разделите список.",
).format(limit=AUDIENCE_AT_MOST)
_NO_TEMPLATE = Text(
    "Line “{line}” has no approved template “{name}” that can be sent. Choose another template or other lines.",
    "На линии «{line}» нет одобренного шаблона «{name}», который можно отправить. Выберите другой шаблон или линии.",
)
_DIFFERENT = Text(
    "The lines have different texts under the name “{name}”. Choose lines with the same template.",
    "На линиях под названием «{name}» разные тексты. Выберите линии с одинаковым шаблоном.",
)
_UNFILLED = Text(
    "The template's variables have changed. Choose again where their values come from.",
    "Переменные шаблона изменились. Укажите заново, откуда брать их значения.",
)
_NO_HEADER = Text(
    "The header of the template is empty. Choose its file, the point on the map, or the links of the cards.",
    "Заголовок шаблона не заполнен. Выберите файл, точку на карте или ссылки для карточек.",
)
_NO_LINE = Text("Choose a line that is connected.", "Выберите подключённую линию.")
log = structlog.get_logger(__name__)


class Overtaken(Exception):
    """The campaign was changed while it was being prepared, so nothing more of this preparation is stored."""


class Preparing:
    """Prepares one campaign.

    Raises Refused for what a person must change; Bx24Error and GupshupError for what may pass by itself.
    """

    def __init__(self, runtime: Runtime, campaign_id: int, open_files: OpenFiles | None = None) -> None:
        self.runtime = runtime
        self._open_files = open_files or OpenFiles()
        self.campaign_id = campaign_id
        self._until = runtime.clock() + SLICE
        with runtime.db.read() as session:
            self.campaign = session.get_one(Campaign, campaign_id)
            self.portal = session.get_one(Portal, self.campaign.portal_id)
            session.expunge_all()
        self.region = recipients.region_of(self.portal)

    @property
    def reads(self) -> int:
        """The campaign's number after our last transaction; another number in the row says that the campaign was changed."""
        return self.campaign.reads

    def run(self) -> float:
        """Read what is not read yet, then judge all recipients. Returns seconds until the next `run`, 0 if nothing is left."""
        try:
            rest_s = 0.0 if self._is_read() else self._read()
            if rest_s:
                return rest_s
            if self.campaign.template or self.campaign.state != CampaignState.DRAFT:
                return self._judge()
            self._write(_only_read)
        except Overtaken:
            log.info("a campaign was changed while it was prepared", campaign=self.campaign_id)
        return 0.0

    def _is_read(self) -> bool:
        """Whether the audience is stored and fresh enough."""
        at = self.campaign.read_at
        if at is None or (self.campaign.audience or {}).get("kind") != Kind.CRM:
            return at is not None
        return self.runtime.clock() - at < FRESH

    # --- reading ------------------------------------------------------------------------------------------------------

    def _read(self) -> float:
        """Store the audience from its cursor on, else from the front. Returns seconds until reading goes on, 0 at the end."""
        opened = self._open_files.take(self.campaign_id, self.reads)
        source, parts = (opened.source, opened.parts) if opened is not None else self._begun()
        for part in parts:
            self._write(partial(self._store, part, recipients.rows_of(self.runtime, part.entries, self.region)))
            if part.cursor is not None and self._may_rest(source, parts):
                return max(source.rest_s, REST_S)
        return 0.0

    def _begun(self) -> tuple[Sources, Parts]:
        if self.campaign.read_at is not None or not _PLACES & (self.campaign.cursor or {}).keys():
            self._write(_from_the_front)
            while self._write(lambda session, campaign: recipients.forget_some(session, campaign.id)):
                pass
        source = Sources(self.runtime, self.campaign, self.region, self.portal.language)
        return source, source.parts(self.campaign.cursor)

    def _may_rest(self, source: Sources, parts: Parts) -> bool:
        if source.rest_s or not self._is_long:
            return source.rest_s > 0
        left = Opened(source, parts, self.reads, self.runtime.clock())
        return source.can_rest or self._open_files.put(self.campaign_id, left)

    @property
    def _is_long(self) -> bool:
        """Whether SLICE is over: the shard of a campaign must become free to go to another process."""
        return self.runtime.clock() >= self._until

    def _store(self, part: Part, rows: list[Row], session: Session, campaign: Campaign) -> None:
        campaign.tries = 0
        stored = int((campaign.cursor or {}).get("stored", 0)) + len(rows)
        if stored > AUDIENCE_AT_MOST:
            raise Refused("value_invalid", _TOO_MANY, "audience")
        recipients.store(session, campaign.id, rows)
        refusals = int((campaign.cursor or {}).get("refused", 0))
        kept = part.refusals[: max(0, REFUSED_AT_MOST - refusals)]
        if kept:
            refused = [
                {
                    "campaign_id": campaign.id,
                    "line_no": one.line_no,
                    "text": one.text[:REFUSED_TEXT],
                    "reason": one.reason,
                }
                for one in kept
            ]
            session.execute(insert(RefusedRow), refused)
        totals = {"stored": stored, "refused": refusals + len(part.refusals)}
        campaign.cursor = {**(part.cursor or {}), **totals}
        if part.cursor is None:
            campaign.read_at = self.runtime.clock()

    # --- judging ------------------------------------------------------------------------------------------------------

    def _judge(self) -> float:
        judge = self._made_judge()
        while judged := self._judged(judge):
            self._write(partial(self._record, judged))
            if self._is_long:
                return REST_S
        self._write(lambda session, campaign: self._is_judged(session, campaign, judge))
        return 0.0

    def _made_judge(self) -> Judge:
        self._refresh_templates()
        self._keep_header_file()
        with self.runtime.db.read() as session:
            lines = connected_lines(session, self.campaign)
            if not lines:
                raise Refused("line_not_connected", _NO_LINE, "lines")
            composers = composers_for(session, self.runtime, self.campaign, lines)
            missing = next((line for line in lines if line.id not in composers), None)
            if missing is not None:
                why = _NO_TEMPLATE.format(line=missing.name, name=self.campaign.template)
                raise Refused("template_not_approved", why, "template")
            if len({digest_of(composer.info) for composer in composers.values()}) > 1:
                raise Refused("value_invalid", _DIFFERENT.format(name=self.campaign.template), "template")
            variables, info = variables_of(self.campaign), composers[lines[0].id].info
            if not fits(variables, info):
                raise Refused("template_params", _UNFILLED, "template")
            if is_wanted(info) and variables.header == Source():
                raise Refused("template_params", _NO_HEADER, "template")
            session.expunge_all()
        return Judge(self.runtime, self.campaign, lines, composers)

    def _refresh_templates(self) -> None:
        with self.runtime.db.read() as session:
            lines = connected_lines(session, self.campaign)
            session.expunge_all()
        for line in lines:
            Templates(self.runtime, line).listed(anew=True)

    def _keep_header_file(self) -> None:
        """Fetch the file of the header, if it is the same for all and a line's template has one. Raises Refused."""
        with self.runtime.db.read() as session:
            infos = [template_on(session, self.campaign, line) for line in connected_lines(session, self.campaign)]
        info = next((info for info in infos if info is not None), None)
        found = header_file.fetched(self.runtime, self.portal, self.campaign, info) if info is not None else None
        wanted = {**header_file.without(self.campaign.mapping), **({header_file.NAME: found} if found else {})}
        if wanted == (self.campaign.mapping or {}):
            return

        def keep(_: Session, campaign: Campaign) -> None:
            campaign.mapping = wanted

        self._write(keep)

    def _judged(self, judge: Judge) -> list[Judged]:
        """Judge the next recipients, outside of the transaction that records the judgement and compares `reads`."""
        asked = {"campaign": self.campaign_id, "after": self.campaign.checked_id, "limit": GROUP}
        with self.runtime.db.read() as session:
            return judge.judge(session, session.scalars(UNJUDGED, asked).all())

    @staticmethod
    def _record(judged: list[Judged], session: Session, campaign: Campaign) -> None:
        record(session, judged)
        campaign.checked_id = judged[-1].recipient.id

    def _is_judged(self, session: Session, campaign: Campaign, judge: Judge) -> None:
        """All recipients are judged: a draft is checked, a campaign that was started runs."""
        now = self.runtime.clock()
        campaign.checked_at, campaign.problem, campaign.tries = now, None, 0
        info = next(iter(judge.composers.values())).info
        campaign.category = info.category[:20]
        if campaign.state == CampaignState.PREPARING:
            campaign.state, campaign.digest = CampaignState.RUNNING, digest_of(info)
            campaign.started_at = campaign.fed_at = campaign.due_at = now
            session.flush()
            events.state_changed(session, self.runtime, campaign)
        else:
            campaign.wants_check, campaign.due_at = False, None

    def _write(self, change: Callable[[Session, Campaign], Any]) -> Any:
        """Make a change in a transaction of its own, unless the campaign was changed meanwhile. Raises Overtaken."""

        def step(session: Session) -> tuple[Any, Campaign]:
            campaign = session.get(Campaign, self.campaign_id, with_for_update=True, populate_existing=True)
            is_same = campaign is not None and (campaign.key, campaign.reads) == (self.campaign.key, self.reads)
            if campaign is None or not is_same or campaign.state not in _PREPARED:
                raise Overtaken
            done = change(session, campaign)
            campaign.reads += 1
            session.flush()
            session.expunge(campaign)
            return done, campaign

        done, self.campaign = self.runtime.db.write_again(step)
        return done


_PREPARED = (CampaignState.DRAFT, CampaignState.PREPARING)


def _only_read(_: Session, campaign: Campaign) -> None:
    """A draft without a template is read, so that its columns can be seen; there is nothing to judge yet."""
    campaign.wants_check, campaign.due_at, campaign.problem = False, None, None


def _from_the_front(_: Session, campaign: Campaign) -> None:
    campaign.read_at = campaign.cursor = None
