"""Sending rules: quiet hours, and by which clock they are counted."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import tzinfo
from typing import Any

from flask import Response, request
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from activities import phones
from bx24.errors import Bx24Error
from messaging.limits.bounds import PAGE_TOTAL_S
from messaging.policy import quiet_hours, settings, zones
from messaging.policy.quiet_hours import Hours
from messaging.policy.settings import Policy
from messaging.portals import crm_fields, portals, tokens
from messaging.store.models import Portal
from web.context import clean, runtime, typed
from web.frames import Viewer, page
from web.pages.shell import blueprint, changes, reads, show

#: Field of the form → its label; those of countries are numbered, `zone-1`.
LABELS: dict[str, LazyString] = {
    "quiet_from": _l("From"),
    "quiet_to": _l("To"),
    "time_zone": _l("The portal's time zone"),
    "zone_field": _l("CRM field with the client's time zone"),
}
_FIELD_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
#: Countries in the form at most.
_MOST = 60


@dataclass(frozen=True)
class Typed:
    """The form as it was filled in. countries: (country, zone), the empty row at its end left out."""

    quiet_from: str
    quiet_to: str
    time_zone: str
    zone_field: str
    countries: list[tuple[str, str]]

    @classmethod
    def of(cls, policy: Policy) -> "Typed":
        """The form as it stands while nothing was typed."""
        countries = sorted(policy.country_zones.items())
        return cls(policy.quiet_from, policy.quiet_to, policy.time_zone, policy.zone_field, countries)

    @classmethod
    def sent(cls) -> "Typed":
        """The form as the browser sent it."""
        pairs = zip(request.form.getlist("country"), request.form.getlist("zone"), strict=False)
        countries = [(clean(country), clean(zone).strip()) for country, zone in list(pairs)[:_MOST]]
        return cls(
            typed("quiet_from").strip(),
            typed("quiet_to").strip(),
            typed("time_zone").strip(),
            typed("zone_field").strip(),
            [(country, zone) for country, zone in countries if country and zone],
        )

    def settings(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The fields of Policy, and what is wrong: field → sentence."""
        errors: dict[str, str] = {}
        for name in ("quiet_from", "quiet_to"):
            if not _is_time(getattr(self, name)):
                errors[name] = _("Give a time of day, for example 21:00.")
        if self.time_zone and zones.read(self.time_zone) is None:
            errors["time_zone"] = _no_zone(self.time_zone)
        if self.zone_field and not _FIELD_CODE.fullmatch(self.zone_field):
            errors["zone_field"] = _("A field's code has Latin letters, digits and “_”, for example UF_CRM_TIMEZONE.")
        for number, (country, zone) in enumerate(self.countries, 1):
            if country not in phones.regions() or zones.read(zone) is None:
                errors[f"zone-{number}"] = _no_zone(zone)
        values = asdict(self)
        values["country_zones"] = dict(values.pop("countries"))
        return values, errors


def _is_time(text: str) -> bool:
    return re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text) is not None


def _no_zone(text: str) -> str:
    return str(_("“%(typed)s” is no time zone. Choose one from the list, for example Europe/Moscow.", typed=text[:40]))


@blueprint.get("/rules", endpoint="rules")
@reads
def rules(viewer: Viewer, portal: Portal) -> Response:
    return _draw(viewer, portal, Typed.of(Policy.of(portal)))


@blueprint.post("/rules", endpoint="save_rules")
@changes
def save(viewer: Viewer, portal: Portal) -> Response:
    """Store the rules, unless something is wrong with them; they hold for what is judged from now on."""
    form = Typed.sent()
    values, errors = form.settings()
    if errors:
        return _draw(viewer, portal, form, errors=errors)
    settings.change(runtime(), portal.id, **values)
    said = _(
        "The rules are saved. They hold for robots that start from now on. What is held already keeps its time; it can be "
        "sent by hand on the page Messages."
    )
    return _draw(viewer, portal, form, said=said)


@blueprint.get("/rules/fields", endpoint="rule_fields")
@changes
def fields(viewer: Viewer, portal: Portal) -> Response:
    """The text fields of the portal's CRM as options; none if the portal does not answer. The page loads them later."""
    try:
        found = crm_fields.text_fields(tokens.portal_client(runtime(), portal.id, PAGE_TOTAL_S))
    except Bx24Error:
        found = []
    return page("pages/rules_fields.html", viewer, fields=found)


def _draw(
    viewer: Viewer, portal: Portal, form: Typed, *, said: str = "", errors: Mapping[str, str] | None = None
) -> Response:
    region = portals.phone_region(portal)
    zone = zones.of_portal(Policy(time_zone=form.time_zone), region)
    return show(
        "pages/rules.html",
        viewer,
        section="rules",
        form=form,
        rows=[*form.countries, ("", "")],
        said=said,
        errors=errors or {},
        labels={**LABELS, **{name: _("Time zone of a country") for name in errors or {} if name.startswith("zone-")}},
        countries=sorted(phones.regions()),
        zones=sorted(zones.names().values()),
        zone=_called(zone),
        clock=f"{runtime().clock().astimezone(zone):%H:%M}",
        is_quiet=_is_quiet(form, zone),
    )


def _is_quiet(form: Typed, zone: tzinfo) -> bool:
    try:
        hours = Hours.read(form.quiet_from, form.quiet_to)
    except ValueError:
        return False
    return quiet_hours.judge(runtime().clock(), zone, hours).ends_at is not None


def _called(zone: tzinfo) -> str:
    return getattr(zone, "key", None) or str(zone)
