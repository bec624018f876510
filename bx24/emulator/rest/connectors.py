"""`imconnector.*` without messages: registration and switches. Source: imconnector/lib/rest, docs imopenlines/imconnector.

In the product all of them stand under the scope `imopenlines`.
"""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, RestError, access_denied, argument, rest
from bx24.emulator.rules import connector_events, open_line_setup
from bx24.emulator.state.portal import Portal

SCOPE = "imopenlines"
_STANDARD = {
    "livechat": "Online chat",
    "telegrambot": "Telegram",
    "vkgroup": "VK",
    "whatsappbyedna": "Edna.ru WhatsApp",
}
_MISSING = (
    ("ID", "CONNECTOR_ID_REQUIRED", "The connector ID is not specified"),
    ("NAME", "NAME_REQUIRED", "The connector name is not specified"),
    ("ICON", "ICON_REQUIRED", "The connector icon is not specified"),
    ("PLACEMENT_HANDLER", "NO_PLACEMENT_HANDLER", "The placement handler is not specified"),
)


def needed(params: dict[str, Any], *names: str) -> None:
    """Raises RestError for the first parameter that is not there."""
    for name in names:
        if params.get(name) is None:
            raise argument(name)


def connector_and_line(params: dict[str, Any]) -> tuple[str, int]:
    return str(params.get("CONNECTOR")).lower(), php.to_int(params.get("LINE"))


def check_provider(portal: Portal, connector: str, line: int) -> None:
    """Raises RestError unless the app owns the connector and messages can pass on this line."""
    if connector not in portal.open_lines.connectors:
        raise RestError("IMCONNECTOR_NO_CORRECT_PROVIDER", "Could not find a suitable provider for the connector")
    if connector_events.owned(portal, connector) is None:
        raise RestError("IMCONNECTOR_NOT_SPECIFIED_CORRECT_CONNECTOR", "Connector not specified")
    if not portal.open_lines.works(connector, line):
        raise RestError("NOT_ACTIVE_LINE", "Line with this ID is inactive or does not exist")


def _failure(code: str, text: str) -> dict[str, Any]:
    """Errors of registration come with HTTP 200, inside the result."""
    return {"result": False, "error": code, "error_description": text}


@rest("imconnector.register", SCOPE)
def register(call: Call) -> dict[str, Any]:
    fields = php.deep_keys(call.params, str.upper)
    if "." in str(fields.get("ID") or ""):
        return _failure("APPLICATION_REGISTRATION_ERROR_POINT", "The connector ID must not contain a dot")
    icon = fields.get("ICON")
    given = {**fields, "ICON": icon.get("DATA_IMAGE") if isinstance(icon, dict) else None}
    for name, code, text in _MISSING:
        if php.is_empty(given.get(name)) or not isinstance(given[name], str):
            return _failure(code, text)
    open_line_setup.register(call.portal, fields)
    return {"result": True}


@rest("imconnector.unregister", SCOPE)
def unregister(call: Call) -> dict[str, Any]:
    number = str(call.upper().get("ID") or "")
    if not number:
        return _failure("APPLICATION_UNREGISTRATION_ERROR", "The connector could not be unregistered")
    open_line_setup.unregister(call.portal, number, user_id=call.user.id)
    return {"result": True}


@rest("imconnector.list", SCOPE)
def connector_list(call: Call) -> dict[str, str]:
    """Names by id, of all connectors of the portal. It takes the right to edit connectors."""
    if not call.user.is_admin:
        raise access_denied_400()
    return _STANDARD | {number: known.name for number, known in call.portal.open_lines.connectors.items()}


def access_denied_400() -> RestError:
    """Here the product answers 400, where other methods answer 403."""
    refused = access_denied()
    return RestError(refused.code, refused.description, 400)


@rest("imconnector.activate", SCOPE)
def activate(call: Call) -> bool:
    """Everything that PHP does not call empty switches on, "N" and "false" too."""
    params = call.upper()
    needed(params, "CONNECTOR", "LINE", "ACTIVE")
    connector, line = connector_and_line(params)
    if php.is_empty(params["ACTIVE"]):
        open_line_setup.switch_off(call.portal, connector, line, user_id=call.user.id)
    else:
        open_line_setup.switch_on(call.portal, connector, line)
    return True


@rest("imconnector.status", SCOPE)
def status(call: Call) -> dict[str, Any]:
    params = call.upper()
    needed(params, "CONNECTOR")
    connector, line = connector_and_line(params)
    found = call.portal.open_lines.status(connector, line)
    return {
        "LINE": line,
        "CONNECTOR": connector,
        "ERROR": found.error,
        "CONFIGURED": found.configured,
        "STATUS": found.works,
    }


@rest("imconnector.connector.data.set", SCOPE)
def data_set(call: Call) -> bool:
    params = call.upper()
    needed(params, "CONNECTOR", "LINE", "DATA")
    connector, line = connector_and_line(params)
    data = params["DATA"]
    open_line_setup.set_data(call.portal, connector, line, php.upper_keys(data) if isinstance(data, dict) else {})
    return True


@rest("imconnector.set.error", SCOPE)
def set_error(call: Call) -> dict[str, Any]:
    params = call.upper()
    needed(params, "CONNECTOR", "LINE")
    connector, line = connector_and_line(params)
    if connector not in call.portal.open_lines.connectors:
        raise RestError("IMCONNECTOR_NO_CORRECT_PROVIDER", "Could not find a suitable provider for the connector")
    found = call.portal.open_lines.keep(call.portal.open_lines.status(connector, line))
    found.error = True
    return {"SUCCESS": True, "DATA": []}


@rest("imconnector.chat.name.set", SCOPE)
def chat_name_set(call: Call) -> dict[str, Any]:
    """CHAT_ID and USER_ID are the app's ids."""
    params = call.upper()
    for name in ("CONNECTOR", "LINE", "CHAT_ID", "NAME"):
        if php.is_empty(params.get(name)):
            raise argument(name)
    connector, line = connector_and_line(params)
    known = call.portal.open_lines.connectors.get(connector)
    group = known is not None and known.has("CHAT_GROUP")
    if php.is_empty(params.get("USER_ID")) and not group:
        raise argument("USER_ID")
    check_provider(call.portal, connector, line)
    client = call.portal.chats.client(connector, str(params.get("USER_ID")))
    chat = call.portal.chats.find(connector, line, str(params["CHAT_ID"]), None if group else client)
    if chat is None or not (group or client):
        raise RestError("CHAT_RENAMING_FAILED", "The chat could not be renamed")
    chat.title = str(params["NAME"])
    return {"SUCCESS": True, "DATA": []}
