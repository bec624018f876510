"""A message provider: what CRM posts for each "SMS", our registration as a sender, and the statuses that go back.

Bitrix24 docs: api-reference/messageservice; server: messageservice/lib/restservice.php, messageservice/lib/sender/sms/rest.php.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from bx24.client import MAX_BATCH, Client, Command
from bx24.documents import crm_item_id
from bx24.errors import Bx24Error, Rejected
from bx24.forms import PayloadError
from bx24.payloads import Auth
from bx24.php_values import number, text, upper_map, values
from bx24.registration import Report

SCOPE = "messageservice"
ADD, UPDATE, DELETE, LIST = (f"{SCOPE}.sender.{action}" for action in ("add", "update", "delete", "list"))
SET_STATUS = f"{SCOPE}.message.status.update"
#: The only type of a sender that Bitrix24 knows, whatever it sends.
TYPE = "SMS"
PREFIX = "waba24_"
#: Characters of a message that are read; WhatsApp takes 4,096, and a macro is as long as its values.
MAX_TEXT = 64 * 1024
#: CRM links of a message that are read: an item, its clients, and few more.
MAX_BINDINGS = 20
_CODE = re.compile(r"[A-Za-z0-9._-]{1,128}")
_MESSAGE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PHONE_CHARACTERS = 100
_TAKEN, _MISSING = "ERROR_SENDER_ALREADY_INSTALLED", "ERROR_SENDER_NOT_FOUND"
#: A deal's message is linked with its client too; the card that shows it is the deal's.
_CLIENTS = (3, 4)


class Status(StrEnum):
    """What a portal shows of a message. At hand-over it says `sent` by itself; there is no "read"."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"


#: The portal takes any status at any time, so whoever tells one compares: a lower one is never told after a higher one.
RANK = {Status.QUEUED: 0, Status.SENT: 1, Status.UNDELIVERED: 2, Status.FAILED: 2, Status.DELIVERED: 3}


class Module(StrEnum):
    """Which part of the portal sends. CRM: a person in a card, payments, documents; BIZPROC: a robot; SENDER: marketing."""

    CRM = "crm"
    BIZPROC = "bizproc"
    SENDER = "sender"


# --- a message ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ProviderCall:
    """One message that the portal hands over. message_id: the portal keeps it, so a second POST with it is the same message.

    module: as sent, mostly of `Module`. phone: as the portal has it. item: the CRM item the message belongs to ("DEAL_5"), ""
    if the portal names none. auth: of the author; without tokens if there is none, as for robots.
    """

    code: str
    message_id: str
    phone: str = field(repr=False)
    text: str = field(repr=False)
    module: str
    item: str
    ts: int | None
    auth: Auth

    @classmethod
    def parse(cls, form: Mapping[str, Any]) -> Self:
        """From parse_form(). Raises PayloadError naming the first field that is missing or malformed."""
        legacy = upper_map(form.get("properties"))
        auth = form.get("auth")
        return cls(
            code=_word(form, "code", _CODE),
            message_id=_word(form, "message_id", _MESSAGE_ID),
            phone=_given(form, "message_to", legacy.get("PHONE_NUMBER"))[:_PHONE_CHARACTERS].strip(),
            text=_given(form, "message_body", legacy.get("MESSAGE_TEXT"))[:MAX_TEXT],
            module=text(form.get("module_id")).strip().lower()[:20],
            item=_item(form),
            ts=number(form.get("ts")) or None,
            auth=Auth.parse(auth if isinstance(auth, Mapping) else {}),
        )


def _word(form: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = text(form.get(name)).strip()
    if not pattern.fullmatch(value):
        raise PayloadError(name, "is malformed or too long" if value else "is missing")
    return value


def _given(form: Mapping[str, Any], name: str, legacy: Any) -> str:
    return text(form.get(name)) or text(legacy)


def _item(form: Mapping[str, Any]) -> str:
    """The CRM item of a message: of a robot its document; else what it is linked with, the client last."""
    document = values(form.get("document_id"))
    if len(document) == 3 and text(document[0]).lower() == "crm":
        return text(document[2])[:64]
    pairs = [
        (number(link.get("OWNER_TYPE_ID")), number(link.get("OWNER_ID")))
        for link in map(upper_map, values(form.get("bindings"))[:MAX_BINDINGS])
    ]
    known = sorted((pair for pair in pairs if all(pair)), key=lambda pair: pair[0] in _CLIENTS)
    return crm_item_id(*known[0])[:64] if known else ""


# --- registration -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sender:
    """One sender as we want it registered. name: what people choose in "from"; handler: where its messages are posted."""

    code: str
    name: str
    description: str
    handler: str

    def command(self, exists: bool) -> Command:
        """`update` when it exists, else `add`."""
        fields = {"CODE": self.code, "HANDLER": self.handler, "NAME": self.name, "DESCRIPTION": self.description}
        return (UPDATE, fields) if exists else (ADD, {**fields, "TYPE": TYPE})


def code_of(line_id: int) -> str:
    """The code under which a line is registered."""
    return f"{PREFIX}{line_id}"


def sync(client: Client, senders: Iterable[Sender]) -> Report:
    """Add what is missing, update what is there, delete what we do not offer any more. May be repeated at any time.

    Wants an administrator's token. Errors of one code are reported; those of a request and of the list raised.
    """
    report = Report()
    wanted = {sender.code: sender for sender in senders}
    there = {text(code) for code in values(client.call(LIST).result)}
    _upsert(client, wanted, there, report)
    gone = {code: (DELETE, {"CODE": code}) for code in sorted(there - set(wanted)) if code.startswith(PREFIX)}
    results, errors = _run(client, gone)
    report.deleted += results
    for code, error in errors.items():
        if error.code.upper() == _MISSING:
            report.deleted.append(code)
        else:
            report.failed[code] = error
    return report


def _upsert(client: Client, wanted: Mapping[str, Sender], there: set[str], report: Report) -> None:
    """Two rounds: what the list promises, then the opposite for those it was wrong about (somebody was faster)."""
    pending = {code: code in there for code in wanted}
    for is_last in (False, True):
        results, errors = _run(client, {code: wanted[code].command(exists) for code, exists in pending.items()})
        for code in results:
            (report.updated if pending[code] else report.added).append(code)
        again: dict[str, bool] = {}
        for code, error in errors.items():
            if error.code.upper() == (_MISSING if pending[code] else _TAKEN) and not is_last:
                again[code] = not pending[code]
            else:
                report.failed[code] = error
        pending = again


def _run(client: Client, commands: Mapping[str, Command]) -> tuple[list[str], dict[str, Bx24Error]]:
    """Any number of commands, in batches: the names of those that succeeded, and the errors of the others."""
    results: list[str] = []
    errors: dict[str, Bx24Error] = {}
    items = list(commands.items())
    for start in range(0, len(items), MAX_BATCH):
        reply = client.batch(dict(items[start : start + MAX_BATCH]))
        results += reply.results
        errors |= reply.errors
    return results, errors


# --- statuses back ------------------------------------------------------------------------------------------------------------


def status_command(code: str, message_id: str, status: Status) -> Command:
    """Tell what became of a message: by its author, or by an administrator."""
    return SET_STATUS, {"CODE": code, "MESSAGE_ID": message_id, "STATUS": str(status)}


def is_forgotten(error: Bx24Error) -> bool:
    """Whether the portal has no such message or sender any more: nobody misses the status."""
    return isinstance(error, Rejected) and error.code.upper() in ("ERROR_MESSAGE_NOT_FOUND", _MISSING)
