"""Health: the figures of the last 24 hours."""

from flask import Response

from messaging.models import Portal
from web.frames import Viewer
from web.pages.shell import blueprint, reads, show


@blueprint.get("/health", endpoint="health")
@reads
def health(viewer: Viewer, portal: Portal) -> Response:
    return show("pages/health.html", viewer, section="health")
