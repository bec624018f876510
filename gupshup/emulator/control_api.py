"""The control API under /emulator: commands of tests and the demo. JSON in, JSON out; errors: 400 {"error"}."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from gupshup.emulator.context import current
from gupshup.emulator.rules.replies import BadReply
from gupshup.emulator.state.accounts import BadApp
from gupshup.emulator.state.faults import BadFault
from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.records import App
from gupshup.emulator.state.templates import BadSeed

_VERDICTS = {"approve": "APPROVED", "reject": "REJECTED", "pause": "PAUSED", "disable": "DISABLED"}
blueprint = Blueprint("control", __name__, url_prefix="/emulator")


class _Wrong(ValueError):
    """A request that this API does not understand; answered 400."""


@blueprint.errorhandler(_Wrong)
@blueprint.errorhandler(BadApp)
@blueprint.errorhandler(BadSeed)
@blueprint.errorhandler(BadFault)
@blueprint.errorhandler(BadReply)
def _wrong(error: Exception) -> ResponseReturnValue:
    return {"error": str(error)}, 400


@blueprint.errorhandler(HTTPException)
def _http(error: HTTPException) -> ResponseReturnValue:
    return {"error": error.description}, error.code or 500


def _body() -> JsonObject:
    body = request.get_json(force=True)
    if not isinstance(body, dict):
        raise _Wrong("the body must be a JSON object")
    return body


def _app(name: object) -> App:
    app = current().accounts.apps.get(str(name))
    if app is None:
        raise _Wrong(f"no app {name!r}")
    return app


def _describe(app: App) -> JsonObject:
    return {
        "app_name": app.name,
        "app_id": app.id,
        "api_key": app.api_key,
        "phone": app.phone,
        "title": app.title,
        "webhook_urls": [s.url for s in app.subscriptions.values()],
        "templates": [
            {"id": t.id, "name": t.raw.get("elementName"), "language": t.raw.get("languageCode"), "status": t.status}
            for t in app.templates.values()
        ],
    }


@blueprint.post("/apps")
def create_app() -> ResponseReturnValue:
    """Make an app; 201 with its key, id and the ids of its templates."""
    with current().changed:
        return _describe(current().accounts.create(_body())), 201


@blueprint.get("/apps")
def list_apps() -> ResponseReturnValue:
    return {"apps": [_describe(app) for app in current().accounts.apps.values()]}


@blueprint.post("/apps/<name>/webhook")
def set_webhook(name: str) -> ResponseReturnValue:
    """`{"url"}`: the address for all events; null removes it."""
    app, url = _app(name), _body().get("url")
    with current().changed:
        current().accounts.set_webhook(app, None if url is None else str(url))
    return _describe(app)


@blueprint.post("/apps/<name>/rate-limit")
def set_rate_limit(name: str) -> ResponseReturnValue:
    """`{"per_second", "burst"}`, or `{"off": true}`."""
    body = _body()
    with current().changed:
        current().accounts.limit(_app(name), None if body.get("off") else body)
    return {}, 204


@blueprint.post("/apps/<name>/templates")
def add_template(name: str) -> ResponseReturnValue:
    """Add a template; 201 with the vendor's object."""
    with current().changed:
        return current().accounts.add_template(_app(name), _body()).raw, 201


@blueprint.post("/apps/<name>/templates/<template_id>")
def change_template(name: str, template_id: str) -> ResponseReturnValue:
    """Overwrite keys of the stored object. A new `status` is reported by a template event, as by the vendor."""
    app, changes = _app(name), _body()
    template = app.templates.get(template_id)
    if template is None:
        raise _Wrong(f"no template {template_id!r}")
    return current().set_template(app, template, changes).raw


@blueprint.post("/apps/<name>/templates/<template_id>/review")
def review(name: str, template_id: str) -> ResponseReturnValue:
    """WhatsApp's decision: `{"verdict", "reason"?, "category"?, "announced"?}`; the app is told by a webhook.

    verdict: approve, reject (with a reason), pause, disable, or recategorise (to a category; announced: only told of).
    """
    app, body = _app(name), _body()
    template = app.templates.get(template_id)
    if template is None:
        raise _Wrong(f"no template {template_id!r}")
    verdict = str(body.get("verdict"))
    if verdict == "recategorise":
        category = str(body.get("category"))
        if category not in ("MARKETING", "UTILITY", "AUTHENTICATION"):
            raise _Wrong("category: MARKETING, UTILITY or AUTHENTICATION")
        current().recategorise(app, template, category, is_announced=bool(body.get("announced")))
    elif verdict in _VERDICTS:
        reason = str(body.get("reason") or "INVALID_FORMAT") if verdict == "reject" else "NONE"
        current().set_template(app, template, {"status": _VERDICTS[verdict], "reason": reason})
    else:
        raise _Wrong(f"verdict: recategorise or one of {', '.join(_VERDICTS)}")
    return app.templates[template_id].raw


