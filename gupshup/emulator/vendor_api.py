"""The vendor's HTTP interface: sending, templates, subscriptions, marking as read.

Gupshup docs: reference/msg, docs/template-messages, partner subscription pages and their self-serve twins.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from gupshup.emulator.context import current, sleep
from gupshup.emulator.rules import send_forms, template_submissions, webhook_bodies
from gupshup.emulator.rules.send_forms import MSG_PATH, TEMPLATE_PATH, Refused
from gupshup.emulator.state.accounts import BadApp
from gupshup.emulator.state.faults import Answer
from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.records import App, Subscription

blueprint = Blueprint("api", __name__)

_MAX_SAMPLE_BYTES = 100 * 1024 * 1024
_SUBSCRIPTION_FIELDS = frozenset({"url", "tag", "version", "modes", "doCheck", "showOnUI", "meta", "active"})
_FILTERS = {
    "templateStatus": "status",
    "templateCategory": "category",
    "templateType": "templateType",
    "quality": "quality",
    "languageCode": "languageCode",
}
_MESSAGES = {
    "400": "Bad Request",
    "401": "Authentication Failed",
    "403": "Forbidden",
    "413": "Request Entity Too Large",
    "429": "Too Many Requests",
}


@blueprint.errorhandler(Refused)
def _refused(error: Refused) -> ResponseReturnValue:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return jsonify(status="error", message=error.message), error.status, headers


@blueprint.post(MSG_PATH)
@blueprint.post(TEMPLATE_PATH)
def send() -> ResponseReturnValue:
    """Queue a message: 202 with `messageId`, or a refusal."""
    emulator = current()
    if request.mimetype != "application/x-www-form-urlencoded":
        raise Refused(415, "Unsupported Media Type")
    fields = request.form.to_dict(flat=False)
    with emulator.changed:
        app = send_forms.read_app(fields, emulator.accounts.apps.get, _key_apps())
        answer = emulator.faults.take(app.name, "send")
        if app.bucket and not app.bucket.take(emulator.clock()):
            raise Refused(429, "Too Many Requests")
        latency = emulator.faults.number(app.name, "latency_ms") / 1000
    if answer and _is_instead_of_accepting(answer):
        sleep(latency)
        return _prepared(answer)
    message = emulator.accept(send_forms.read(fields, request.path, app), timedelta(seconds=latency))
    sleep(latency)
    if answer:
        return _prepared(answer)
    return {"status": "submitted", "messageId": message.id}, 202


def _key_apps() -> list[App]:
    emulator = current()
    apps = emulator.accounts.of_key(request.headers.get("apikey", ""))
    if not apps or any(emulator.faults.flag(app.name, "key_revoked") for app in apps):
        raise Refused(401, "Authentication Failed")
    return apps


def _is_instead_of_accepting(answer: Answer) -> bool:
    return not (answer.answer.endswith("_after_accept") or answer.answer == "no_message_id")


def _prepared(answer: Answer) -> ResponseReturnValue:
    word = answer.answer.removesuffix("_after_accept")
    if word in ("refuse", "drop"):
        return _cut_connection()
    if word == "no_message_id":
        return {"status": "submitted"}, 202
    if word == "html_502":
        return Response("<html><body><h1>502 Bad Gateway</h1></body></html>", 502, mimetype="text/html")
    raise Refused(int(word), _MESSAGES.get(word, "Internal Server Error"), answer.retry_after)


def _cut_connection() -> Response:
    """No answer: the connection is cut. Callers without a socket, as in WSGI tests, get a ConnectionAbortedError."""
    return Response(_CutConnection(request.environ.get("gupshup.socket")))


class _CutConnection:
    """A body that cuts the connection when the server asks for its first byte, before the headers are written."""

    def __init__(self, connection: object) -> None:
        self._connection = connection

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if isinstance(self._connection, socket.socket):
            self._connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError("the emulator was told to break this connection")


def _app(app_id: str, scope: str | None = None) -> App:
    emulator = current()
    apps = _key_apps()
    app = emulator.accounts.of_id(app_id)
    if app is None or app not in apps:
        raise Refused(404, "Invalid App Details")
    with emulator.changed:
        answer = emulator.faults.take(app.name, scope) if scope else None
    if answer and answer.answer in ("refuse", "drop_after_accept", "html_502", "no_message_id"):
        raise Refused(502, "Bad Gateway")
    if answer:
        raise Refused(int(answer.answer[:3]), _MESSAGES.get(answer.answer, "Internal Server Error"), answer.retry_after)
    return app


@blueprint.get("/wa/app/<app_id>/template")
def list_templates(app_id: str) -> ResponseReturnValue:
    """All templates of an app, filtered and paged as the vendor does (pages count from 0)."""
    app = _app(app_id, "templates")
    found = [template.raw for template in app.templates.values()]
    for query, key in _FILTERS.items():
        if query in request.args:
            found = [raw for raw in found if str(raw.get(key, "")).lower() == request.args[query].lower()]
    size = request.args.get("pageSize", type=int)
    if size and size > 0:
        page = max(request.args.get("pageNo", 0, type=int), 0)
        found = found[page * size : (page + 1) * size]
    return {"status": "success", "templates": found}


@blueprint.get("/wa/app/<app_id>/template/<template_id>")
def one_template(app_id: str, template_id: str) -> ResponseReturnValue:
    """One template by Gupshup's id."""
    template = _app(app_id, "templates").templates.get(template_id)
    if template is None:
        raise Refused(404, "Template Not Found")
    return {"status": "success", "template": template.raw}


