"""Drive of one portal: storages, and in each a tree of folders and files. The content of a file is one of `files.FILES`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bx24.emulator.state.english import in_english
from bx24.emulator.state.files import FILES, StoredFile


@dataclass(frozen=True)
class Storage:
    """kind: common, user, group. owner: id of the user or group. readers: user ids, empty for everybody."""

    id: int
    name: str
    kind: str
    owner: str
    root: int
    readers: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Entry:
    """A folder, or a file with its content. parent: id of a folder; readers: user ids, empty for all who see the storage."""

    id: int
    name: str
    storage: int
    parent: int
    content: int | None = None
    readers: frozenset[int] = frozenset()

    @property
    def stored(self) -> StoredFile:
        """The content of a file."""
        return FILES[self.content or 0]


_STORAGES = (
    Storage(1, "Общий диск", "common", "shared_files_s1", 1),
    Storage(2, "Анна Соколова", "user", "1", 2, frozenset({1})),
    Storage(3, "Пётр Иванов", "user", "2", 3, frozenset({2})),
    Storage(4, "Дизайн кухонь", "group", "7", 4, frozenset({1, 2})),
)
_ENTRIES = (
    Entry(1, "Общий диск", 1, 0),
    Entry(2, "Анна Соколова", 2, 0),
    Entry(3, "Пётр Иванов", 3, 0),
    Entry(4, "Дизайн кухонь", 4, 0),
    Entry(610, "Договоры", 1, 1),
    Entry(611, "Только для директора", 1, 1, readers=frozenset({1})),
    Entry(601, "Прайс-лист.pdf", 1, 1, 601),
    Entry(602, "shkaf.png", 1, 1, 602),
    Entry(612, "2026", 1, 610),
    Entry(603, "Договор 512.pdf", 1, 612, 501),
    Entry(604, "Зарплаты.pdf", 1, 611, 501, frozenset({1})),
    Entry(605, "Заметки.pdf", 2, 2, 501),
)


@dataclass
class Drive:
    """What there is; tests add to it."""

    storages: list[Storage] = field(default_factory=lambda: list(_STORAGES))
    entries: dict[int, Entry] = field(default_factory=lambda: {entry.id: entry for entry in _ENTRIES})

    @classmethod
    def in_language(cls, lang: str) -> Drive:
        """The sample one, in Russian or in English."""
        if lang == "ru":
            return cls()
        storages = [replace(one, name=in_english(one.name)) for one in _STORAGES]
        return cls(storages, {entry.id: replace(entry, name=in_english(entry.name)) for entry in _ENTRIES})

    def add(self, *entries: Entry) -> None:
        self.entries |= {entry.id: entry for entry in entries}

    def may_see(self, user_id: int, storage: Storage) -> bool:
        return not storage.readers or user_id in storage.readers

    def may_read(self, user_id: int, entry: Entry) -> bool:
        """Whether the user has the right “Read”: his in the storage, in all folders above, and here."""
        storage = next((one for one in self.storages if one.id == entry.storage), None)
        if storage is None or not self.may_see(user_id, storage):
            return False
        above = self.entries.get(entry.parent)
        is_mine = not entry.readers or user_id in entry.readers
        return is_mine and (above is None or self.may_read(user_id, above))
