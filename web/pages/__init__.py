"""The app's own pages: first steps, lines, robots, templates, messages, health, doctor, help. Each module draws one section.

All pages are read inside a frame of Bitrix24 (web.frames) and share one shell (web.pages.shell).
"""

from web.pages import doctor, health, help_page, lines, messages, panel, robots, start, templates
from web.pages.shell import blueprint

__all__ = ["blueprint", "doctor", "health", "help_page", "lines", "messages", "panel", "robots", "start", "templates"]
