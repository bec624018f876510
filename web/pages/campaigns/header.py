"""The file of a template's header from the person's computer: one for all recipients."""

from typing import BinaryIO, cast

from flask import Response, request
from flask_babel import gettext as _
from werkzeug.exceptions import RequestEntityTooLarge

from activities.errors import Refused
from messaging.campaigns import changes, header_file
from messaging.limits import bounds
from messaging.store.campaigns import Campaign
from messaging.store.models import Portal
from messaging.system.file_store import StoreAway
from web.context import clean, place_for, runtime
from web.frames import Viewer
from web.pages.campaigns import template
from web.pages.campaigns.rights import found, of_campaign
from web.pages.hand.uploads import uploading
from web.pages.shell import blueprint

#: Characters of a file's name.
_LONGEST_NAME = 200


@blueprint.post("/campaigns/<key>/header", endpoint="upload_campaign_header")
@of_campaign
def upload(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Keep the file as the header of all messages."""
    request.max_content_length = bounds.UPLOAD_BYTES + bounds.PAGE_BYTES
    info = template.template_of(portal, campaign)
    if info is None or not info.is_media:
        return template.draw(viewer, portal, campaign)
    try:
        with uploading(portal.id), place_for(request.content_length):
            sent = request.files.get("file")
            if sent is None or not sent.filename:
                return _refused(viewer, portal, campaign, _("Choose a file."))
            name = clean(sent.filename)[:_LONGEST_NAME]
            file = header_file.uploaded(runtime(), portal.id, cast(BinaryIO, sent.stream), name, info)
    except RequestEntityTooLarge:
        size = bounds.UPLOAD_BYTES // bounds.MB
        words = _("This file is larger than %(mb)s MB. Give a direct link to it instead.", mb=size)
        return _refused(viewer, portal, campaign, words)
    except Refused as why:
        return _refused(viewer, portal, campaign, why.text.to(viewer.language))
    except (OSError, StoreAway):
        return _refused(viewer, portal, campaign, _("The file could not be kept. Try again in a minute."))
    changes.take_header(runtime(), portal.id, campaign.key, file)
    return template.draw(viewer, portal, found(portal, campaign.key))


@blueprint.post("/campaigns/<key>/header/remove", endpoint="remove_campaign_header")
@of_campaign
def remove(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Choose another file, or where its link comes from."""
    changes.edit(runtime(), portal.id, campaign.key, mapping={**(campaign.mapping or {}), "header": {}})
    return template.draw(viewer, portal, found(portal, campaign.key))


def _refused(viewer: Viewer, portal: Portal, campaign: Campaign, words: str) -> Response:
    return template.draw(viewer, portal, campaign, errors={"header": words})
