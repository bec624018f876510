"""Reports: a period's messages by line, robot, template and so on, beside the period before it; drawn, and as CSV and XLSX."""

from web.pages.reports import exports, report

__all__ = ["exports", "report"]
