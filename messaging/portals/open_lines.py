"""Open Channels of a portal: our connector there, and which line is switched on at which open line."""

from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24 import open_lines as bx_lines
from bx24.client import Client
from bx24.errors import Bx24Error
from bx24.i18n import Text
from bx24.open_lines import LineSettings
from bx24.registration import Report
from messaging.limits.bounds import PAGE_TOTAL_S
from messaging.portals import tokens
from messaging.runtime import Runtime
from messaging.store.models import Line
from messaging.store.open_channels import CONNECTOR, OpenLine
from messaging.store.states import LineStatus

NAME = Text("WhatsApp (waba24)", "WhatsApp (waba24)")
NEW_LINE = "WhatsApp {name}"
#: Where the portal opens our settings of an open line. It must never change: another address makes another entry.
HANDLER = "/bx24/connector"
PANEL, PANEL_HANDLER = "IM_TEXTAREA", "/bx24/panel"
PANEL_TITLE = Text("WhatsApp: template", "WhatsApp: шаблон")
#: A speech bubble.
ICON = (
    "data:image/svg+xml;charset=US-ASCII,"
    "%3Csvg%20xmlns%3D%22http://www.w3.org/2000/svg%22%20viewBox%3D%220%200%2024%2024%22%3E%3Cpath%20fill%3D%"
    "22%23fff%22%20d%3D%22M12%203a9%209%200%200%200-7.8%2013.5L3%2021l4.6-1.2A9%209%200%201%200%2012%203z%22/"
    "%3E%3Cpath%20fill%3D%22none%22%20stroke%3D%22%23128c7e%22%20stroke-width%3D%222%22%20stroke-linecap%3D%2"
    "2round%22%20stroke-linejoin%3D%22round%22%20d%3D%22M8%2011h8M8%2014.5h5%22/%3E%3C/svg%3E"
)
COLOR = "#128c7e"
log = structlog.get_logger(__name__)


class Taken(Exception):
    """Another line of ours is switched on at this open line. str(): its name."""


def register_connector(client: Client, url: str, language: str) -> Report:
    """Register our connector in a portal, or bring it up to date (messaging.stages.registration).

    The portal shall not send its own texts (greeting, closing, rating) through it, and asks no client's message back.
    """
    fields = {
        "ID": CONNECTOR,
        "NAME": NAME.to(language),
        "ICON": {"DATA_IMAGE": ICON, "COLOR": COLOR, "SIZE": "90%", "POSITION": "center"},
        "PLACEMENT_HANDLER": f"{url}{HANDLER}",
        "NEED_SYSTEM_MESSAGES": False,
        "NEED_SIGNATURE": True,
        "NEWSLETTER": False,
        "EDIT_INTERNAL_MESSAGES": False,
        "DEL_INTERNAL_MESSAGES": False,
        "DEL_EXTERNAL_MESSAGES": False,
        "CHAT_GROUP": False,
    }
    return _reported(CONNECTOR, bx_lines.register(client, fields))


def register_panel(client: Client, url: str, language: str) -> Report:
    """Put our button below the input field of chats: there operators send templates."""
    return _reported(PANEL, bx_lines.bind_panel(client, f"{url}{PANEL_HANDLER}", PANEL_TITLE))


def _reported(code: str, error: Bx24Error | None) -> Report:
    return Report(failed={code: error}) if error is not None else Report(updated=[code])


def listed(runtime: Runtime, portal_id: int) -> list[LineSettings]:
    """The open lines of a portal, asked now. Raises Bx24Error."""
    return bx_lines.lines(_client(runtime, portal_id))


def of_line(session: Session, line_id: int) -> OpenLine | None:
    """Where a line is switched on, if it is."""
    return session.get(OpenLine, line_id)


def switch_on(runtime: Runtime, line_id: int, open_line_id: int | None) -> OpenLine:
    """Switch a line on at an open line; None: at a new one. It may be repeated.

    Raises LookupError for a line or an open line that is not there, Taken, Bx24Error.
    """
    with runtime.db.read() as session:
        line = _connected(session, line_id)
        before = session.get(OpenLine, line_id)
        portal_id, name, phone = line.portal_id, line.name or line.app_name, line.phone
        _check_free(session, portal_id, line_id, open_line_id)
    client = _client(runtime, portal_id)
    if open_line_id is None:
        open_line_id = bx_lines.new_line(client, NEW_LINE.format(name=name))
    found = next((one for one in bx_lines.lines(client) if one.id == open_line_id), None)
    if found is None:
        raise LookupError(f"the portal has no open line {open_line_id}")
    if before is not None and before.open_line_id != open_line_id:
        bx_lines.switch(client, CONNECTOR, before.open_line_id, is_on=False)
    bx_lines.switch(client, CONNECTOR, open_line_id, is_on=True)
    bx_lines.describe(client, CONNECTOR, open_line_id, f"{name} (+{phone})", f"https://wa.me/{phone}")
    return runtime.db.write_again(lambda session: _switched(session, line_id, found, runtime.clock()))


def _check_free(session: Session, portal_id: int, line_id: int, open_line_id: int | None) -> None:
    mine = (OpenLine.portal_id == portal_id) & (OpenLine.open_line_id == open_line_id) & (OpenLine.line_id != line_id)
    other = session.scalar(select(Line).join(OpenLine, OpenLine.line_id == Line.id).where(mine))
    if open_line_id is not None and other is not None:
        raise Taken(other.name or other.app_name)


def _switched(session: Session, line_id: int, found: LineSettings, now: datetime) -> OpenLine:
    line = _connected(session, line_id)
    _check_free(session, line.portal_id, line_id, found.id)
    row = session.get(OpenLine, line_id)
    if row is None or row.open_line_id != found.id:
        if row is not None:
            session.delete(row)
            session.flush()
        row = OpenLine(line_id=line_id, portal_id=line.portal_id, open_line_id=found.id)
        session.add(row)
    row.since, row.name, row.warnings, row.error = now, found.name, list(found.warnings), ""
    log.info("open line switched on", portal=line.portal_id, line=line_id, open_line=found.id)
    return row


def switch_off(runtime: Runtime, line_id: int) -> bool:
    """Switch a line off; False if it was not on. What the portal says about it does not matter. Raises LookupError."""
    with runtime.db.write() as session:
        line = session.get(Line, line_id)
        if line is None:
            raise LookupError(f"there is no line {line_id}; `lines list` shows them")
        row = session.get(OpenLine, line_id)
        if row is None:
            return False
        portal_id, open_line_id = row.portal_id, row.open_line_id
        session.delete(row)
    log.info("open line switched off", portal=portal_id, line=line_id, open_line=open_line_id)
    bx_lines.switch(_client(runtime, portal_id), CONNECTOR, open_line_id, is_on=False)
    return True


def _connected(session: Session, line_id: int) -> Line:
    line = session.get(Line, line_id)
    if line is None or line.status != LineStatus.CONNECTED:
        raise LookupError(f"there is no connected line {line_id}; `lines list` shows them")
    return line


def _client(runtime: Runtime, portal_id: int) -> Client:
    return tokens.portal_client(runtime, portal_id, PAGE_TOTAL_S)