@blueprint.post("/wa/app/<app_id>/template")
def create_template(app_id: str) -> ResponseReturnValue:
    """Submit a template: it is PENDING until it is reviewed (`/emulator/…/review`)."""
    emulator, app = current(), _app(app_id)
    with emulator.changed:
        answer = _prepared_instead(app)
        emulator.accounts.blocked_until_forgotten(app)
        wanted = template_submissions.read_new(request.form.to_dict(), app)
        made = emulator.accounts.add_template(app, {**wanted, "status": "PENDING"})
        emulator.review_later(app, made.id)
    return _prepared(answer) if answer else {"status": "success", "template": made.raw}


@blueprint.put("/wa/app/<app_id>/template/<template_id>")
def edit_template(app_id: str, template_id: str) -> ResponseReturnValue:
    """Submit a change: the template is PENDING again."""
    emulator, app = current(), _app(app_id)
    with emulator.changed:
        answer = _prepared_instead(app)
        template = app.templates.get(template_id)
        if template is None:
            raise Refused(404, "Template Not Found")
        if template.status not in ("APPROVED", "REJECTED", "PAUSED"):
            raise Refused(400, "(#100) This message template can't be edited")
        if emulator.accounts.was_edited_today(app, template):
            raise Refused(400, template_submissions.EDITED_TODAY)
        wanted = template_submissions.read_change(request.form.to_dict(), app, template.raw)
        made = emulator.accounts.edit_template(app, template, wanted)
        emulator.review_later(app, made.id)
    return _prepared(answer) if answer else {"status": "success", "template": made.raw}


@blueprint.delete("/wa/app/<app_id>/template/<name>")
def delete_template(app_id: str, name: str) -> ResponseReturnValue:
    """Delete all languages of a template; its name is blocked for 30 days."""
    emulator, app = current(), _app(app_id)
    with emulator.changed:
        answer = _prepared_instead(app)
        if not emulator.accounts.delete_templates(app, name):
            raise Refused(400, "Template Does not exists.")
    return _prepared(answer) if answer else {"status": "success"}


@blueprint.post("/wa/<app_id>/wa/media/v2")
def upload_sample(app_id: str) -> ResponseReturnValue:
    """Keep a file as the sample of a template's header."""
    emulator, app = current(), _app(app_id)
    with emulator.changed:
        answer = _prepared_instead(app)
        file = request.files.get("file")
        if file is None or not file.filename:
            raise Refused(400, "Missing file")
        content = file.read()
        if len(content) > _MAX_SAMPLE_BYTES:
            raise Refused(413, "File size exceeds the maximum limit!")
        media_id = emulator.new_id()
        app.samples[media_id] = file.mimetype
        url = emulator.keep_file(file.mimetype, "sample", content)
    if answer:
        return _prepared(answer)
    return {"status": "success", "media": {"id": media_id, "url": url, "fileName": file.filename}}


