"""The one door to Gupshup's templates: create, edit, delete, upload a sample. What an error means says `template_refusals`.

The paths are those of the self-serve API (reference gupshup.md 5.1, gupshup-2.md 2); that apps with a key of their own may edit
is not confirmed. Creating is safe to repeat: Gupshup refuses a second template of the same name and language, and then the one
that is there is looked for.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gupshup.client import Account, Client, app_path
from gupshup.errors import Misconfigured, Rejected, Unavailable
from gupshup.reading import as_dict, as_id, as_link, as_text
from gupshup.template_drafts import Draft, SampleFile
from gupshup.template_refusals import ALREADY_EXISTS, DOES_NOT_EXIST
from gupshup.templates import TemplateInfo, parse
from gupshup.transport import Upload


class TemplateCalls:
    """Calls of one client about the templates of any line. They raise GupshupError."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, account: Account, draft: Draft) -> TemplateInfo:
        """Submit a new template; the template as it is now known, usually PENDING.

        A repetition of a call whose answer was lost finds what the first one made. Rejected with ALREADY_EXISTS is raised only
        if the template of that name says something else.
        """
        try:
            answer = self._asked("POST", app_path(account, "template"), account, draft.form())
        except Rejected as error:
            if ALREADY_EXISTS not in error.reason.lower():
                raise
            for known in self._client.templates(account):
                if draft.says_the_same(known):
                    return known
            raise
        return _template(answer)

    def edit(self, account: Account, template_id: str, draft: Draft) -> TemplateInfo:
        """Submit a change. The template is PENDING again and cannot be sent until it is approved. Safe to repeat."""
        form = draft.form()
        for fixed in ("elementName", "languageCode", "vertical"):
            del form[fixed]
        path = f"{app_path(account, 'template')}/{quote(template_id, safe='')}"
        return _template(self._asked("PUT", path, account, form))

    def delete(self, account: Account, name: str) -> None:
        """Delete the templates of this name in all languages; nothing happens if there are none. A 5xx is tried once more."""
        path = f"{app_path(account, 'template')}/{quote(name, safe='')}"
        try:
            self._asked("DELETE", path, account)
        except Unavailable:
            self._gone(path, account)
        except Rejected as error:
            if DOES_NOT_EXIST not in _squeezed(error.reason):
                raise

    def _gone(self, path: str, account: Account) -> None:
        try:
            self._asked("DELETE", path, account)
        except Rejected as error:
            if DOES_NOT_EXIST not in _squeezed(error.reason):
                raise

    def upload(self, account: Account, name: str, mime: str, content: bytes) -> SampleFile:
        """Give Gupshup a file as the sample of a header."""
        if not account.app_id:
            raise Misconfigured("gupshup_app_id", "the line has no app id")
        path = f"/wa/{quote(account.app_id, safe='')}/wa/media/v2"
        answer = _good(self._client.ask("POST", path, account, upload=Upload(name, mime, content)))
        media = as_dict(answer.get("media"))
        media_id = as_id(media.get("id")) or as_id(answer.get("mediaId"))
        if not media_id:
            raise Unavailable("gupshup_unreachable", "the answer holds no media id")
        return SampleFile(media_id, as_link(media.get("url")), name, len(content))

    def _asked(self, method: str, path: str, account: Account, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        return _good(self._client.ask(method, path, account, form=form))


def _good(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, unless it is an error: Gupshup gives those with the status 200 as well."""
    if as_text(answer.get("status")).lower() == "error":
        said = answer.get("message")
        raise Rejected("gupshup_400", as_text(said) or as_text(as_dict(said).get("message")))
    return answer


def _template(answer: Mapping[str, Any]) -> TemplateInfo:
    made = parse(as_dict(answer.get("template")))
    if not made.id:
        raise Unavailable("gupshup_unreachable", "the answer holds no template")
    return made


def _squeezed(reason: str) -> str:
    """Gupshup writes "Template Does not exists."."""
    return " ".join(reason.lower().replace("exists", "exist").split())
