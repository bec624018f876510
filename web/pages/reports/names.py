"""What a report's values are called: lines, campaigns and employees by name, robots and origins in words."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24.i18n import Text
from messaging.insight import wording
from messaging.insight.reports import By, Value
from messaging.portals import people
from messaging.store.campaigns import Campaign
from messaging.store.models import Line, Portal
from messaging.store.states import Origin
from web.context import runtime
from web.template_words import CATEGORIES

#: What a report can be grouped by → the head of its column.
HEADS: dict[By, LazyString] = {
    By.LINE: _l("Line"),
    By.ROBOT: _l("Robot"),
    By.TEMPLATE: _l("Template"),
    By.CAMPAIGN: _l("Campaign"),
    By.EMPLOYEE: _l("Employee"),
    By.CATEGORY: _l("Category"),
    By.ORIGIN: _l("Source"),
    By.COUNTRY: _l("Country"),
    By.DAY: _l("Day"),
}
#: What messages without such a value are called.
_NONE: dict[By, LazyString] = {
    By.ROBOT: _l("No robot"),
    By.TEMPLATE: _l("No template"),
    By.CAMPAIGN: _l("No campaign"),
    By.EMPLOYEE: _l("No employee"),
    By.CATEGORY: _l("No category"),
    By.COUNTRY: _l("Country not known"),
}
_ORIGINS: dict[str, Text] = {
    Origin.ROBOT: Text("Robots", "Роботы"),
    Origin.ACTIVITY: Text("Activities of the designer", "Действия дизайнера"),
    Origin.CAMPAIGN: Text("Campaigns", "Рассылки"),
    Origin.OPERATOR: Text("Operators in chats", "Операторы в чатах"),
    Origin.MANUAL: Text("By hand", "Вручную"),
    Origin.API: Text("API", "API"),
    Origin.PROVIDER: Text("SMS from Bitrix24", "SMS из Битрикс24"),
}


class Names:
    """The names of these values; of what has none, its number.

    Employees' names are Bitrix24's: `ask` asks for them, outside of a session, for the portal may answer late.
    """

    def __init__(self, session: Session, portal: Portal, values: Mapping[By, Iterable[Value]], language: str) -> None:
        self._language = language
        self._worded: dict[tuple[By, Value], str] = {}
        lines = session.execute(select(Line.id, Line.name, Line.app_name).where(Line.portal_id == portal.id))
        campaigns = {value for value in values.get(By.CAMPAIGN, ()) if isinstance(value, int) and value}
        mine = (Campaign.portal_id == portal.id, Campaign.id.in_(campaigns))
        named = session.execute(select(Campaign.id, Campaign.name).where(*mine)).all() if campaigns else []
        self._users = {value for value in values.get(By.EMPLOYEE, ()) if isinstance(value, int) and value}
        self._known: dict[By, dict[int, str]] = {
            By.LINE: {line_id: name or app_name for line_id, name, app_name in lines},
            By.CAMPAIGN: {row.id: row.name for row in named},
        }

    def ask(self, portal: Portal) -> "Names":
        """The same with the names of employees."""
        self._known[By.EMPLOYEE] = people.names_of(runtime(), portal, self._users) if self._users else {}
        return self

    def of(self, by: By, value: Value) -> str:
        """The name of one value. A day is written as a spreadsheet reads it."""
        place = by, value
        if place not in self._worded:
            self._worded[place] = self._name(by, value)
        return self._worded[place]

    def _name(self, by: By, value: Value) -> str:
        if isinstance(value, date):
            return value.isoformat()
        if not value:
            return str(_NONE.get(by, "—"))
        if isinstance(value, int):
            return self._known[by].get(value) or str(_NUMBERED[by](value))
        return self._words(by, value)

    def _words(self, by: By, value: str) -> str:
        if by == By.ROBOT:
            return wording.title("robots", value).to(self._language)
        if by == By.CATEGORY:
            return str(CATEGORIES.get(value, value))
        return _ORIGINS[value].to(self._language) if by == By.ORIGIN and value in _ORIGINS else value


_NUMBERED: dict[By, Callable[[int], str]] = {
    By.LINE: lambda number: _("Line %(number)s", number=number),
    By.CAMPAIGN: lambda number: _("Deleted campaign %(number)s", number=number),
    By.EMPLOYEE: lambda number: _("User %(number)s", number=number),
}
