"""What the portal has registered, made equal to what we offer.

Bitrix24 docs: api-reference/bizproc/bizproc-robot/index, bizproc-activity/index, api-reference/events/event-bind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from bx24.client import MAX_BATCH, BatchReply, Client, Command
from bx24.errors import Bx24Error, Rejected, Unavailable
from bx24.i18n import Text
from bx24.properties import MAX_SERIALIZED_BYTES, check_codes, check_returns, serialized_size

Kind = Literal["robot", "activity"]
_CODE = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TAKEN = frozenset({"error_activity_already_installed", "error_activity_add_failure"})
_MISSING = "error_activity_not_found"


@dataclass(frozen=True)
class Offer:
    """One robot or activity as we want it registered.

    properties, returns: of describe() and returns(). filter: {"INCLUDE": […], "EXCLUDE": […]} or None for everywhere.
    placement_handler: its own settings page; Bitrix24 wants another address for each code.
    Raises ValueError for what Bitrix24 would refuse, or accept and silently drop.
    """

    kind: Kind
    code: str
    name: Text
    description: Text
    properties: dict[str, dict[str, Any]]
    returns: dict[str, dict[str, Any]]
    filter: dict[str, Any] | None
    handler: str
    placement_handler: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("robot", "activity"):
            raise ValueError(f"{self.code}: no kind {self.kind!r}")
        if not _CODE.fullmatch(self.code):
            raise ValueError(f"not a code: {self.code!r}")
        check_codes(list(self.properties))
        check_codes(list(self.returns))
        check_returns(self.properties, self.returns)

    def fields(self, user_id: int) -> dict[str, Any]:
        """Everything but the code. user_id: whose token Bitrix24 attaches to the calls."""
        fields: dict[str, Any] = {
            "HANDLER": self.handler,
            "AUTH_USER_ID": user_id,
            "USE_SUBSCRIPTION": "Y",  # else a process may go on without our answer
            "NAME": self.name.map(),
            "DESCRIPTION": self.description.map(),
            "PROPERTIES": self.properties,
            "RETURN_PROPERTIES": self.returns,
            "USE_PLACEMENT": "Y" if self.placement_handler else "N",
        }
        if self.filter:
            fields["FILTER"] = self.filter
        if self.placement_handler:
            fields["PLACEMENT_HANDLER"] = self.placement_handler
        return fields

    def command(self, user_id: int, exists: bool) -> Command:
        """`update` with all fields when it exists, else `add`."""
        fields = self.fields(user_id)
        if exists:
            # An empty filter clears what an older version had registered; `add` refuses it.
            return f"bizproc.{self.kind}.update", {"CODE": self.code, "FIELDS": {"FILTER": "", **fields}}
        return f"bizproc.{self.kind}.add", {"CODE": self.code, **fields}

    def oversized(self) -> str:
        """Which of the two maps Bitrix24 could not store, "" if none."""
        for name, described in (("PROPERTIES", self.properties), ("RETURN_PROPERTIES", self.returns)):
            if serialized_size(described) >= MAX_SERIALIZED_BYTES:
                return name
        return ""


@dataclass
class Report:
    """What was done, by code (or event). failed: what was not, and why; the rest is done all the same."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    failed: dict[str, Bx24Error] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.failed

    @property
    def retryable(self) -> bool:
        """Whether doing it all again later may help."""
        return any(error.retryable for error in self.failed.values())


def sync(client: Client, offers: Iterable[Offer], *, user_id: int) -> Report:
    """Add what is missing, update what is there, delete what we do not offer (any more). May be repeated at any time.

    Wants an administrator's token. Errors of one code are reported; those of a request and of the lists raised.
    """
    report = Report()
    wanted = _by_code(list(offers))
    listed = _listed(client, report)
    _upsert(client, wanted, listed, user_id, report)
    # Last: a code that only changed its kind of list must not lose the robots people have placed.
    _delete(client, {code: kinds for code, kinds in listed.items() if code not in wanted}, report)
    return report


def listed(client: Client) -> frozenset[str]:
    """The codes the portal has at this moment, robots and activities. Raises Bx24Error."""
    report = Report()
    codes = frozenset(_listed(client, report))
    for error in report.failed.values():
        raise error
    return codes


def repair(client: Client, offer: Offer, *, user_id: int) -> Report:
    """Add or update one of ours and leave all others alone."""
    report = Report()
    _upsert(client, {offer.code: offer}, _listed(client, report), user_id, report)
    return report


