"""Open lines of a portal, and our connector there: settings, switches, the panel beside a chat, the chats of CRM items.

Bitrix24 docs: api-reference/imopenlines/imconnector, api-reference/imopenlines/openlines, api-reference/widgets/im.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bx24.client import Client
from bx24.errors import Bx24Error, Rejected
from bx24.i18n import Text
from bx24.php_values import is_on, number, upper_map, values
from bx24.php_values import text as text_of

_NO_PLACEMENT = ("insufficient_scope", "error_placement_not_found", "error_method_not_found")
_NOT_OPEN = ("NOT_LOAD_SESSION_OR_CHAT", "IMOL_CHAT_ERROR_NOT_LOAD_DATA")


# --- lines -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LineSettings:
    """An open line. warnings: which of its settings write to clients: greeting, closing, rating, absence."""

    id: int
    name: str
    is_active: bool
    warnings: tuple[str, ...]


def lines(client: Client) -> list[LineSettings]:
    """All open lines of the portal. Raises Bx24Error."""
    rows = values(client.call("imopenlines.config.list.get").result)
    return [found for row in rows if (found := _line(upper_map(row))).id]


def _line(row: Mapping[str, Any]) -> LineSettings:
    closes = any(
        text_of(row.get(rule)) == "text" and text_of(row.get(text)).strip()
        for rule, text in (("CLOSE_RULE", "CLOSE_TEXT"), ("AUTO_CLOSE_RULE", "AUTO_CLOSE_TEXT"))
    )
    found = {
        "greeting": is_on(row.get("WELCOME_MESSAGE")),
        "closing": closes,
        "rating": is_on(row.get("VOTE_MESSAGE")),
        "absence": text_of(row.get("NO_ANSWER_RULE")) == "text",
    }
    name = text_of(row.get("LINE_NAME")) or f"#{number(row.get('ID'))}"
    return LineSettings(
        number(row.get("ID")),
        name[:200],
        is_on(row.get("ACTIVE")),
        tuple(word for word, is_on in found.items() if is_on),
    )


def new_line(client: Client, name: str) -> int:
    """Make an open line; its number. Raises Bx24Error."""
    made = number(client.call("imopenlines.config.add", {"PARAMS": {"LINE_NAME": name}}).result)
    if not made:
        raise Rejected("LINE_NOT_ADDED", "the portal did not say the number of the new open line")
    return made


def switch(client: Client, connector: str, line: int, is_on: bool) -> None:
    """Switch a connector on or off on an open line. "N" would switch on, too. Raises Bx24Error."""
    client.call("imconnector.activate", {"CONNECTOR": connector, "LINE": line, "ACTIVE": 1 if is_on else 0})


def describe(client: Client, connector: str, line: int, name: str, url: str) -> None:
    """Tell the portal what the connector leads to on this line. Raises Bx24Error."""
    data = {"ID": f"{connector}_{line}", "NAME": name, "URL": url, "URL_IM": url}
    client.call("imconnector.connector.data.set", {"CONNECTOR": connector, "LINE": line, "DATA": data})


def works(client: Client, connector: str, line: int) -> bool:
    """Whether messages pass on this line now. Raises Bx24Error."""
    answer = upper_map(client.call("imconnector.status", {"CONNECTOR": connector, "LINE": line}).mapping())
    return is_on(answer.get("STATUS")) and not is_on(answer.get("ERROR"))


def register(client: Client, fields: Mapping[str, Any]) -> Bx24Error | None:
    """Register a connector, or bring it up to date; why the portal did not. Its refusals come inside the result."""
    try:
        answer = upper_map(client.call("imconnector.register", fields).mapping())
    except Rejected as error:
        return error
    if is_on(answer.get("RESULT")):
        return None
    return Rejected(text_of(answer.get("ERROR")) or "not registered", text_of(answer.get("ERROR_DESCRIPTION")))


# --- the panel beside a chat -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dialog:
    """A chat of an open line. client: the app's id of it. items: kind (lead, deal, contact, company) → id of its CRM items."""

    chat_id: int
    connector: str
    line: int
    client: str
    items: dict[str, int]


def dialog(client: Client, dialog_id: str) -> Dialog:
    """The chat that a user has open, as this user may see it. dialog_id: "chat4471". Raises Bx24Error."""
    given = upper_map(client.call("imopenlines.dialog.get", {"DIALOG_ID": dialog_id}).mapping())
    parts = [*text_of(given.get("ENTITY_ID")).split("|"), "", "", ""]
    words = text_of(given.get("ENTITY_DATA_2")).split("|")
    items = {kind.lower(): number(item) for kind, item in zip(words[::2], words[1::2], strict=False)}
    bound = {kind: item for kind, item in items.items() if item}
    return Dialog(number(given.get("ID")), parts[0].lower(), number(parts[1]), parts[2], bound)


def bind_panel(client: Client, handler: str, title: Text) -> Bx24Error | None:
    """Put a button of ours below the input field of open lines' chats; why the portal did not.

    A portal that has not granted placements has no button, and that is no fault.
    """
    titles = {lang: {"TITLE": words} for lang, words in title.map().items()}
    options = {"iconName": "fa-whatsapp", "context": "LINES", "role": "USER", "extranet": "N", "color": "GREEN"}
    size = {"width": "460", "height": "560"}
    params = {"PLACEMENT": "IM_TEXTAREA", "HANDLER": handler, "TITLE": title.en, "LANG_ALL": titles}
    try:
        client.call("placement.bind", {**params, "OPTIONS": {**options, **size}})
    except Rejected as error:
        is_there = "already bind" in error.description.lower()
        return None if is_there or error.code.lower() in _NO_PLACEMENT else error
    return None


# --- chats of the CRM ------------------------------------------------------------------------------------------------------


def chats_of(client: Client, kind: str, item: int) -> list[tuple[int, str]]:
    """The chats of a CRM item, each with its connector. kind: lead, deal, contact or company. Raises Bx24Error."""
    params = {"CRM_ENTITY_TYPE": kind, "CRM_ENTITY": item, "ACTIVE_ONLY": "N"}
    rows = map(upper_map, values(client.call("imopenlines.crm.chat.get", params).result))
    return [(number(row.get("CHAT_ID")), text_of(row.get("CONNECTOR_ID")).lower()) for row in rows]


def finish(client: Client, chat_id: int) -> bool:
    """Finish a dialog whoever is its operator; False if none is open. Raises Bx24Error."""
    try:
        client.call("imopenlines.operator.another.finish", {"CHAT_ID": chat_id})
    except Rejected as error:
        if error.code.upper() in _NOT_OPEN:
            return False
        raise
    return True
