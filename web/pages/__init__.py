"""The app's own pages: first steps, lines, robots, templates, messages, opt-outs, sending rules, health, doctor, help.

Each module draws one section; `held` belongs to the messages.

All pages are read inside a frame of Bitrix24 (web.frames) and share one shell (web.pages.shell).
"""

from web.pages import doctor, health, held, help_page, lines, messages, opt_outs, robots, rules, start, templates
from web.pages.shell import blueprint

__all__ = [
    "blueprint",
    "doctor",
    "health",
    "held",
    "help_page",
    "lines",
    "messages",
    "opt_outs",
    "robots",
    "rules",
    "start",
    "templates",
]
