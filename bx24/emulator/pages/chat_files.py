"""Files of chats behind their public links, which need no token: the short one redirects to the long one."""

from __future__ import annotations

import hmac
from urllib.parse import quote

from flask import Flask, Response, abort, redirect, request
from flask.typing import ResponseReturnValue

from bx24.emulator.rules import chat_files
from bx24.emulator.state.portal import Portal


def register(app: Flask, portal: Portal) -> None:
    @app.get("/~<code>")
    def short_link(code: str) -> ResponseReturnValue:
        with portal.cloud.lock:
            found = next((file for file in portal.chats.files.values() if file.code == code), None)
            return redirect(chat_files.download_path(found), 302) if found else abort(404)

    @app.get("/pub/im.file.php")
    def long_link() -> Response:
        number = request.args.get("FILE_ID", "")
        with portal.cloud.lock:
            found = portal.chats.files.get(int(number)) if number.isdigit() else None
            if found is None or not hmac.compare_digest(found.sign, request.args.get("SIGN", "")):
                abort(404)
        way = "inline" if found.is_image else "attachment"
        return Response(
            found.content,
            content_type=found.content_type,
            headers={
                "Content-Disposition": f"{way}; filename*=utf-8''{quote(found.name)}",
                "X-Content-Type-Options": "nosniff",
            },
        )
