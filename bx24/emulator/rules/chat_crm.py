"""How a chat finds its CRM items: by the client's phone; a lead or a deal is created, if the line says so.

Source: docs tutorials/openlines/find-crm-object-by-dialog; imopenlines/lib/crm.php.
"""

from __future__ import annotations

import re
from typing import Any

from bx24.emulator.state import crm
from bx24.emulator.state.chats import Chat, ClientUser, Session
from bx24.emulator.state.open_lines import OpenLine
from bx24.emulator.state.portal import Portal

ENTITIES = {"LEAD": crm.LEAD, "DEAL": crm.DEAL, "CONTACT": crm.CONTACT, "COMPANY": crm.COMPANY}
_FINAL_STAGES = ("WON", "LOSE")
_MAIN = ("DEAL", "LEAD", "CONTACT", "COMPANY")


def bind(portal: Portal, chat: Chat, session: Session, line: OpenLine) -> None:
    """Link a new session to the CRM: the items of this phone, else a new one."""
    if not line.is_on("CRM"):
        return
    client = portal.chats.clients[chat.client_id]
    found = _search(portal, client.phone) or _create(portal, client, line)
    chat.crm.update(found)
    session.in_crm = bool(found)
    if found:
        session.triggers.append("OPENLINE")
    for key in ("CONTACT", "LEAD", "COMPANY"):
        if found.get(key):
            _remember(portal, ENTITIES[key], found[key], f"imol|{chat.user_code}")


def digits(phone: object) -> str:
    """The digits of a phone; the Russian 8 of trunk calls counts as 7."""
    found = re.sub(r"\D", "", str(phone or ""))
    return "7" + found[1:] if len(found) == 11 and found.startswith("8") else found


def _search(portal: Portal, phone: str) -> dict[str, int]:
    if not digits(phone):
        return {}
    for key, entity in (("CONTACT", crm.CONTACT), ("COMPANY", crm.COMPANY), ("LEAD", crm.LEAD)):
        for item in portal.crm.of(entity):
            if any(row["typeId"] == "PHONE" and digits(row["value"]) == digits(phone) for row in item.get("fm", [])):
                return _with_related(portal, key, item)
    return {}


def _with_related(portal: Portal, key: str, item: dict[str, Any]) -> dict[str, int]:
    """The item with the client's company and newest open deal."""
    found = {key: int(item["id"])}
    if key == "CONTACT" and item.get("companyId"):
        found["COMPANY"] = int(item["companyId"])
    owner = {"CONTACT": "contactId", "COMPANY": "companyId"}.get(key)
    for deal in portal.crm.of(crm.DEAL):
        if owner and deal.get(owner) == item["id"] and deal.get("stageId") not in _FINAL_STAGES:
            found["DEAL"] = int(deal["id"])
    return found


def _create(portal: Portal, client: ClientUser, line: OpenLine) -> dict[str, int]:
    phones = [client.phone] if client.phone else []
    fields: dict[str, Any] = {"name": client.name, "lastName": client.last_name, "phones": phones}
    title = f"{client.full_name} - {line.name}"
    if line.settings.get("CRM_CREATE") == "lead":
        return {"LEAD": portal.crm.add(crm.LEAD, title=title, stageId="NEW", sourceId="OPENLINE", **fields)["id"]}
    if line.settings.get("CRM_CREATE") == "deal":
        contact = portal.crm.add(crm.CONTACT, sourceId="OPENLINE", **fields)["id"]
        deal: dict[str, Any] = {
            "stageId": "NEW",
            "categoryId": 0,
            "opportunity": 0,
            "currencyId": "RUB",
            "contactId": contact,
        }
        return {"CONTACT": contact, "DEAL": portal.crm.add(crm.DEAL, title=title, sourceId="OPENLINE", **deal)["id"]}
    return {}


def _remember(portal: Portal, entity: int, item_id: int, code: str) -> None:
    """Write the chat's code among the ways to reach the client, where `=imol` of `crm.item.list` finds it."""
    item = portal.crm.get(entity, item_id)
    if item is not None and code not in [row["value"] for row in item.get("fm", [])]:
        row = {"id": portal.new_id(), "typeId": "IM", "valueType": "OPENLINE", "value": code}
        item.setdefault("fm", []).append(row)


def entity_data_1(chat: Chat) -> str:
    """Of the dialog: linked to the CRM, main item, paused, waits, session, start, then the state of a block."""
    main = next((key for key in _MAIN if chat.crm[key]), "NONE")
    item_id, session = chat.crm.get(main, 0), chat.session
    waits = "Y" if session.status >= 50 and session.is_open else "N"
    linked = "N" if main == "NONE" else "Y"
    return f"{linked}|{main}|{item_id}|N|{waits}|{session.id}|{int(session.started_at)}|0|0|0"


def entity_data_2(chat: Chat) -> str:
    """`LEAD|0|COMPANY|0|CONTACT|51|DEAL|77`; empty, if the chat belongs to no item."""
    return "|".join(f"{key}|{item_id}" for key, item_id in chat.crm.items()) if any(chat.crm.values()) else ""
