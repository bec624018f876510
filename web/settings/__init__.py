"""The settings page of every robot and activity; Bitrix24 shows it instead of its own list of fields."""

from web.settings.views import blueprint

__all__ = ["blueprint"]
