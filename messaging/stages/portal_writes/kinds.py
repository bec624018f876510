"""The kinds of portal tasks, with their writers. A task of another kind waits for a release that knows it."""

from collections.abc import Callable

from messaging.runtime import Runtime
from messaging.stages.portal_writes.cards import Cards
from messaging.stages.portal_writes.chats import Chats
from messaging.stages.portal_writes.notices import Notices
from messaging.stages.portal_writes.provider import ProviderStatuses
from messaging.stages.portal_writes.triggers import Triggers
from messaging.stages.portal_writes.writer import Writer

_ALL = (Triggers, Cards, Notices, Chats, ProviderStatuses)
WRITERS: tuple[Callable[[Runtime], Writer], ...] = _ALL
KINDS = [writer.kind for writer in _ALL]
