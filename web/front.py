"""What a browser sees at the server's own address, outside Bitrix24: where to open the app, and the help."""

from flask import Blueprint, Response, request

from bx24.i18n import language
from web.frames import page, speak
from web.pages.help_page import contents

blueprint = Blueprint("front", __name__)


@blueprint.get("/")
def front() -> Response:
    _speak()
    return page("front.html", None)


@blueprint.get("/help", endpoint="help")
def help_page() -> Response:
    return page("help.html", None, **contents(_speak()))


def _speak() -> str:
    """Answer in the language that the address names, as Bitrix24 does, or that the browser likes best; returns it."""
    spoken = language(request.args.get("LANG") or request.accept_languages.best_match(["ru", "en"], "en"))
    speak(spoken)
    return spoken
