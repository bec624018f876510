"""The file of a campaign's header, if it is the same for all: fetched once or uploaded, judged once, kept until the campaign
is over.

It is kept in the campaign's mapping as `shared`, with the link and the kind of file that it was fetched for (`of`, `media`):
under another header it does not count. Only this module writes it: what a client of ours sends as `shared` is dropped. The
header of an uploaded file is our own link to it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from sqlalchemy import update
from sqlalchemy.orm import Session

from activities.base import Shared
from gupshup.templates import TemplateInfo
from messaging.campaigns.mapping import Mapping as Variables
from messaging.files import hand_files, storage
from messaging.files.downloads import TOTAL_S
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign
from messaging.store.kept_files import File
from messaging.store.models import Portal

NAME = "shared"
#: How long a draft's file is kept; it is fetched again when less than RENEWED of that is left.
KEPT, RENEWED = timedelta(days=30), timedelta(days=14)
#: From the first message on it is kept longer than a campaign may be paused, and again when a few days of that are over.
KEPT_OPEN, KEPT_OPEN_LEAST = timedelta(days=100), timedelta(days=95)
#: WhatsApp fetches a file soon after the message has left.
KEPT_AFTER = timedelta(days=3)


def link_of(mapping: Mapping[str, Any] | None) -> str:
    """The link to the file if it is the same for all, else ""."""
    header = Variables.read(mapping).header
    return "" if header.name else header.text.strip()


def without(mapping: Mapping[str, Any] | None) -> dict[str, Any]:
    """A mapping without the kept file."""
    return {name: value for name, value in (mapping or {}).items() if name != NAME}


def copied(mapping: Mapping[str, Any] | None) -> dict[str, Any]:
    """A mapping for another campaign: it has no kept file, and no link to an uploaded one, which its campaign lets expire."""
    return without({**(mapping or {}), "header": {}} if name_of_uploaded(mapping) else mapping)


def name_of_uploaded(mapping: Mapping[str, Any] | None) -> str:
    """The name of the uploaded file that is the header, "" if it is none."""
    stored = (mapping or {}).get(NAME)
    if not stored or not stored["of"] == stored["url"] == link_of(mapping):
        return ""
    return str(stored["name"] or stored["media"])


def uploaded(runtime: Runtime, portal_id: int, stream: BinaryIO, name: str, info: TemplateInfo) -> dict[str, Any]:
    """A file from a person's computer, kept as the header of this template, for `with_uploaded`.

    Raises Refused, as hand_files.uploaded.
    """
    made = hand_files.uploaded(runtime, portal_id, stream, name, _media(info), kept=KEPT)
    return _as_stored(made.url, made, runtime.clock() + KEPT)


def with_uploaded(mapping: Mapping[str, Any] | None, file: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping with this file as the header of all messages. file: of `uploaded`."""
    return {**(mapping or {}), "header": {"name": "", "text": file["of"]}, NAME: dict(file)}


def _media(info: TemplateInfo) -> str:
    return "video" if info.kind == "GIF" else info.kind.lower()


def _as_stored(link: str, made: Shared, until: datetime) -> dict[str, Any]:
    return {"of": link, "media": made.media, "url": made.url, "name": made.name, "until": until.isoformat()}


def carried(stored: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    """A new mapping with the kept file of the stored one, as long as its header is the same."""
    kept = (stored or {}).get(NAME)
    is_same = kept and link_of(new) == kept.get("of")
    return {**without(new), **({NAME: kept} if is_same else {})}


def kept(session: Session, runtime: Runtime, campaign: Campaign) -> Shared | None:
    """The kept file, None if there is none for the header as it is now, or none any more."""
    stored = (campaign.mapping or {}).get(NAME)
    if not stored or stored.get("of") != link_of(campaign.mapping):
        return None
    if not storage.are_kept(session, runtime, stored["url"]):
        return None
    return Shared(stored["media"], stored["url"], stored["name"], "", 0)


def fetched(runtime: Runtime, portal: Portal, campaign: Campaign, info: TemplateInfo) -> dict[str, Any] | None:
    """What `mapping` keeps of the file that this template needs, fetched if necessary; None if the template needs no file.

    It is fetched as a link that a person sends by hand: nothing of the portal's. Raises Refused.
    """
    link = link_of(campaign.mapping)
    if not link or not info.is_media:
        return None
    media, now = _media(info), runtime.clock()
    stored = (campaign.mapping or {}).get(NAME) or {}
    with runtime.db.read() as session:
        found = kept(session, runtime, campaign)
    is_right = found is not None and found.media == media
    if is_right and _until(stored) > now + RENEWED:
        return dict(stored)
    if is_right and name_of_uploaded(campaign.mapping):
        with runtime.db.write() as session:
            _expires(session, portal.id, stored["url"], now + KEPT)
        return {**stored, "until": (now + KEPT).isoformat()}
    made = hand_files.linked(runtime, portal.id, portal.client_endpoint, link, media, kept=KEPT, seconds=TOTAL_S)
    return _as_stored(link, made, now + KEPT)


def keep_on(session: Session, campaign: Campaign, now: datetime) -> None:
    """Keep the file of a running campaign for as long as it may run or be paused."""
    stored = (campaign.mapping or {}).get(NAME)
    if stored and _until(stored) < now + KEPT_OPEN_LEAST:
        _keep_until(session, campaign, stored, now + KEPT_OPEN)


def let_go(session: Session, campaign: Campaign, now: datetime) -> None:
    """Let the file of a campaign that is over expire."""
    stored = (campaign.mapping or {}).get(NAME)
    if stored:
        _keep_until(session, campaign, stored, now + KEPT_AFTER)


def _keep_until(session: Session, campaign: Campaign, stored: dict[str, Any], until: datetime) -> None:
    _expires(session, campaign.portal_id, stored["url"], until)
    campaign.mapping = {**(campaign.mapping or {}), NAME: {**stored, "until": until.isoformat()}}


def _expires(session: Session, portal_id: int, url: str, at: datetime) -> None:
    mine = (File.token_digest == storage.digest_of(url)) & (File.portal_id == portal_id)
    session.execute(update(File).where(mine).values(expires_at=at).execution_options(synchronize_session=False))


def _until(stored: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(stored["until"])
