"""Webhooks: addresses that are told what happens (messaging.callbacks)."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from bx24.i18n import Text
from messaging.callbacks import endpoints
from messaging.callbacks.endpoints import EVENTS, MOST, URL_LENGTH, TooMany, Unfit, Wanted
from messaging.store.callbacks import Endpoint, EndpointState
from messaging.store.states import Origin
from web.api import examples, problems, wording
from web.api.keyed import answered, keyed
from web.api.message_schemas import Answer
from web.api.problems import Problem
from web.api.resource import Resource, caller, needs
from web.context import runtime

resource = Resource("Webhooks", "Your own systems are told what happens, by the Standard Webhooks specification.")
_WRONG = {
    "missing": Text("Fill in this field.", "Заполните это поле."),
    "too_long": Text(f"At most {URL_LENGTH} characters are allowed.", f"Допустимо не больше {URL_LENGTH} символов."),
    "not_a_url": Text("Give an https address.", "Укажите адрес https."),
    "not_https": Text("Give an https address.", "Укажите адрес https."),
    "password": Text(
        "Leave out name and password: each request is signed instead.",
        "Уберите имя и пароль: вместо них каждый запрос подписан.",
    ),
    "private": Text(
        "This host is in a private network. We deliver to the public internet only.",
        "Этот сервер в частной сети. Мы отправляем только в открытый интернет.",
    ),
    "busy": Text(
        "Other addresses of this portal are being looked up. Repeat the request in half a minute.",
        "Сейчас проверяются другие адреса этого портала. Повторите запрос через полминуты.",
    ),
    "unknown_host": Text(
        "There is no such host. Check the spelling, or repeat the request when its DNS entry is there.",
        "Такого сервера нет. Проверьте адрес или повторите запрос, когда появится запись DNS.",
    ),
}
_FULL = Text(
    f"The portal has {MOST} webhooks already. Delete one first.",
    f"На портале уже {MOST} вебхуков. Сначала удалите какой-нибудь.",
)


class NewWebhook(Schema):
    """An address, and what it is told."""

    url = fields.String(
        required=True,
        validate=validate.Length(1, URL_LENGTH),
        metadata={"description": "https, on a host of the public internet.", "format": "uri"},
    )
    events = fields.List(
        fields.String(validate=validate.OneOf([str(event) for event in EVENTS])),
        required=True,
        validate=validate.Length(1, 20),
    )
    origins = fields.List(
        fields.String(validate=validate.OneOf([str(origin) for origin in Origin])),
        load_default=[],
        validate=validate.Length(max=20),
        metadata={"description": "Whose messages' statuses are told; empty: all."},
    )


class WebhookSchema(Answer):
    """A webhook."""

    id = fields.String(required=True)
    url = fields.String(required=True)
    events = fields.List(fields.String(), required=True)
    origins = fields.List(fields.String(), required=True)
    state = fields.String(required=True, validate=validate.OneOf([EndpointState.ON, EndpointState.OFF]))
    off_reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "gone: it answered 410; failing: nothing was taken for three days."},
    )
    failing_since = fields.AwareDateTime(required=True, allow_none=True)
    waiting = fields.Integer(required=True, metadata={"description": "Events that wait for delivery."})
    created_at = fields.AwareDateTime(required=True)


class MadeWebhookSchema(WebhookSchema):
    """A new webhook, with the secret that signs its requests: it is shown only here."""

    secret = fields.String(required=True)


@resource.route("/webhooks", methods=["POST"])
@needs("webhooks:write")
@keyed
@resource.arguments(NewWebhook, example=examples.NEW_WEBHOOK)
@resource.response(201, MadeWebhookSchema, example={**examples.WEBHOOK, "secret": examples.SECRET})
def make_webhook(values: dict[str, Any]) -> dict[str, Any]:
    """Make a webhook

    Its secret is in this answer alone.
    """
    wanted = Wanted(values["url"], values["events"], values["origins"])
    try:
        made = endpoints.make(runtime(), caller().portal_id, wanted, also=_answer)
    except Unfit as error:
        wrong = {field: _WRONG.get(code, _WRONG["missing"]) for field, code in error.problems.items()}
        raise problems.invalid({field: [(wording.INVALID, why)] for field, why in wrong.items()}) from None
    except TooMany:
        raise problems.invalid({"": [("limit_reached", _FULL)]}) from None
    return _made(made)


def _answer(session: Any, made: Endpoint) -> None:
    """The answer belongs to the transaction: the secret cannot be asked for again."""
    answered(session, 201, MadeWebhookSchema().dump(_made(made)))


@resource.route("/webhooks")
@needs("webhooks:read")
@resource.response(200, WebhookSchema(many=True), example=[examples.WEBHOOK])
def list_webhooks() -> list[dict[str, Any]]:
    """List webhooks"""
    with runtime().db.read() as session:
        return [_shown(endpoint) for endpoint in endpoints.listed(session, caller().portal_id)]


@resource.route("/webhooks/<webhook_id>", methods=["DELETE"])
@needs("webhooks:write")
@resource.response(204)
def delete_webhook(webhook_id: str) -> Response:
    """Delete a webhook

    Nothing is sent to it any more; what waits is deleted.
    """
    try:
        endpoints.remove(runtime(), caller().portal_id, webhook_id)
    except LookupError:
        raise Problem(404, "not_found") from None
    return Response(status=204)


@resource.route("/webhooks/<webhook_id>/test", methods=["POST"])
@needs("webhooks:write")
@keyed
@resource.response(202, WebhookSchema, example=examples.WEBHOOK)
def test_webhook(webhook_id: str) -> dict[str, Any]:
    """Send a test event

    It is delivered as all others are, with the type `test`.
    """
    try:
        endpoints.test(runtime(), caller().portal_id, webhook_id)
        with runtime().db.read() as session:
            return _shown(endpoints.find(session, caller().portal_id, webhook_id))
    except LookupError:
        raise Problem(404, "not_found") from None


def _shown(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.key,
        "url": endpoint.url,
        "events": endpoint.events,
        "origins": endpoint.origins,
        "state": endpoint.state,
        "off_reason": endpoint.off_reason or None,
        "failing_since": endpoint.failing_since,
        "waiting": endpoint.waiting,
        "created_at": endpoint.created_at,
    }


def _made(endpoint: Endpoint) -> dict[str, Any]:
    return {**_shown(endpoint), "secret": endpoint.secret}
