"""`/api/v1/openapi.json` and `/api/v1/docs`: the document of the API, for programs and for people. Both are public."""

from typing import Any

from flask import Blueprint, Flask, Response

from web.api import document, problems
from web.api.resource import PREFIX
from web.frames import page, speak


def attach(app: Flask, api: Any) -> None:
    """Put both addresses on the app. api: whose routes are documented."""
    blueprint = Blueprint("api_docs", __name__, url_prefix=PREFIX)

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        response = Response(document.built(app, api), mimetype="application/json")
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cache-Control"] = "public, max-age=300"
        return response

    @blueprint.get("/docs", endpoint="viewer")
    def viewer() -> Response:
        speak(problems.language())
        return page("api_docs.html", None)

    app.register_blueprint(blueprint)
