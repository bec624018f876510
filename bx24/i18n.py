"""Texts in the two languages of the product, side by side where they are used.

Every text we own is shown inside Bitrix24, so its language codes are Bitrix24's (`LANG`, `LANGUAGE_ID`): `ua` is
Ukraine, `by` Belarus, `kz` Kazakhstan, besides the ISO ones.
"""

from __future__ import annotations

from dataclasses import dataclass

# Portals of these languages are run by people who read Russian, and Bitrix24 has no interface of ours in their own.
_READ_RUSSIAN = frozenset({"ru", "by", "be", "kz", "kk", "ua", "uk"})


@dataclass(frozen=True)
class Text:
    """One text in English and in Russian."""

    en: str
    ru: str

    def to(self, lang: str | None) -> str:
        """The text for a portal or user language ("ru", "EN", "ru_RU", "pt-BR", "" or None); unknown means English."""
        return self.ru if language(lang) == "ru" else self.en

    def map(self) -> dict[str, str]:
        """The language map Bitrix24 takes for NAME and DESCRIPTION; it falls back to `en` by itself."""
        return {"en": self.en, "ru": self.ru}

    def format(self, **values: object) -> Text:
        """`str.format` in both languages; a value that is a Text goes in in the language of its side."""
        return Text(
            self.en.format(**{name: value.en if isinstance(value, Text) else value for name, value in values.items()}),
            self.ru.format(**{name: value.ru if isinstance(value, Text) else value for name, value in values.items()}),
        )

    def __str__(self) -> str:
        return self.en


def language(lang: str | None) -> str:
    """ "ru" or "en", whichever of our languages a Bitrix24 language code is served in."""
    primary = (lang or "").strip().lower().replace("_", "-").split("-")[0]
    return "ru" if primary in _READ_RUSSIAN else "en"
