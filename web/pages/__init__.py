"""The app's own pages, each module one section: first steps, lines, robots, triggers, templates, messages, health …

All pages are read inside a frame of Bitrix24 (web.frames) and share one shell (web.pages.shell).
"""

from web.pages import doctor, health, help_page, lines, messages, robots, start, templates, triggers
from web.pages.shell import blueprint

__all__ = [
    "blueprint",
    "doctor",
    "health",
    "help_page",
    "lines",
    "messages",
    "robots",
    "start",
    "templates",
    "triggers",
]
