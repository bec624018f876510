"""The net of the world in one process: instead of sockets, the WSGI applications of its hosts."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3.exceptions import ProtocolError
from urllib3.response import HTTPResponse
from werkzeug.test import Client as WsgiClient


class Net(BaseAdapter):
    """The transport of every HTTP session: it calls the WSGI app of the host.

    `broken` maps a host to an exception to raise, or to a function from the request to an exception or None.
    """

    def __init__(self) -> None:
        super().__init__()
        self.apps: dict[str, Any] = {}
        self.broken: dict[str, Any] = {}
        self.seen: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.seen.append(request)
        parts = urlsplit(str(request.url))
        fault = self.broken.get(parts.netloc)
        if callable(fault) and not isinstance(fault, type):
            fault = fault(request)
        if fault is not None:
            raise fault
        if parts.netloc not in self.apps:
            raise requests.exceptions.ConnectionError(f"nobody lives at {parts.netloc}")
        try:
            # With a cookie jar of its own, the WSGI client would drop the Cookie header of the request.
            answer = WsgiClient(self.apps[parts.netloc], use_cookies=False).open(
                parts.path,
                method=request.method,
                query_string=parts.query,
                data=request.body,
                headers=dict(request.headers),
                base_url=f"{parts.scheme}://{parts.netloc}",
            )
        except ConnectionAbortedError as error:  # an emulator hangs up after the request was written
            raise requests.exceptions.ConnectionError(ProtocolError("Connection aborted.", error)) from None
        return self._response(request, answer)

    def _response(self, request: requests.PreparedRequest, answer: Any) -> requests.Response:
        response = requests.Response()
        response.status_code = answer.status_code
        response.headers.update(answer.headers)
        response.raw = HTTPResponse(
            body=BytesIO(answer.data), headers=dict(answer.headers), status=answer.status_code, preload_content=False
        )
        response.url = str(request.url)
        response.request = request
        return response

    def close(self) -> None:
        """Nothing to close."""

    def hosts(self) -> set[str]:
        """The hosts that were called so far."""
        return {urlsplit(str(request.url)).netloc for request in self.seen}
