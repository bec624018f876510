"""The sources of a campaign's recipients, read in parts that can be taken up again at a cursor."""

from collections.abc import Mapping
from typing import Any

from activities.errors import Refused
from bx24.i18n import Text
from messaging.campaigns import uploads
from messaging.campaigns.audience import Kind, Part, Parts, Refusal
from messaging.campaigns.composing import variables_of
from messaging.campaigns.crm.audience import CrmAudience, parsed
from messaging.campaigns.crm.filters import InvalidAudience
from messaging.campaigns.crm.reading import read_page
from messaging.campaigns.phone_cells import phone_of
from messaging.campaigns.recipients import Entry
from messaging.campaigns.repeats import Missed, failed, missed
from messaging.campaigns.spreadsheets import BadRow, End, Row, read
from messaging.limits.portal_rate import BURST, RATE_PER_S
from messaging.portals import tokens
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign, Recipient

#: Requests of the portal's limit that are left to people and workflows.
ROOM = BURST // 2
#: Rows of a part.
ROWS = 1000
#: Characters that are kept of a cell without a phone.
REFUSED_TEXT = 300
_EMPTY = Text("Choose who is to get the campaign.", "Выберите получателей рассылки.")
_NO_COLUMN = Text(
    "The file has no column “{name}” for the phones. Choose the column with the phones.",
    "В файле нет столбца «{name}» с телефонами. Выберите столбец с телефонами.",
)
_GONE = Text("The file is not kept any more. Upload it again.", "Файл больше не хранится. Загрузите его заново.")


class Sources:
    """Reads the recipients of one campaign. region: of phones without a country code; language: the portal's, for dates."""

    def __init__(self, runtime: Runtime, campaign: Campaign, region: str, language: str) -> None:
        self.runtime = runtime
        self.campaign = campaign
        self.region = region
        self.language = language
        self.settings: Mapping[str, Any] = campaign.audience or {}
        #: Seconds until the portal may be asked again: people and workflows need half of its requests.
        self.rest_s = 0.0
        self._wanted = variables_of(campaign).names()
        #: Whether reading can go on at a cursor without reading everything in front of it again; if not, see `open_files`.
        self.can_rest = self.settings.get("kind") in (Kind.CRM, Kind.AGAIN)

    def parts(self, cursor: Mapping[str, Any] | None) -> Parts:
        """The parts from the cursor on. Raises Refused for what a person must change, Bx24Error for what may pass."""
        match self.settings.get("kind"):
            case Kind.PHONES:
                yield Part([], [], None)  # stored when they were given
            case Kind.FILE:
                yield from self._file(int((cursor or {}).get("line", 0)))
            case Kind.CRM:
                yield from self._crm(dict((cursor or {}).get("page", {})))
            case Kind.AGAIN:
                yield from self._again(dict(cursor or {}))
            case _:
                raise Refused("value_missing", _EMPTY, "audience")

    def _crm(self, cursor: Mapping[str, int]) -> Parts:
        try:
            audience = parsed({name: value for name, value in self.settings.items() if name != "kind"})
            yield from self._pages(audience, cursor)
        except InvalidAudience as problem:
            raise Refused("value_invalid", next(iter(problem.problems.values())), "audience") from problem

    def _pages(self, audience: CrmAudience, cursor: Mapping[str, int]) -> Parts:
        client = tokens.portal_client(self.runtime, self.campaign.portal_id)
        is_last = False
        while not is_last:
            page = read_page(client, audience, cursor, self._wanted, self.language)
            cursor, is_last = page.cursor, page.is_last
            self.rest_s = max(0, client.limit.level - ROOM) / RATE_PER_S
            entries = [Entry(0, row.phone, row.values, row.item, row.is_found) for row in page.rows]
            yield Part(entries, [], None if is_last else {"page": dict(cursor)})

    def _again(self, cursor: Mapping[str, int]) -> Parts:
        """Recipients of the other campaign, behind the cursor: of those who failed its message, of others the recipient."""
        whom = Missed(self.settings.get("missed", Missed.FAILED))
        place = "message" if whom == Missed.FAILED else "recipient"
        behind = int(cursor.get(place, 0))
        while True:
            found = self._missed(whom, behind)
            entries = [_entry(recipient) for _place, recipient in found]
            if len(found) < ROWS:
                yield Part(entries, [], None)
                return
            behind = found[-1][0]
            yield Part(entries, [], {place: behind})

    def _missed(self, whom: Missed, behind: int) -> list[tuple[int, Recipient]]:
        """A page of them, each with its place."""
        portal_id, campaign_id = self.campaign.portal_id, int(self.settings["campaign"])
        with self.runtime.db.read() as session:
            if whom == Missed.FAILED:
                page = failed(session, portal_id, campaign_id, self.settings["codes"], behind, ROWS)
                return [(one.message_id, one.recipient) for one in page]
            return [(one.id, one) for one in missed(session, portal_id, campaign_id, whom, behind, ROWS)]

    def _file(self, behind: int) -> Parts:
        """Rows of the file after this line; a part's cursor is its last row."""
        try:
            with uploads.on_disk(self.runtime, self.campaign.portal_id, self.settings["file"]) as path:
                yield from self._rows(path, behind)
        except FileNotFoundError:
            raise Refused("value_invalid", _GONE, "audience") from None

    def _rows(self, path: Any, behind: int) -> Parts:
        entries: list[Entry] = []
        refusals: list[Refusal] = []
        for event in read(path, self.settings["name"], region=self.region, sheet=self.settings.get("sheet", "")):
            if isinstance(event, End):
                if event.problem:
                    raise Refused("value_invalid", event.explanation, "audience")
                yield Part(entries, refusals, None)
            elif isinstance(event, Row | BadRow) and event.line > behind:
                row = self._row(event)
                if isinstance(row, Entry):
                    entries.append(row)
                else:
                    refusals.append(row)
                if len(entries) + len(refusals) >= ROWS:
                    yield Part(entries, refusals, {"line": event.line})
                    entries, refusals = [], []

    def _row(self, event: Row | BadRow) -> Entry | Refusal:
        """A row of the file as a recipient, or why it is none."""
        if isinstance(event, BadRow):
            return Refusal(event.line, event.text, event.reason)
        column = self.settings["phone"]
        if column not in event.cells:
            raise Refused("value_invalid", _NO_COLUMN.format(name=column), "audience")
        cell = event.cells[column]
        phone = phone_of(cell, self.region, bool(self.settings.get("international")))
        if phone.reason:
            return Refusal(event.line, cell[:REFUSED_TEXT], phone.reason)
        values = {name: event.cells.get(name, "") for name in self._wanted}
        return Entry(event.line, f"+{phone.digits}", values)


def _entry(one: Recipient) -> Entry:
    """A recipient of another campaign as an entry of this one."""
    return Entry(one.line_no, f"+{one.phone}", one.values or {}, one.item)
