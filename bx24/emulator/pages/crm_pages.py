"""Lists of CRM items, and the page of one item with its timeline and with the tabs and menus of the app."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask, abort, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from bx24.emulator.formats.texts import TEXTS, text_of
from bx24.emulator.pages.app_frame import frame_data, uri_option
from bx24.emulator.pages.layout import base_values, language, viewer
from bx24.emulator.pages.timeline_cards import CardReader
from bx24.emulator.rules import crm_rights, frames, message_service, placements, timeline_clicks
from bx24.emulator.state import crm
from bx24.emulator.state.portal import TIME_ZONE, Portal
from bx24.emulator.state.records import PlacementBinding
from bx24.emulator.state.timeline import Activity, Item

KINDS = {"lead": crm.LEAD, "contact": crm.CONTACT, "company": crm.COMPANY, "deal": crm.DEAL}
"""Types whose addresses have a name; the others are `/crm/type/<number>/…`."""
LISTED = (crm.CONTACT, crm.COMPANY, crm.LEAD, crm.DEAL, crm.QUOTE, crm.SMART_INVOICE, crm.SMART_PROCESS)


def register(app: Flask, portal: Portal) -> None:
    for base, name in (("/crm/<kind>", "named"), ("/crm/type/<int:entity>", "numbered")):
        app.add_url_rule(f"{base}/list/", f"crm/{name}/list", _locked(portal, _list_page))
        app.add_url_rule(f"{base}/details/<int:number>/", f"crm/{name}/item", _locked(portal, _item_page))
        app.add_url_rule(f"{base}/details/<int:number>/entries", f"crm/{name}/entries", _locked(portal, _entries))

    @app.post("/crm/activities/<int:number>/click")
    def click_activity(number: int) -> ResponseReturnValue:
        data = request.get_json(silent=True) or {}
        with portal.cloud.lock:
            item = int(data["entityTypeId"]), int(data["id"])
            activity = _activity(portal, number)
            return jsonify(
                timeline_clicks.click(portal, activity, str(data["action"]), item=item, user_id=viewer(portal))
            )

    @app.post("/crm/type/<int:entity>/details/<int:number>/sms")
    def send_sms(entity: int, number: int) -> ResponseReturnValue:
        """ "Send SMS/WhatsApp": for those who may change the item (crm/lib/Service/UserPermissions/MessageSender.php)."""
        with portal.cloud.lock:
            item = _find(portal, entity, number)
            if not crm_rights.may_change(portal, viewer(portal), item):
                abort(403)
            code, phone, text = (request.form.get(name, "") for name in ("code", "phone", "text"))
            try:
                message_service.from_card(portal, (entity, number), code, phone, text, author_id=viewer(portal))
            except KeyError:
                abort(404)
        return redirect(path_of((entity, number)), 303)

    @app.post("/crm/activities/<int:number>/<action>")
    def change_activity(number: int, action: str) -> ResponseReturnValue:
        with portal.cloud.lock:
            activity = _activity(portal, number)
            if action == "delete":
                del portal.timeline.activities[number]
            elif action == "complete":
                activity.completed = True
            else:
                abort(404)
        back = request.form.get("back", "")
        return redirect(back if back.startswith("/crm/") else "/", 303)


def _locked(portal: Portal, page: Any) -> Any:
    def view(kind: str = "", entity: int = 0, **parts: int) -> ResponseReturnValue:
        with portal.cloud.lock:
            known = KINDS.get(kind, entity)
            if not portal.crm.has_type(known):
                abort(404)
            answer: ResponseReturnValue = page(portal, known, **parts)
            return answer

    return view


def _activity(portal: Portal, number: int) -> Activity:
    return portal.timeline.activities.get(number) or abort(404)


def path_of(item: Item) -> str:
    """The address of an item's page, as on a real portal."""
    name = next((kind for kind, entity in KINDS.items() if entity == item[0]), f"type/{item[0]}")
    return f"/crm/{name}/details/{item[1]}/"


def list_path(entity: int) -> str:
    name = next((kind for kind, known in KINDS.items() if known == entity), f"type/{entity}")
    return f"/crm/{name}/list/"


def kind_title(entity: int, lang: str) -> str:
    key = f"kind_{entity}"
    return text_of(key, lang) if key in TEXTS else f"#{entity}"


def may_see(portal: Portal, item: dict[str, Any]) -> bool:
    """Whether the viewer may."""
    return crm_rights.may_see(portal, viewer(portal), item)


def _list_page(portal: Portal, entity: int) -> str:
    lang = language(portal)
    rows = [_row(portal, item, lang) for item in portal.crm.of(entity) if may_see(portal, item)]
    return render_template(
        "items.html",
        entity=entity,
        kinds=[(kind, kind_title(kind, lang), list_path(kind)) for kind in LISTED],
        rows=rows,
        toolbar=placements.places(portal, entity, "LIST_TOOLBAR", lang, {}),
        **base_values(portal, "crm"),
    )