@blueprint.post("/apps/<name>/wallet")
def set_wallet(name: str) -> ResponseReturnValue:
    """What the partner API tells of an app: any of the fields of state.records.Wallet."""
    app, body = _app(name), _body()
    with current().changed:
        if unknown := set(body) - set(vars(app.wallet)):
            raise _Wrong(f"wallet: unknown {sorted(unknown)[0]!r}; known: {', '.join(vars(app.wallet))}")
        for key, value in body.items():
            setattr(app.wallet, key, value)
    return {}, 204


@blueprint.get("/messages")
def list_messages() -> ResponseReturnValue:
    """Every accepted message once, oldest first; `?app=`, `?destination=`, `?after=<how many to skip>` narrow it."""
    found = current().accepted(request.args.get("destination"))
    if "app" in request.args:
        found = [message for message in found if message.app.name == request.args["app"]]
    found = found[max(request.args.get("after", 0, type=int), 0) :]
    return {"messages": [message.to_dict() for message in found]}


@blueprint.get("/messages/count")
def count_messages() -> ResponseReturnValue:
    """The number of accepted messages."""
    return {"accepted": len(current().messages)}


@blueprint.post("/reply")
def reply() -> ResponseReturnValue:
    """The client sends something: `{"app", "phone", "type", …}`; 201 with the id that its webhook carries."""
    body = _body()
    app, number = _app(body.get("app")), str(body.get("phone", ""))
    if not number.isdigit():
        raise _Wrong("phone: digits only")
    if body.get("client_name"):
        current().phone(number).name = str(body["client_name"])
    made = current().reply(app, number, body)
    return {"id": made.id, "type": made.payload["type"], "payload": made.payload["payload"]}, 201


@blueprint.post("/read")
def read() -> ResponseReturnValue:
    """`{"app", "phone"}`: the client looks at the chat; what was delivered becomes read."""
    body = _body()
    current().look(current().chat(_app(body.get("app")), str(body.get("phone"))))
    return {}, 204


@blueprint.post("/preference")
def preference() -> ResponseReturnValue:
    """`{"app", "phone", "preference"}`: the client says `stop` to this app's marketing in WhatsApp, or `resume`."""
    body = _body()
    said = body.get("preference")
    if said not in ("stop", "resume"):
        raise _Wrong("preference: stop or resume")
    current().prefer(_app(body.get("app")), str(body.get("phone", "")), stops=said == "stop")
    return {}, 204


@blueprint.post("/phones/<number>")
def change_phone(number: str) -> ResponseReturnValue:
    """`{"online"?, "receipts"?, "name"?}`."""
    body, phone = _body(), current().phone(number)
    phone.receipts = bool(body.get("receipts", phone.receipts))
    phone.name = str(body.get("name", phone.name))
    current().go_online(number, bool(body.get("online", phone.online)))
    return {"phone": number, "online": phone.online, "receipts": phone.receipts, "name": phone.name}


@blueprint.post("/window")
def window() -> ResponseReturnValue:
    """`{"app", "phone"}`: 24 hours pass for this chat."""
    body = _body()
    current().close_window(_app(body.get("app")), str(body.get("phone")))
    return {}, 204


@blueprint.post("/event")
def event() -> ResponseReturnValue:
    """`{"app", "type", "payload"}`: post any event in the vendor's envelope."""
    body = _body()
    payload = body.get("payload")
    if not isinstance(payload, dict):
        raise _Wrong("payload must be an object")
    posted = current().emit(_app(body.get("app")), str(body.get("type")), payload)
    return {"webhooks": [webhook.id for webhook in posted]}, 201


@blueprint.post("/faults")
def set_faults() -> ResponseReturnValue:
    """Settings and prepared answers, for `app` or for all; see `gupshup.emulator.state.faults`."""
    body = _body()
    name = str(body.pop("app", "*"))
    if name != "*":
        _app(name)
    current().change_faults(name, body)
    return current().faults.to_dict()


@blueprint.get("/faults")
def get_faults() -> ResponseReturnValue:
    return current().faults.to_dict()


@blueprint.delete("/faults")
def reset_faults() -> ResponseReturnValue:
    """Forget the faults of `?app=`, or all of them."""
    with current().changed:
        current().faults.reset(request.args.get("app"))
    return {}, 204


@blueprint.get("/webhooks")
def list_webhooks() -> ResponseReturnValue:
    """Webhooks and the answers they got, oldest first; `?app=`, `?event=message-event/sent`, `?limit=` (newest)."""
    with current().changed:
        found = list(current().timetable.log)
    for key, value in request.args.items():
        if key in ("app", "event"):
            found = [w for w in found if (w.app.name if key == "app" else w.label) == value]
    limit = request.args.get("limit", type=int)
    return {"webhooks": [w.to_dict() for w in (found[-limit:] if limit else found)]}


@blueprint.post("/deliver")
def deliver() -> ResponseReturnValue:
    """Do everything that is due within this request; for tests with a clock of their own."""
    return {"posted": current().deliver_due()}


@blueprint.get("/health")
def health() -> ResponseReturnValue:
    return Response("ok", mimetype="text/plain")
