"""GET /files/<token>: a stored file, for WhatsApp's servers and for people who follow the link in a workflow.

The files come from strangers and are served from our own origin. So types that a browser would run are sent as unknown
ones, and only pictures, sound and video are shown in place; the rest is downloaded.
"""

from flask import Blueprint, Response, send_file

from messaging.files import media_types, storage
from web.context import refuse, runtime

blueprint = Blueprint("files", __name__)
#: A longer token cannot be ours, so it is not hashed.
MAX_TOKEN = 100
_SHOWN = ("image/", "audio/", "video/")


@blueprint.get("/files/<token>")
def serve(token: str) -> Response:
    """Send the file. `conditional` answers HEAD, Range and If-None-Match; WhatsApp would not follow a redirect."""
    found = storage.find(runtime(), token) if len(token) <= MAX_TOKEN else None
    if found is None:
        return refuse(404, "no such file, or expired")
    row, path = found
    is_active = row.content_type in media_types.ACTIVE or "script" in row.content_type
    content_type = media_types.UNKNOWN if is_active else row.content_type
    try:
        response = send_file(
            path,
            mimetype=content_type,
            as_attachment=not content_type.startswith(_SHOWN),
            download_name=row.name,
            conditional=True,
            etag=f"{row.id}-{row.size}",
            max_age=600,
        )
    except FileNotFoundError:
        return refuse(404, "expired a moment ago")
    response.headers["Content-Type"] = content_type  # without a charset: it is not known
    response.headers["Cache-Control"] = "private, max-age=600"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
