"""GET /files/<token>: a stored file, for WhatsApp's servers and for people who follow the link in a workflow.

The files come from strangers and are served from our own origin. So types that a browser would run are sent as unknown
ones, and only pictures, sound and video are shown in place; the rest is downloaded.
"""

from flask import Blueprint, Response, request, send_file

from messaging.files import media_types, storage
from messaging.system.file_store import StoreAway
from web.context import refuse, runtime

blueprint = Blueprint("files", __name__)
#: A longer token cannot be ours, so it is not hashed.
MAX_TOKEN = 100
_SHOWN = ("image/", "audio/", "video/")


@blueprint.get("/files/<token>")
def serve(token: str) -> Response:
    """Send the file. `make_conditional` answers HEAD, Range and If-None-Match; WhatsApp would not follow a redirect."""
    try:
        found = storage.find(runtime(), token) if len(token) <= MAX_TOKEN else None
    except StoreAway as error:
        return refuse(503, f"the file store is away: {error}")
    if found is None:
        return refuse(404, "no such file, or expired")
    row, file = found
    is_active = row.content_type in media_types.ACTIVE or "script" in row.content_type
    content_type = media_types.UNKNOWN if is_active else row.content_type
    response = send_file(
        file,
        mimetype=content_type,
        as_attachment=not content_type.startswith(_SHOWN),
        download_name=row.name,
        conditional=False,
        etag=f"{row.id}-{row.size}",
        last_modified=row.created_at,
        max_age=600,
    )
    response.content_length = row.size
    response.make_conditional(request, accept_ranges=True, complete_length=row.size)
    response.headers["Content-Type"] = content_type  # without a charset: it is not known
    response.headers["Cache-Control"] = "private, max-age=600"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