def _row(portal: Portal, item: dict[str, Any], lang: str) -> dict[str, Any]:
    entity, number = item["entityTypeId"], item["id"]
    with_phones = item if item.get("fm") is not None else portal.crm.client(item) or {}
    phones = [row["value"] for row in with_phones.get("fm", []) if row["typeId"] == "PHONE"]
    user = portal.users.get(item.get("assignedById", 0))
    return {
        "id": number,
        "title": crm.title(item),
        "path": path_of((entity, number)),
        "phone": ", ".join(phones),
        "responsible": user.full_name if user else "",
        "places": row_places(portal, (entity, number), lang),
    }


def row_places(portal: Portal, item: Item, lang: str) -> list[placements.Place]:
    """What the app has bound to the menu of a row."""
    return placements.places(portal, item[0], "LIST_MENU", lang, placements.item_options(item, "LIST_MENU"))


def _find(portal: Portal, entity: int, number: int) -> dict[str, Any]:
    item = portal.crm.get(entity, number)
    return item if item is not None and may_see(portal, item) else abort(404)


def _reader(portal: Portal, item: dict[str, Any]) -> CardReader:
    key = item["entityTypeId"], item["id"]
    readonly = not crm_rights.may_change(portal, viewer(portal), item)
    return CardReader(portal, key, language(portal), readonly=readonly)


def _entries(portal: Portal, entity: int, number: int) -> str:
    """The changing part of the item's page, for the refresh."""
    item = _find(portal, entity, number)
    cards = _reader(portal, item).cards()
    return render_template(
        "_timeline.html",
        cards=cards,
        sms=_sms(portal, (entity, number), language(portal)),
        here=path_of((entity, number)),
        **base_values(portal, "crm"),
    )


def _sms(portal: Portal, item: Item, lang: str) -> list[dict[str, str]]:
    """The messages that were handed over to senders for this item, with their statuses."""
    return [
        {
            "text": message.text,
            "phone": message.phone,
            "status": message.status,
            "shown": text_of(f"sms_{message.status}", lang),
            "time": datetime.fromtimestamp(message.created, TIME_ZONE).strftime("%d.%m %H:%M:%S"),
        }
        for message in portal.message_service.on(*item)
    ]


def _item_page(portal: Portal, entity: int, number: int) -> str:
    item, lang, key = _find(portal, entity, number), language(portal), (entity, number)
    tabs = placements.bound(portal, entity, "DETAIL_TAB")
    chosen = next((tab for tab in tabs if str(tab.id) == request.args.get("tab")), None)
    frame, data = _tab_frame(portal, key, chosen) if chosen else (None, None)
    bound = {
        place: placements.places(portal, entity, place, lang, placements.item_options(key, place))
        for place in ("DETAIL_TOOLBAR", "DETAIL_ACTIVITY")
    }
    return render_template(
        "item.html",
        title=crm.title(item),
        entity=entity,
        number=number,
        kind=(kind_title(entity, lang), list_path(entity)),
        facts=_facts(portal, item, lang),
        here=path_of(key),
        tabs=[(tab, placements.title(tab, lang)) for tab in tabs],
        chosen=chosen,
        frame=frame,
        data=data,
        toolbar=bound["DETAIL_TOOLBAR"],
        above=bound["DETAIL_ACTIVITY"],
        cards=[] if chosen else _reader(portal, item).cards(),
        sms=_sms(portal, key, lang),
        senders=[(one.code, one.fields["NAME"]) for one in message_service.senders(portal)],
        phones=[row["value"] for row in (portal.crm.client(item) or {}).get("fm", []) if row["typeId"] == "PHONE"],
        **base_values(portal, "crm"),
    )


def _tab_frame(portal: Portal, item: Item, tab: PlacementBinding) -> tuple[frames.Frame, dict[str, Any]]:
    """The app's page in a tab, and what static/host.js needs for it."""
    uri = {"URI": path_of(item)} if uri_option() else {}
    options: dict[str, Any] = {**placements.item_options(item, "DETAIL_TAB"), **uri}
    frame = frames.new_frame(
        portal,
        tab.handler,
        user_id=viewer(portal),
        placement=tab.placement,
        options=options,
        lang=language(portal),
    )
    return frame, frame_data(portal, frame, tab.placement, options)


def _facts(portal: Portal, item: dict[str, Any], lang: str) -> list[tuple[str, str, str]]:
    """(label, value, address or empty) of what the head of the page tells."""
    contact = portal.crm.get(crm.CONTACT, item.get("contactId") or 0)
    company = portal.crm.get(crm.COMPANY, item.get("companyId") or 0)
    phones = [row["value"] for row in item.get("fm", []) if row["typeId"] == "PHONE"]
    user = portal.users.get(item.get("assignedById", 0))
    stage = str(item.get("stageId") or "")
    shown_stage = text_of(f"stage_{stage}", lang) if f"stage_{stage}" in TEXTS else stage
    facts = [
        ("stage", shown_stage, ""),
        ("client", crm.title(contact) if contact else "", path_of((crm.CONTACT, contact["id"])) if contact else ""),
        ("company", crm.title(company) if company else "", path_of((crm.COMPANY, company["id"])) if company else ""),
        ("item_phone", ", ".join(phones), ""),
        ("responsible", user.full_name if user else "", ""),
    ]
    return [(text_of(label, lang), value, address) for label, value, address in facts if value]
