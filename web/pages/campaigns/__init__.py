"""Campaigns: the list, the steps of a draft (audience, template, timing, check), progress, report, files to take away."""

from web.pages.campaigns import crm, exports, files, header, report, table, trial

__all__ = ["crm", "exports", "files", "header", "report", "table", "trial"]
