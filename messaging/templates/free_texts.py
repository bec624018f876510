"""How a line sends what the portal hands over: the template for free texts outside the window, and what quiet hours mean."""

from collections.abc import Sequence

from activities.send_template import unsupported
from gupshup.templates import TemplateInfo
from messaging.runtime import Runtime
from messaging.store.models import Line
from messaging.store.provider import LineSender, Quiet, sender_of
from messaging.store.states import LineStatus


def fits(info: TemplateInfo) -> bool:
    """Whether a free text can be sent in this template: its text has one variable, and nothing else wants a value."""
    is_simple = len(info.body_vars) == 1 and info.params_count == 1 and not info.is_media
    return is_simple and info.sendable and unsupported(info) is None


def offered(known: Sequence[TemplateInfo]) -> list[TemplateInfo]:
    """Those of a line's templates that can be chosen."""
    return [info for info in known if fits(info)]


def settings_of(runtime: Runtime, line: Line) -> tuple[str, Quiet]:
    """The id of the template for free texts, "" without one, and what happens in quiet hours."""
    with runtime.db.read() as session:
        sender = sender_of(session, line.id)
        return (sender.template_id, Quiet(sender.quiet)) if sender is not None else ("", Quiet.SEND)


def change(runtime: Runtime, line: Line, known: Sequence[TemplateInfo], template_id: str, quiet: str) -> None:
    """Set both. known: the line's templates. template_id: "" for none.

    Raises ValueError `template` or `quiet` for what cannot be chosen, LookupError for a removed line. The template that is
    set already may stay, whatever has become of it.
    """
    if quiet not in list(Quiet):
        raise ValueError("quiet")
    before, _ = settings_of(runtime, line)
    if template_id and template_id != before and template_id not in [info.id for info in offered(known)]:
        raise ValueError("template")

    with runtime.db.write() as session:
        stored = session.get(Line, line.id, with_for_update=True)
        if stored is None or stored.status != LineStatus.CONNECTED:
            raise LookupError(f"there is no connected line {line.id}; `lines list` shows them")
        sender = sender_of(session, line.id)
        if sender is None:
            session.add(
                LineSender(line_id=line.id, portal_id=stored.portal_id, template_id=template_id, quiet=Quiet(quiet))
            )
        else:
            sender.template_id, sender.quiet = template_id, Quiet(quiet)
