"""The app's own pages, each module one section: first steps, lines, robots, triggers, templates, messages, campaigns …

`held` belongs to the messages.

All pages are read inside a frame of Bitrix24 (web.frames) and share one shell (web.pages.shell).
"""

from web.pages import (
    api_tokens,
    campaigns,
    doctor,
    hand,
    health,
    held,
    help_page,
    lines,
    message_titles,
    messages,
    opt_outs,
    panel,
    prices,
    reports,
    rights,
    robots,
    rules,
    start,
    template_editing,
    templates,
    triggers,
    webhooks,
)
from web.pages.shell import blueprint

__all__ = [
    "api_tokens",
    "blueprint",
    "campaigns",
    "doctor",
    "hand",
    "health",
    "held",
    "help_page",
    "lines",
    "message_titles",
    "messages",
    "opt_outs",
    "panel",
    "prices",
    "reports",
    "rights",
    "robots",
    "rules",
    "start",
    "template_editing",
    "templates",
    "triggers",
    "webhooks",
]
