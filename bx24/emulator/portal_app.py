"""The Flask application of one portal: REST, the control API, the pages."""

from __future__ import annotations

from flask import Flask, Response
from werkzeug.http import http_date

from bx24.emulator.control import api as control_api
from bx24.emulator.formats.http_basics import read_body
from bx24.emulator.pages import (
    app_frame,
    authorize,
    board,
    chat_files,
    chats,
    contact_center,
    downloads,
    layout,
    robot_designer,
    robot_panel,
    switches,
    workflow_log,
)
from bx24.emulator.rest import dispatch
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.portals import Portals

PAGES = (
    layout,
    board,
    workflow_log,
    app_frame,
    robot_designer,
    robot_panel,
    switches,
    authorize,
    downloads,
    chat_files,
    chats,
    contact_center,
)


def create_portal_app(portal: Portal, portals: Portals) -> Flask:
    app = Flask(__name__)
    # The settings of a robot carry the field catalogue of a whole portal: more than Werkzeug's limit of half a megabyte.
    app.config["MAX_FORM_MEMORY_SIZE"] = 8 * 1024 * 1024
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.before_request(read_body)
    dispatch.register(app, portal)
    control_api.register(app, portal, portals)
    for page in PAGES:
        page.register(app, portal)

    @app.after_request
    def dated(response: Response) -> Response:
        response.headers["Date"] = http_date(portal.shown_time())
        return response

    return app