def bind_events(client: Client, url: str, events: Iterable[str]) -> Report:
    """Bind each event to `url`, once, and unbind handlers of ours on other hosts: an old PUBLIC_URL is nobody's now."""
    report = Report()
    wanted = {event.upper() for event in events}
    rows = [row for row in _values(client.call("event.get").result) if isinstance(row, dict)]
    bound = [row for row in rows if str(row.get("offline", "0")) in ("", "0")]
    present = {str(row.get("event")).upper() for row in bound if row.get("handler") == url}
    done = _run(client, {e: ("event.bind", {"event": e, "handler": url}) for e in sorted(wanted - present)})
    for event in done.results:
        report.added.append(event)
    for event, error in done.errors.items():
        _bind_failure(event, error, report)
    stale = [row for row in bound if str(row.get("event")).upper() in wanted and _elsewhere(row.get("handler"), url)]
    gone = _run(client, {str(i): ("event.unbind", _binding(row)) for i, row in enumerate(stale)})
    report.deleted += [str(stale[int(key)].get("event")).upper() for key in gone.results]
    return report


def _by_code(offers: list[Offer]) -> dict[str, Offer]:
    wanted = {offer.code: offer for offer in offers}
    pages = [offer.placement_handler for offer in offers if offer.placement_handler]
    if len(wanted) < len(offers) or len(set(pages)) < len(pages):
        raise ValueError("each robot and activity needs a code and a settings page of its own")
    return wanted


def _listed(client: Client, report: Report) -> dict[str, list[Kind]]:
    """Codes the portal has, each with the lists it is in: release 26 has every robot in both."""
    kinds: tuple[Kind, ...] = ("robot", "activity")
    reply = client.batch({kind: (f"bizproc.{kind}.list", {}) for kind in kinds})
    listed: dict[str, list[Kind]] = {}
    for kind in kinds:
        error = reply.errors.get(kind)
        if error is not None and not isinstance(error, Rejected):
            raise error
        if error is not None:
            report.failed[f"bizproc.{kind}.list"] = error
        for code in map(str, _values(reply.results.get(kind))):
            listed.setdefault(code, []).append(kind)
    return listed


def _upsert(
    client: Client, wanted: Mapping[str, Offer], listed: Mapping[str, list[Kind]], user_id: int, report: Report
) -> None:
    """Two rounds: what the list promises, then the opposite for those it was wrong about (somebody was faster)."""
    pending: dict[str, bool] = {}
    for code, offer in wanted.items():
        too_long = offer.oversized()
        if too_long:
            report.failed[code] = Rejected("too_long", f"{too_long} is over {MAX_SERIALIZED_BYTES} bytes")
        else:
            pending[code] = code in listed
    for is_last in (False, True):
        commands = {code: wanted[code].command(user_id, there) for code, there in pending.items()}
        reply = _run(client, commands)
        for code in reply.results:
            (report.updated if pending[code] else report.added).append(code)
        again: dict[str, bool] = {}
        for code, error in reply.errors.items():
            was_wrong = error.code.lower() == _MISSING if pending[code] else error.code.lower() in _TAKEN
            if was_wrong and not is_last:
                again[code] = not pending[code]
            else:
                report.failed[code] = error
        pending = again


def _delete(client: Client, unknown: Mapping[str, list[Kind]], report: Report) -> None:
    """Delete by the kind the code tells; what is not found there is tried as the other kind, and is gone after that."""
    pending = {code: _kind_of(code, kinds) for code, kinds in unknown.items()}
    for is_last in (False, True):
        reply = _run(client, {code: (f"bizproc.{kind}.delete", {"CODE": code}) for code, kind in pending.items()})
        report.deleted += reply.results
        again: dict[str, Kind] = {}
        for code, error in reply.errors.items():
            if error.code.lower() != _MISSING:
                report.failed[code] = error
            elif is_last:
                report.deleted.append(code)
            else:
                again[code] = "activity" if pending[code] == "robot" else "robot"
        pending = again


def _kind_of(code: str, kinds: list[Kind]) -> Kind:
    if len(kinds) == 1:
        return kinds[0]
    return "activity" if code.startswith("activity.") else "robot"


def _run(client: Client, commands: Mapping[str, Command]) -> BatchReply:
    """Any number of commands, in batches."""
    whole = BatchReply({}, {}, {})
    items = list(commands.items())
    for start in range(0, len(items), MAX_BATCH):
        reply = client.batch(dict(items[start : start + MAX_BATCH]))
        whole.results.update(reply.results)
        whole.errors.update(reply.errors)
        whole.times.update(reply.times)
    return whole


def _bind_failure(event: str, error: Bx24Error, report: Report) -> None:
    words = error.description.lower()
    if "already bind" in words or "already bound" in words:
        report.added.append(event)
    elif "already started" in words:
        report.failed[event] = Unavailable(error.code, error.description, error.http_status)
    else:
        report.failed[event] = error


def _elsewhere(handler: object, url: str) -> bool:
    return isinstance(handler, str) and urlsplit(handler).netloc.lower() != urlsplit(url).netloc.lower()


def _binding(row: Mapping[str, Any]) -> dict[str, Any]:
    user = str(row.get("auth_type") or "0")
    return {"event": row.get("event"), "handler": row.get("handler")} | ({} if user == "0" else {"auth_type": user})


def _values(result: Any) -> list[Any]:
    """The entries of a list, which PHP may write as a map."""
    values = list(result.values()) if isinstance(result, dict) else result
    return values if isinstance(values, list) else []