def _prepared_instead(app: App) -> Answer | None:
    """The prepared answer to a call that changes templates; raised here unless the change is to be made first."""
    answer = current().faults.take(app.name, "manage")
    if answer is None or answer.answer.endswith("_after_accept"):
        return answer
    if answer.answer == "error_200":
        raise Refused(200, template_submissions.NOT_SUPPORTED)
    if answer.answer.isdecimal():
        raise Refused(int(answer.answer), _MESSAGES.get(answer.answer, "Internal Server Error"), answer.retry_after)
    raise Refused(502, "Bad Gateway")


@blueprint.post("/wa/app/<app_id>/subscription")
def subscribe(app_id: str) -> ResponseReturnValue:
    """Register a webhook address."""
    app = _app(app_id, "subscription")
    fields = request.form.to_dict(flat=False)
    if unknown := set(fields) - _SUBSCRIPTION_FIELDS:
        raise Refused(400, f"Invalid Request: unknown field {sorted(unknown)[0]}")
    url, modes = request.form.get("url", ""), fields.get("modes", [])
    if not url.startswith("https://") and not app.allow_http:
        raise Refused(400, "Invalid url: https is required")
    if request.form.get("version", "2") != "2":
        raise Refused(400, "Invalid version: only version 2 is emulated")
    if request.form.get("doCheck") == "true":
        _check_url(app, url)
    with current().changed:
        try:
            # Modes must be one comma-separated string. The vendor silently ignores a repeated field.
            made = current().accounts.subscribe(
                app, url, request.form.get("tag", ""), modes[0] if len(modes) == 1 else ""
            )
        except BadApp as error:
            raise Refused(400, str(error)) from None
    return {"status": "success", "subscription": _subscription(app, made)}


def _check_url(app: App, url: str) -> None:
    emulator = current()
    payload: JsonObject = {"phone": "callbackSetPhone", "type": "sandbox-start"}
    if not 200 <= emulator.post(url, webhook_bodies.envelope(app, "user-event", payload, emulator.clock())) < 300:
        raise Refused(400, "Callback url could not be verified")


@blueprint.get("/wa/app/<app_id>/subscription")
def list_subscriptions(app_id: str) -> ResponseReturnValue:
    app = _app(app_id, "subscription")
    return {"status": "success", "subscriptions": [_subscription(app, s) for s in app.subscriptions.values()]}


@blueprint.put("/wa/app/<app_id>/subscription/<subscription_id>")
def change_subscription(app_id: str, subscription_id: str) -> ResponseReturnValue:
    """Change `url`, `modes`, `active`; fields that are absent stay."""
    app = _app(app_id, "subscription")
    found = app.subscriptions.get(subscription_id)
    if found is None:
        raise Refused(404, "Subscription Not Found")
    with current().changed:
        found.url = request.form.get("url", found.url)
        found.active = request.form.get("active", "true" if found.active else "false") == "true"
        if "modes" in request.form:
            found.modes = frozenset(word.strip() for word in request.form["modes"].split(","))
    return {"status": "success", "subscription": _subscription(app, found)}


@blueprint.delete("/wa/app/<app_id>/subscription")
@blueprint.delete("/wa/app/<app_id>/subscription/<subscription_id>")
def unsubscribe(app_id: str, subscription_id: str | None = None) -> ResponseReturnValue:
    """Remove one subscription, or all of the app."""
    app = _app(app_id, "subscription")
    if subscription_id is not None and subscription_id not in app.subscriptions:
        raise Refused(404, "Subscription Not Found")
    with current().changed:
        for known in [s for s in app.subscriptions if subscription_id in (None, s)]:
            del app.subscriptions[known]
    return {"status": "success"}


def _subscription(app: App, subscription: Subscription) -> JsonObject:
    return {
        "active": subscription.active,
        "appId": app.id,
        "createdOn": subscription.created,
        "id": subscription.id,
        "latencyBucket": "LOW",
        "mode": 0,
        "modes": sorted(subscription.modes),
        "modifiedOn": subscription.created,
        "showOnUI": False,
        "tag": subscription.tag,
        "url": subscription.url,
        "version": subscription.version,
    }


@blueprint.put("/wa/app/<app_id>/msg/<path:message_id>/read")
def mark_read(app_id: str, message_id: str) -> ResponseReturnValue:
    """The business has read a message of the client: the ticks on the phone turn blue."""
    reply = current().inbound(message_id)
    if reply is None or reply.app is not _app(app_id):
        raise Refused(404, "Message Not Found")
    reply.read = True
    return {"status": "success"}, 202
