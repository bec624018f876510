"""The lines of Open Channels with their settings, the connectors of apps, and which connector works on which line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bx24.emulator.state.english import in_english

FLAGS = (
    "DEL_EXTERNAL_MESSAGES",
    "EDIT_INTERNAL_MESSAGES",
    "DEL_INTERNAL_MESSAGES",
    "NEWSLETTER",
    "NEED_SYSTEM_MESSAGES",
    "NEED_SIGNATURE",
    "CHAT_GROUP",
)
"""What `imconnector.register` takes beside name, icon and handler. All are true by default, except CHAT_GROUP."""
DEFAULT_SETTINGS: dict[str, str] = {
    "ACTIVE": "Y",
    "CRM": "Y",
    "CRM_CREATE": "lead",
    "CRM_CHAT_TRACKER": "Y",
    "QUEUE_TYPE": "evenly",
    "CHECK_AVAILABLE": "N",
    "WELCOME_MESSAGE": "N",
    "WELCOME_MESSAGE_TEXT": "Здравствуйте! Оператор скоро ответит.",
    "SEND_WELCOME_EACH_SESSION": "Y",
    "NO_ANSWER_RULE": "none",
    "NO_ANSWER_TEXT": "",
    "CLOSE_RULE": "none",
    "CLOSE_TEXT": "Спасибо за обращение!",
    "AUTO_CLOSE_RULE": "none",
    "AUTO_CLOSE_TEXT": "",
    "AUTO_CLOSE_TIME": "0",
    "VOTE_MESSAGE": "N",
    "VOTE_MESSAGE_2_TEXT": "Оцените, пожалуйста, качество обслуживания. Отправьте: 1 - хорошо, 0 - плохо",
    "VOTE_MESSAGE_2_LIKE": "Спасибо за оценку!",
    "VOTE_MESSAGE_2_DISLIKE": "Нам очень жаль, что мы не смогли вам помочь.",
    "OPERATOR_DATA": "profile",
    "LANGUAGE_ID": "ru",
    "TEMPORARY": "N",
}
"""The settings of a new line, by their names in `imopenlines.config.get`."""


@dataclass
class OpenLine:
    """queue: the ids of its operators."""

    id: int
    name: str
    settings: dict[str, Any] = field(default_factory=lambda: dict(DEFAULT_SETTINGS))
    queue: list[int] = field(default_factory=list)

    def is_on(self, setting: str) -> bool:
        return bool(self.settings.get(setting) == "Y")

    @property
    def shows_operator(self) -> bool:
        return bool(self.settings.get("OPERATOR_DATA") != "hide")


@dataclass
class Connector:
    """A connector that an app registered. app: its client_id."""

    id: str
    name: str
    icon: dict[str, Any]
    handler: str
    app: str
    placement_id: int
    flags: dict[str, bool] = field(default_factory=dict)
    comment: str = ""

    def has(self, flag: str) -> bool:
        return self.flags.get(flag, flag != "CHAT_GROUP")


@dataclass
class ConnectorStatus:
    """A connector on a line. data: what `imconnector.connector.data.set` stored."""

    connector: str
    line: int
    active: bool = False
    connection: bool = False
    register: bool = False
    error: bool = False
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def configured(self) -> bool:
        return self.active and self.connection and self.register

    @property
    def works(self) -> bool:
        return self.configured and not self.error


class OpenLines:
    """Lines by id, connectors by id, and the statuses by (connector, line)."""

    def __init__(self, lang: str = "ru") -> None:
        is_russian = lang == "ru"
        self._name = "Открытая линия" if is_russian else in_english("Открытая линия")
        self._settings = {**(DEFAULT_SETTINGS if is_russian else in_english(DEFAULT_SETTINGS)), "LANGUAGE_ID": lang}
        self.lines: dict[int, OpenLine] = {1: OpenLine(1, self._name, dict(self._settings), queue=[1, 2])}
        self.connectors: dict[str, Connector] = {}
        self.statuses: dict[tuple[str, int], ConnectorStatus] = {}

    def status(self, connector: str, line: int) -> ConnectorStatus:
        """The stored status, or a new one, not stored, with everything off."""
        return self.statuses.get((connector, line)) or ConnectorStatus(connector, line)

    def keep(self, status: ConnectorStatus) -> ConnectorStatus:
        """Store a status. Returns it."""
        self.statuses[status.connector, status.line] = status
        return status

    def add_line(self, name: str, settings: dict[str, Any], queue: list[int]) -> OpenLine:
        number = max(self.lines, default=0) + 1
        line = OpenLine(number, name or f"{self._name} {number}", {**self._settings, **settings}, queue)
        self.lines[number] = line
        return line

    def works(self, connector: str, line: int) -> bool:
        """Whether messages pass: the line is on, and the connector is on there and without an error."""
        found = self.lines.get(line)
        return found is not None and found.is_on("ACTIVE") and self.status(connector, line).works
