"""The REST API, `/api/v1`: one module for each resource, all made as web.api.resource says.

Below `/api/` every answer is JSON, errors too; pages, webhooks and frames never see these error handlers.
"""

from collections.abc import Callable
from typing import Any

import flask_smorest
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from web.api import (
    campaigns,
    docs,
    lines,
    message_schemas,
    messages,
    optouts,
    problems,
    replies,
    reports,
    switching,
    templates,
    webhooks,
)
from web.api.problems import BELOW
from web.api.resource import PREFIX, Resource

#: In the order of the documentation.
RESOURCES: tuple[Resource, ...] = (
    messages.resource,
    replies.resource,
    templates.resource,
    campaigns.resource,
    optouts.resource,
    lines.resource,
    reports.resource,
    webhooks.resource,
)
VERSION = "1"


class Api(flask_smorest.Api):  # type: ignore[misc]  # it has no types
    """Registers the resources and documents them. elsewhere: answers errors of all that is not below /api/."""

    def __init__(self, app: Flask, elsewhere: Callable[[HTTPException], Response]) -> None:
        self._elsewhere = elsewhere
        super().__init__(app, spec_kwargs={"title": "waba24", "version": VERSION, "openapi_version": "3.1.0"})

    def handle_http_exception(self, error: HTTPException) -> Any:
        return problems.of_http(error) if request.path.startswith(BELOW) else self._elsewhere(error)


def attach(app: Flask, elsewhere: Callable[[HTTPException], Response]) -> None:
    """Put the API on the app. elsewhere: answers errors of all other addresses."""
    api = Api(app, elsewhere)
    for schema in message_schemas.NEW.values():
        api.spec.components.schema(schema.__name__, schema=schema)
    for resource in RESOURCES:
        api.register_blueprint(resource)
    docs.attach(app, api)
    app.register_blueprint(switching.blueprint)


__all__ = ["PREFIX", "RESOURCES", "attach"]
