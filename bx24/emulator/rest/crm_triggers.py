"""`crm.automation.trigger.*`: the app's own triggers. Source: crm/lib/automation/rest/proxy.php, docs crm/automation.

Most errors have an empty code, so an app must read their text.
"""

from __future__ import annotations

import re
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, RestError, access_denied, rest
from bx24.emulator.rules import triggers
from bx24.emulator.state.triggers import Trigger


def _need_admin(call: Call) -> None:
    # Every token here is one of the app, so there is always an application context.
    if not call.user.is_admin:
        raise access_denied("Admin permissions required")


def _code(params: dict[str, Any]) -> str:
    code = params.get("CODE")
    if php.is_empty(code):
        raise RestError("", "Empty trigger code!")
    if php.is_array(code) or not re.fullmatch(r"[A-Za-z0-9.\-_]+", str(code)):
        raise RestError("", "Wrong trigger code!")
    return str(code)


@rest("crm.automation.trigger.add", "crm")
def trigger_add(call: Call) -> bool:
    """Register a trigger, or rename it. NAME is one text: a map of languages is not stored, and the answer is false."""
    _need_admin(call)
    params = call.upper()
    code, name = _code(params), params.get("NAME")
    if php.is_empty(name):
        raise RestError("", "Empty trigger name!")
    if php.is_array(name):
        return False
    store, app_id = call.portal.triggers, call.portal.installation.row_id
    known = store.find(app_id, code)
    if known:
        known.name = str(name)
    else:
        store.registered.append(Trigger(code, str(name), app_id))
    return True


@rest("crm.automation.trigger.list", "crm")
def trigger_list(call: Call) -> list[dict[str, str]]:
    _need_admin(call)
    known = call.portal.triggers.of(call.portal.installation.row_id)
    return [{"NAME": trigger.name, "CODE": trigger.code} for trigger in known]


@rest("crm.automation.trigger.delete", "crm")
def trigger_delete(call: Call) -> bool:
    _need_admin(call)
    store = call.portal.triggers
    known = store.find(call.portal.installation.row_id, _code(call.upper()))
    if known is None:
        raise RestError("", "Trigger not found")
    store.registered.remove(known)
    return True


@rest("crm.automation.trigger.execute", "crm")
def trigger_execute(call: Call) -> bool:
    """Always true, whether a placed trigger has fired or not. Nothing makes a repeated call harmless."""
    _need_admin(call)
    params = call.upper()
    code = _code(params)
    if call.portal.triggers.find(call.portal.installation.row_id, code) is None:
        raise RestError("", f"Trigger with code {code} is not registered.")
    entity, number = php.to_int(params.get("OWNER_TYPE_ID")), php.to_int(params.get("OWNER_ID"))
    if not call.portal.crm.has_type(entity):
        raise RestError("", "Incorrect parameter OWNER_TYPE_ID.")
    if number <= 0:
        raise RestError("", "Incorrect parameter OWNER_ID.")
    triggers.execute(call.portal, code, (entity, number))
    return True
