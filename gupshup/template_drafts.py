"""A template as a person writes it, and the form in which Gupshup takes it for review.

Source: Gupshup docs "Create template" (reference gupshup.md 5.2 and 5.3, gupshup-2.md 2). Variables are positional: whether
Gupshup sends named ones is not confirmed.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from gupshup.templates import TemplateInfo, variables

#: What can be written here, in the order of a list.
KINDS = ("TEXT", "IMAGE", "VIDEO", "DOCUMENT")
CATEGORIES = ("MARKETING", "UTILITY", "AUTHENTICATION")
BUTTONS = ("QUICK_REPLY", "URL", "PHONE_NUMBER", "COPY_CODE", "OTP")
#: The text of a button for a one-time password: any other is refused.
OTP_TEXT = "Copy code"
VERTICAL_LIMIT = 180
_VARIABLE = re.compile(r"\{\{\s*([0-9]{1,4})\s*\}\}")


@dataclass(frozen=True)
class DraftButton:
    """type: of BUTTONS. value: the link, the phone or the code. sample: of a link with a variable, the whole link."""

    type: str
    text: str = ""
    value: str = ""
    sample: str = ""


@dataclass(frozen=True)
class SampleFile:
    """A file that Gupshup keeps as the sample of a header. size: bytes. kind: of KINDS, "" if nobody knows."""

    id: str
    url: str = ""
    name: str = ""
    size: int = 0
    kind: str = ""


@dataclass(frozen=True)
class Draft:
    """A template to be submitted.

    kind: of KINDS. samples: name of a variable of the text ("1") → a value as the client might get it; header_sample: of the
    header's only variable. may_recategorise: WhatsApp may change the category instead of rejecting the template.
    """

    name: str = ""
    language: str = "ru"
    category: str = "UTILITY"
    kind: str = "TEXT"
    header: str = ""
    header_sample: str = ""
    body: str = ""
    footer: str = ""
    samples: Mapping[str, str] = field(default_factory=dict)
    buttons: tuple[DraftButton, ...] = ()
    media: SampleFile | None = None
    may_recategorise: bool = False

    @classmethod
    def of(cls, info: TemplateInfo) -> Self:
        """What a template says, to be edited or copied. The file of a header is not known: it is to be chosen anew."""
        values = dict(zip((*(f"h{name}" for name in info.header_vars), *info.body_vars), info.samples, strict=False))
        return cls(
            name=info.name,
            language=info.language,
            category=info.category,
            kind=info.kind,
            header=info.header,
            header_sample=next((values.pop(f"h{name}", "") for name in info.header_vars), ""),
            body=info.body,
            footer=info.footer,
            samples={name: values.get(name, "") for name in info.body_vars},
            buttons=tuple(DraftButton(one.type, one.text, one.value, one.sample) for one in info.buttons),
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """What to_dict() gave, also after a trip through JSON. Keys of another version are left alone."""
        known = {one.name for one in fields(cls)}
        values = {name: value for name, value in stored.items() if name in known}
        values["buttons"] = tuple(DraftButton(**button) for button in stored.get("buttons", ()))
        values["media"] = SampleFile(**stored["media"]) if stored.get("media") else None
        return cls(**values)

    def filled(self) -> str:
        """The text with its samples in place; a variable without one stays as it is."""
        return _VARIABLE.sub(lambda found: self.samples.get(str(int(found[1])), "") or found[0], self.body)

    def filled_header(self) -> str:
        """The header with its sample in place of its variable, if there is one."""
        return _VARIABLE.sub(lambda found: self.header_sample or found[0], self.header)

    def form(self) -> dict[str, str]:
        """The fields of Gupshup's call. Samples stand in brackets, so that they can be read back."""
        example = _VARIABLE.sub(lambda found: f"[{self.samples.get(str(int(found[1])), '')}]", self.body)
        made = {
            "elementName": self.name,
            "languageCode": self.language,
            "category": self.category,
            "templateType": self.kind,
            "vertical": self.name[:VERTICAL_LIMIT],
            "content": self.body,
            "example": example,
            "enableSample": "true",
            "allowTemplateCategoryChange": "true" if self.may_recategorise else "false",
        }
        if self.header and self.kind == "TEXT":
            made["header"] = self.header
            made["exampleHeader"] = _VARIABLE.sub(f"[{self.header_sample}]", self.header)
        if self.footer:
            made["footer"] = self.footer
        if self.buttons:
            made["buttons"] = json.dumps([_wire(button) for button in self.buttons], ensure_ascii=False)
        if self.media is not None and self.kind != "TEXT":
            made["mediaId"] = self.media.id
        if self.category == "AUTHENTICATION":
            del made["allowTemplateCategoryChange"]
            made["addSecurityRecommendation"] = "true"
        return made

    def says_the_same(self, info: TemplateInfo) -> bool:
        """Whether a template of Gupshup's list is this one. The category is not compared: WhatsApp may have changed it."""
        return _said(self.of(info).tidied()) == _said(self.tidied())

    def tidied(self) -> Self:
        """Without blanks at the ends of lines, which Gupshup refuses with an error that does not name them."""
        changed: dict[str, Any] = {
            "name": self.name.strip(),
            "header": self.header.strip(),
            "header_sample": self.header_sample.strip(),
            "body": "\n".join(line.rstrip() for line in self.body.split("\n")).strip(),
            "footer": self.footer.strip(),
            "samples": {name: self.samples.get(name, "").strip() for name in variables(self.body)},
            "buttons": tuple(
                DraftButton(one.type, one.text.strip(), one.value.strip(), one.sample.strip()) for one in self.buttons
            ),
            # A sample of another kind was chosen before the header was.
            "media": self.media if self.media is not None and self.media.kind in ("", self.kind) else None,
        }
        return replace(self, **changed)


def _said(draft: Draft) -> tuple[object, ...]:
    buttons = [
        (one.type, "" if one.type == "COPY_CODE" else one.text, "" if one.type == "COPY_CODE" else one.value)
        for one in draft.buttons
    ]
    return draft.name, draft.language, draft.kind, draft.header, draft.body, draft.footer, buttons


def _wire(button: DraftButton) -> dict[str, Any]:
    match button.type:
        case "URL":
            sample = {"example": [button.sample]} if "{{" in button.value else {}
            return {"type": "URL", "text": button.text, "url": button.value, **sample}
        case "PHONE_NUMBER":
            return {"type": "PHONE_NUMBER", "text": button.text, "phone_number": button.value}
        case "COPY_CODE":
            return {"type": "COPY_CODE", "example": button.value}
        case "OTP":
            return {"type": "OTP", "otp_type": "COPY_CODE", "text": OTP_TEXT}
    return {"type": button.type, "text": button.text}
