"""Apps, their keys, their templates, their webhook subscriptions and their rate limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from gupshup.emulator.state import templates
from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.records import MODES, App, Bucket, Subscription, epoch_ms
from gupshup.emulator.state.templates import Template
from gupshup.emulator.state.timetable import Clock

_NAME = re.compile(r"[A-Za-z0-9]{6,}")
_PHONE = re.compile(r"[1-9]\d{6,14}")
_MAX_SUBSCRIPTIONS = 5
_APP_KEYS = frozenset(
    {
        "app_name",
        "api_key",
        "app_id",
        "phone",
        "title",
        "templates",
        "webhook_url",
        "allow_http",
        "rate_limit",
    }
)


class BadApp(ValueError):
    """An app, subscription or limit that Gupshup would refuse; the text says why."""


class Accounts:
    """All apps by name, id and key. The caller holds the emulator's lock."""

    def __init__(self, clock: Clock, new_id: Callable[[], str]) -> None:
        self._clock = clock
        self._new_id = new_id
        self.apps: dict[str, App] = {}
        self._by_id: dict[str, App] = {}
        self._by_key: dict[str, list[App]] = {}

    def of_key(self, key: str) -> list[App]:
        """The apps that a key opens: one for an app's key, several for an account's."""
        return self._by_key.get(key, [])

    def of_id(self, app_id: str) -> App | None:
        return self._by_id.get(app_id)

    def create(self, raw: Mapping[str, object]) -> App:
        """Make an app from `{"app_name", "phone", "api_key"?, "app_id"?, "title"?, "templates"?, …}`. Raises BadApp."""
        name, phone = str(raw.get("app_name", "")), str(raw.get("phone", ""))
        unknown = set(raw) - _APP_KEYS
        if unknown or not _NAME.fullmatch(name) or not _PHONE.fullmatch(phone) or name in self.apps:
            raise BadApp(
                "app_name: 6 or more letters and digits, not taken; phone: digits only; "
                f"unknown keys: {sorted(unknown)}"
            )
        app = App(
            name,
            str(raw.get("app_id") or self._new_id()),
            str(raw.get("api_key") or self._new_id().replace("-", "")),
            phone,
            str(raw.get("title") or name),
            bool(raw.get("allow_http", False)),
        )
        for template in _mappings(raw.get("templates")):
            self.add_template(app, template)
        self.limit(app, raw.get("rate_limit"))
        if raw.get("webhook_url"):
            self.subscribe(app, str(raw["webhook_url"]), "emulator", "ALL")
        self.apps[name] = self._by_id[app.id] = app
        self._by_key.setdefault(app.api_key, []).append(app)
        return app

    def add_template(self, app: App, raw: Mapping[str, object]) -> Template:
        """Raises templates.BadSeed."""
        template = templates.seed(raw, app.id, epoch_ms(self._clock()), self._new_id())
        app.templates[template.id] = template
        return template

    def edit_template(self, app: App, template: Template, wanted: Mapping[str, object]) -> Template:
        """A submitted change: other content under the same id, name and language; it is to be reviewed again."""
        kept = {"id": template.id, "name": template.raw["elementName"], "language": template.raw["languageCode"]}
        now = self._clock()
        made = templates.seed({**wanted, **kept, "status": "PENDING"}, app.id, epoch_ms(now), template.id)
        app.templates[template.id], app.edited[template.id] = made, now
        return made

    def delete_templates(self, app: App, name: str) -> bool:
        """Delete the templates of this name in all languages; the name is blocked. False if there are none."""
        found = [one for one in app.templates.values() if one.raw.get("elementName") == name]
        for one in found:
            del app.templates[one.id]
            app.deleted_names[name, str(one.raw.get("languageCode"))] = self._clock()
        return bool(found)

    def was_edited_today(self, app: App, template: Template) -> bool:
        """Whether an approved template was changed in the last 24 hours: it may not be changed again."""
        at = app.edited.get(template.id)
        return template.status == "APPROVED" and at is not None and self._clock() - at < timedelta(hours=24)

    def blocked_until_forgotten(self, app: App) -> None:
        """Names that were deleted more than 30 days ago are free again."""
        for key, at in list(app.deleted_names.items()):
            if self._clock() - at >= timedelta(days=30):
                del app.deleted_names[key]

    def change_template(self, app: App, template: Template, changes: JsonObject) -> Template:
        """Overwrite keys of the stored object, such as `status`."""
        changed = templates.read({**template.raw, **changes, "modifiedOn": epoch_ms(self._clock())})
        app.templates[template.id] = changed
        return changed

    def limit(self, app: App, raw: object) -> None:
        """`{"per_second": 10, "burst": 20}`; null = no limit. Raises BadApp."""
        if raw is None:
            app.bucket = None
            return
        rate = raw.get("per_second") if isinstance(raw, Mapping) else None
        burst = raw.get("burst", rate) if isinstance(raw, Mapping) else None
        if not isinstance(rate, int | float) or not isinstance(burst, int | float) or rate <= 0 or burst < 1:
            raise BadApp('rate_limit: null or {"per_second": above 0, "burst": 1 or more}')
        app.bucket = Bucket(rate, burst, burst, self._clock())

    def subscribe(self, app: App, url: str, tag: str, modes: str) -> Subscription:
        """Register a webhook address. modes: a comma-separated string; unknown ones are silently ignored."""
        scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
        if scheme not in ("http", "https") or not host:
            raise BadApp("Invalid url")
        if not tag or any(s.tag == tag for s in app.subscriptions.values()):
            raise BadApp("Tag is mandatory and must be unique")
        if len(app.subscriptions) >= _MAX_SUBSCRIPTIONS:
            raise BadApp("Maximum number of subscriptions reached")
        known = frozenset(mode.strip() for mode in modes.split(",")) & MODES
        subscription = Subscription(self._new_id(), url, tag, known, created=epoch_ms(self._clock()))
        app.subscriptions[subscription.id] = subscription
        return subscription

    def set_webhook(self, app: App, url: str | None) -> None:
        """Set the address that the control API gave for all events; None removes it."""
        for subscription in [s for s in app.subscriptions.values() if s.tag == "emulator"]:
            del app.subscriptions[subscription.id]
        if url:
            self.subscribe(app, url, "emulator", "ALL")


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []
