"""`templates.list`, `templates.analytics.get`: from our copy of Gupshup's list, and from our own messages."""

from typing import Any

from gupshup.templates import TemplateInfo
from messaging.api import history, templates
from messaging.api.templates import TemplatesAway
from messaging.store.models import Line
from web.api.switching.call import PROVIDERS_DEEP, Call, Fault, method
from web.context import runtime


def of_line(line: Line) -> list[TemplateInfo]:
    """The templates as Gupshup lists them, or listed them last. Raises Fault if it never did."""
    try:
        return templates.listed(runtime(), line)
    except TemplatesAway:
        raise Fault("templates_unavailable", "the line's templates are not known yet: try again in a minute") from None


def find(line: Line, name: str, language: str) -> TemplateInfo:
    """The template of this name, by language or its beginning ("ru" for "ru_RU"). Raises Fault."""
    found = [info for info in of_line(line) if info.name == name]
    same = [info for info in found if info.language.lower() == language.lower()]
    near = [info for info in found if info.language.lower().split("_")[0] == language.lower().split("_")[0]]
    chosen = next(iter([*same, *near] if language else found), None)
    if chosen is None:
        raise Fault("template_not_found", "the line has no template of this name and language")
    return chosen


@method("templates.list", "templates:read", "line_number*")
def list_templates(call: Call) -> dict[str, Any]:
    listed = [
        {
            "id": info.id,
            "name": info.name,
            "language": info.language,
            "status": info.status,
            "category": info.category,
            "params_count": info.params_count,
        }
        for info in of_line(call.line())
    ]
    return {"total": len(listed), "templates": listed}


@method(
    "templates.analytics.get", "reports:read", "line_number*", "date_from*", "date_to*", "template_name", is_long=True
)
def analytics(call: Call) -> dict[str, Any]:
    """Our own figures; the provider tells none by the API that we use."""
    line, (since, until) = call.line(), call.period(PROVIDERS_DEEP)
    with runtime().db.read() as session:
        counted = history.figures_by_template(session, line.id, since, until, call.text("template_name"))
    return {
        "has_provider_data": False,
        "fetched_at": None,
        "provider_coverage": None,
        "templates": [{"template_name": name, "own": own, "provider": None} for name, own in counted.items()],
    }
