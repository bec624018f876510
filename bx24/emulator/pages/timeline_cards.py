"""The entries of a timeline as the page shows them: texts in its language, and each click as a place in the layout."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from bx24.emulator.formats import php
from bx24.emulator.formats.texts import text_of
from bx24.emulator.formats.values import is_yes
from bx24.emulator.rules import placements
from bx24.emulator.state.portal import TIME_ZONE, Portal
from bx24.emulator.state.timeline import LOGOS, Activity, Item, Note

_ICON_SIGNS = {
    "sms": "✉",
    "mail": "✉",
    "IM": "✎",
    "comment": "✎",
    "call": "☎",
    "info": "i",
    "attention": "!",
    "check": "✓",
}
_LOGO_SIGNS = {"channel-whatsapp": "WA", "channel-telegram": "TG", "sms": "✉", "notification": "!", "document": "≡"}


class CardReader:
    """Reads entries for one item, language and viewer. readonly: the viewer may not change the item."""

    def __init__(self, portal: Portal, item: Item, lang: str, *, readonly: bool) -> None:
        self.portal, self.item, self.lang, self.readonly = portal, item, lang, readonly

    def cards(self) -> list[dict[str, Any]]:
        return [
            self._activity(entry) if isinstance(entry, Activity) else self._note(entry)
            for entry in self.portal.timeline.of(self.item)
        ]

    def _common(self, entry: Activity | Note, kind: str) -> dict[str, Any]:
        author = self.portal.users.get(entry.author_id)
        at = datetime.fromtimestamp(entry.created, TIME_ZONE)
        return {
            "id": entry.id,
            "kind": kind,
            "at": at.isoformat(timespec="seconds"),
            "time": at.strftime("%d.%m %H:%M:%S"),
            "author": author.full_name if author else "",
        }

    def _note(self, note: Note) -> dict[str, Any]:
        title = note.title or text_of(note.kind, self.lang)
        return {
            **self._common(note, note.kind),
            "icon": _ICON_SIGNS.get(note.icon, "●" if note.kind == "log" else "✎"),
            "title": title,
            "text": _bb_code(note.text),
            "files": note.files,
        }

    def _activity(self, activity: Activity) -> dict[str, Any]:
        common = {
            **self._common(activity, "activity" if activity.is_configurable else "todo"),
            "completed": activity.completed,
            "incoming": activity.incoming,
            "deadline": _shown_date(activity.deadline),
            "foreign": activity.is_configurable and activity.client_id != self.portal.installation.client_id,
            "places": self._places(activity),
        }
        if not activity.is_configurable:
            title = activity.title or text_of("todo", self.lang)
            return {**common, "icon": "☐", "title": title, "text": _bb_code(activity.description), "can_delete": True}
        return {**common, **self._layout(activity)}

    def _places(self, activity: Activity) -> list[placements.Place]:
        options = placements.activity_options(self.item, activity)
        return placements.places(self.portal, self.item[0], "ACTIVITY_TIMELINE_MENU", self.lang, options)

    def _layout(self, activity: Activity) -> dict[str, Any]:
        layout = activity.layout
        header, body, footer = layout["header"], layout["body"], layout.get("footer") or {}
        menu = footer.get("menu") or {}
        code = str(body["logo"]["code"])
        return {
            "icon": _ICON_SIGNS.get(str(layout["icon"]["code"]), "●"),
            "title": self._text(header["title"]),
            "title_action": self._action(header.get("titleAction"), "header.titleAction"),
            "tags": [
                {
                    "title": self._text(tag["title"]),
                    "type": tag["type"],
                    "action": self._action(tag.get("action"), path),
                }
                for key, tag in php.items(header.get("tags"))
                for path in [f"header.tags.{key}.action"]
            ],
            "logo": _LOGO_SIGNS.get(code, "●") if code in LOGOS else "?",
            "logo_code": code,
            "logo_problem": "" if code in LOGOS else text_of("no_such_logo", self.lang, code=code),
            "logo_action": self._action(body["logo"].get("action"), "body.logo.action"),
            "blocks": self._blocks(body["blocks"], "body.blocks", activity),
            "buttons": self._controls(footer.get("buttons"), "footer.buttons"),
            "menu": self._controls(menu.get("items"), "footer.menu.items"),
            "can_delete": not self.readonly and is_yes(menu.get("showDeleteItem", True)),
        }

    def _text(self, value: Any) -> str:
        """In the page's language, else in English, else in the first one."""
        if not php.is_array(value):
            return str(value or "")
        texts = dict(php.items(value))
        return str(texts.get(self.lang) or texts.get("en") or next(iter(texts.values()), ""))

    def _action(self, action: Any, path: str) -> dict[str, Any] | None:
        """None if there is none; `href` for a redirect, else `path`, which `timeline_clicks.click` takes."""
        if not action:
            return None
        if action["type"] != "redirect":
            return {"path": path, "href": ""}
        parts = urlsplit(str(action["uri"]))
        safe = parts.scheme in ("", "http", "https")
        return {"href": action["uri"] if safe else "#", "external": bool(parts.netloc), "path": path}

    def _controls(self, given: Any, path: str) -> list[dict[str, Any]]:
        """Buttons or menu items, without those for phones and those that change what the viewer may not change."""
        return [
            {
                "title": self._text(control["title"]),
                "type": control.get("type", ""),
                "action": self._action(control["action"], f"{path}.{key}.action"),
            }
            for key, control in php.items(given)
            if control.get("scope") != "mobile" and not (self.readonly and is_yes(control.get("hideIfReadonly")))
        ]

    def _blocks(self, given: Any, path: str, activity: Activity) -> list[dict[str, Any]]:
        blocks = [
            self._block(block["type"], dict(php.items(block.get("properties"))), f"{path}.{key}.properties", activity)
            for key, block in php.items(given)
        ]
        return [block for block in blocks if block]

    def _block(self, kind: str, given: dict[str, Any], path: str, activity: Activity) -> dict[str, Any] | None:
        """None for a block that is not shown: one for phones, or the deadline of an activity that has none."""
        if given.get("scope") == "mobile" or (kind == "deadline" and (activity.incoming or not activity.deadline)):
            return None
        block: dict[str, Any] = {
            "type": kind,
            "bold": is_yes(given.get("bold")),
            "size": given.get("size") or "md",
            "color": given.get("color") or "",
            "inline": is_yes(given.get("inline")),
            "multiline": is_yes(given.get("multiline")),
            "title": self._text(given.get("title")),
            "text": self._text(given.get("text") if kind == "link" else given.get("value")),
            "action": self._action(given.get("action"), f"{path}.action"),
        }
        if kind == "deadline":
            block["text"] = _shown_date(activity.deadline)
        if kind == "lineOfBlocks":
            block["blocks"] = self._blocks(given["blocks"], f"{path}.blocks", activity)
        if kind == "withTitle":
            inner = given["block"]
            inner_path = f"{path}.block.properties"
            block["block"] = self._block(inner["type"], dict(php.items(inner.get("properties"))), inner_path, activity)
        return block


def _shown_date(stored: str) -> str:
    return datetime.fromisoformat(stored).strftime("%d.%m.%Y %H:%M") if stored else ""


def _bb_code(text: str) -> Markup:
    """Bold, italic, underlined and struck text; other codes stay as they are."""
    shown = str(escape(text))
    for name in "bius":
        shown = re.sub(rf"\[{name}\](.*?)\[/{name}\]", rf"<{name}>\1</{name}>", shown, flags=re.IGNORECASE | re.DOTALL)
    return Markup(shown)
