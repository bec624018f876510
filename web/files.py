"""GET /files/<token>: a file we keep, for WhatsApp's servers and for readers of a workflow.

The files are strangers' on our own origin: nothing a browser would run is called by its name, and only pictures, sound
and video are shown in place.
"""

from flask import Blueprint, Response, send_file

from messaging.files import media_types, storage
from web.context import refuse, runtime

blueprint = Blueprint("files", __name__)
#: The longest a token can be; a longer one is nobody's and need not be hashed.
MAX_TOKEN = 100
_SHOWN = ("image/", "audio/", "video/")


@blueprint.get("/files/<token>")
def serve(token: str) -> Response:
    """HEAD, Range and If-None-Match come with `conditional`; no redirect, which WhatsApp would not follow."""
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
    response.headers["Content-Type"] = content_type  # without a charset: nobody knows it
    response.headers["Cache-Control"] = "private, max-age=600"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
