"""How pages name what templates are: statuses, categories, headers, buttons."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

#: Status → word, icon and colour of its badge. Another status of Gupshup's is shown as it came.
STATUSES: dict[str, tuple[LazyString, str, str]] = {
    "APPROVED": (_l("Approved"), "check", "ok"),
    "PENDING": (_l("In review"), "clock", "info"),
    "IN_APPEAL": (_l("In appeal"), "clock", "info"),
    "REJECTED": (_l("Rejected"), "cross", "bad"),
    "FAILED": (_l("Not submitted to Meta"), "cross", "bad"),
    "PAUSED": (_l("Paused"), "pause", "warn"),
    "DISABLED": (_l("Disabled"), "cross", "bad"),
    "DEACTIVATED": (_l("Disabled"), "cross", "bad"),
    "DELETED": (_l("Deleted"), "cross", "bad"),
    "DRAFT": (_l("Draft"), "help", ""),
    "SANDBOX_REQUESTED": (_l("Sandbox"), "check", "info"),
}
CATEGORIES: dict[str, LazyString] = {
    "MARKETING": _l("Marketing"),
    "UTILITY": _l("Utility"),
    "AUTHENTICATION": _l("Authentication"),
}
#: Category → what it means for the price.
PRICES: dict[str, LazyString] = {
    "MARKETING": _l("Offers, news, reminders to buy. Usually the dearest category; a client may switch it off."),
    "UTILITY": _l("About an order or a visit the client knows of. Usually cheaper than marketing."),
    "AUTHENTICATION": _l("One-time codes only. The text is short, with one button that copies the code."),
}
KINDS: dict[str, LazyString] = {
    "TEXT": _l("Text or none"),
    "IMAGE": _l("Image"),
    "VIDEO": _l("Video"),
    "DOCUMENT": _l("Document"),
}
BUTTONS: dict[str, LazyString] = {
    "QUICK_REPLY": _l("Reply"),
    "URL": _l("Link"),
    "PHONE_NUMBER": _l("Call"),
    "COPY_CODE": _l("Promo code"),
    "OTP": _l("One-time code"),
}
#: Languages that are offered; a template in another one can be edited all the same.
LANGUAGES: dict[str, str] = {
    "ru": "Русский",
    "en": "English",
    "en_US": "English (US)",
    "en_GB": "English (UK)",
    "kk": "Қазақша",
    "uz": "O‘zbekcha",
    "ky_KG": "Кыргызча",
    "az": "Azərbaycan",
    "uk": "Українська",
    "ka": "ქართული",
    "tr": "Türkçe",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "it": "Italiano",
    "pl": "Polski",
    "pt_BR": "Português (BR)",
    "ar": "العربية",
    "he": "עברית",
    "zh_CN": "中文",
}
