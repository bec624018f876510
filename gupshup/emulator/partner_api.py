"""The vendor's partner API, as far as we use it: tokens, wallet, what WhatsApp says about an app's number.

Partner docs: "Get Access Token", "Check Wallet Balance", "Get WABA info", "Quality rating". A partner's own token opens only
the way to an app's token; an app's token opens this app alone.
"""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from gupshup.emulator.context import current
from gupshup.emulator.rules.send_forms import Refused
from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.records import App, Bucket

#: The emulated partner.
PARTNER_TOKEN = "partner-token-of-the-emulator"
EMAIL, CLIENT_SECRET = "partner@example.com", "secret-of-the-partner"
#: Calls a minute to one app, by what is asked; the wallet: ten a second.
_PER_MINUTE = {"token": 10, "wallet": 600, "waba": 10, "ratings": 10}
_MESSAGES = {"401": "Authentication Failed", "403": "Forbidden", "429": "Too Many Requests"}
blueprint = Blueprint("partner", __name__, url_prefix="/partner")


@blueprint.errorhandler(Refused)
def _refused(error: Refused) -> ResponseReturnValue:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return jsonify(status="error", message=error.message), error.status, headers


@blueprint.post("/account/login")
def login() -> ResponseReturnValue:
    """A partner's token for 24 hours."""
    if request.mimetype != "application/x-www-form-urlencoded":
        raise Refused(415, "Unsupported Media Type")
    if (request.form.get("email"), request.form.get("password")) != (EMAIL, CLIENT_SECRET):
        raise Refused(401, "Invalid Credentials")
    return {"token": PARTNER_TOKEN, "id": 88, "name": "Emulated partner", "email": EMAIL}


@blueprint.get("/app/<app_id>/token")
def app_token(app_id: str) -> ResponseReturnValue:
    """An app's token, which does not expire."""
    if _said() != PARTNER_TOKEN:
        raise Refused(401, "Authentication Failed")
    emulator, app = current(), _app(app_id)
    with emulator.changed:
        _take(app, "token")
        app.partner_token = app.partner_token or f"sk_{emulator.new_id()}"
    token = {"token": app.partner_token, "authoriserId": app.id, "requestorId": "88", "active": True, "expiresOn": 0}
    return {"status": "success", "token": token}


@blueprint.get("/app/<app_id>/wallet/balance")
def balance(app_id: str) -> ResponseReturnValue:
    wallet = _opened(app_id, "wallet").wallet
    said: JsonObject = {
        "walletResponse": {
            "currency": wallet.currency,
            "currentBalance": wallet.balance,
            "overDraftLimit": wallet.overdraft,
        }
    }
    return {"status": "success", **said} if wallet.has_status else said


@blueprint.get("/app/<app_id>/waba/info")
def waba_info(app_id: str) -> ResponseReturnValue:
    app = _opened(app_id, "waba")
    wallet = app.wallet
    info: JsonObject = {
        "accountStatus": wallet.account,
        "dockerStatus": "CONNECTED",
        "messagingLimit": wallet.limit,
        "mmLiteStatus": "ELIGIBLE",
        "ownershipType": "CLIENT_OWNED",
        "phone": app.phone,
        "phoneQuality": wallet.quality,
        "throughput": "STANDARD",
        "verifiedName": app.title,
        "wabaId": app.id[:8],
        "canSendMessage": wallet.can_send,
        "errors": wallet.errors,
        "timezone": "Asia/Calcutta",
    }
    return {"status": "success", "wabaInfo": info}


@blueprint.get("/app/<app_id>/ratings")
def ratings(app_id: str) -> ResponseReturnValue:
    wallet = _opened(app_id, "ratings").wallet
    if not wallet.rated_at:
        return {"message": "no event update available", "status": "success"}
    return {
        "currentLimit": wallet.limit,
        "oldLimit": wallet.limit,
        "event": "FLAGGED" if wallet.quality == "RED" else "ONBOARDING",
        "eventTime": wallet.rated_at,
        "phoneQuality": wallet.quality,
    }


def _said() -> str:
    return request.headers.get("token") or request.headers.get("Authorization", "")


def _app(app_id: str) -> App:
    app = current().accounts.of_id(app_id)
    if app is None:
        raise Refused(400, "Invalid App ID")
    return app


def _opened(app_id: str, what: str) -> App:
    emulator, app = current(), _app(app_id)
    with emulator.changed:
        if not app.partner_token or _said() != app.partner_token:
            raise Refused(401, "Authentication Failed")
        answer = emulator.faults.take(app.name, "quality" if what in ("waba", "ratings") else "partner")
        if answer is not None:
            status = int(answer.answer[:3]) if answer.answer[:3].isdecimal() else 502
            raise Refused(status, _MESSAGES.get(answer.answer, "Internal Server Error"), answer.retry_after)
        _take(app, what)
    return app


def _take(app: App, what: str) -> None:
    now = current().clock()
    limit = _PER_MINUTE[what]
    bucket = app.partner_buckets.setdefault(what, Bucket(limit / 60, limit, limit, now))
    if not bucket.take(now):
        raise Refused(429, "Too Many Requests", 60)
