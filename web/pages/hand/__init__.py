"""Sending by hand: the page behind the tab in CRM cards and the menu of CRM lists."""

from web.pages.hand import compose, drive, opening, talk

__all__ = ["compose", "drive", "opening", "talk"]
