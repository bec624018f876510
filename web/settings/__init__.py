"""The settings page of every robot and activity: what Bitrix24 shows instead of its own list of fields."""

from web.settings.views import blueprint

__all__ = ["blueprint"]
