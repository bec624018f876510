"""First steps: what is connected and what is still to be done."""

from flask import Response

from messaging.models import Portal
from web.frames import Viewer
from web.pages.shell import blueprint, reads, show


def draw(viewer: Viewer, portal: Portal) -> Response:
    """The page, also as the first one of a freshly opened frame."""
    return show("pages/start.html", viewer, section="start", portal=portal)


@blueprint.get("/start", endpoint="start")
@reads
def start(viewer: Viewer, portal: Portal) -> Response:
    return draw(viewer, portal)
