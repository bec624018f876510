"""One HTTP exchange with Gupshup, and the question every failed send asks of it: did anything of the message leave us?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from time import monotonic
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.filepost import encode_multipart_formdata

#: Bytes of an answer: a list of a thousand templates is a megabyte. Seconds for all of it.
MAX_ANSWER_BYTES, TOTAL_S = 8 * 1024 * 1024, 60.0
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """A complete answer. content: decompressed, otherwise as it came."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Upload:
    """A file, sent as the field `file` of a form."""

    name: str
    mime: str
    content: bytes = field(repr=False)


class Broken(Exception):
    """There is no complete answer. `str()` is the cause: "ConnectionRefusedError: [Errno 111] Connection refused".

    was_written: False if certainly no byte of the request's body was written; in doubt True.
    """

    def __init__(self, cause: str, was_written: bool) -> None:
        super().__init__(cause)
        self.was_written = was_written


class _Body:
    """A request's body as a file. urllib3 reads it when the connection stands and the headers are out, so a body that
    nobody has read has not left us: neither on a refused connection nor in a TLS handshake that was cut or hung.
    """

    def __init__(self, content: bytes) -> None:
        self._length = len(content)
        self._file = BytesIO(content)
        self.was_read = False

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        self.was_read = True
        return self._file.read(size)


def session(pool: int) -> requests.Session:
    """A session for `pool` threads. It repeats nothing and takes no passwords from the environment."""
    made = requests.Session()
    made.trust_env = False
    made.headers["User-Agent"] = f"waba24/{_version()}"
    for scheme in ("https://", "http://"):
        made.mount(scheme, HTTPAdapter(pool_maxsize=pool))
    return made


def exchange(
    http: requests.Session,
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    form: Mapping[str, str] | None = None,
    text: str | None = None,
    params: Mapping[str, str] | None = None,
    upload: Upload | None = None,
    timeout: tuple[float, float],
) -> Answer:
    """Send one request and read the whole answer. Raises Broken. text, upload: a body of JSON or a file, instead of a form.

    The adapter is called directly: Session.send would keep cookies, use the environment's proxies and prepare redirects.
    """
    content, kind = _body_of(form, text, upload)
    body = _Body(content) if content is not None else None
    sent = {**http.headers, **headers, **kind}
    try:
        request = requests.Request(method, url, sent, data=body, params=params).prepare()
        until = monotonic() + TOTAL_S
        with http.get_adapter(url).send(request, stream=True, timeout=timeout, verify=http.verify or True) as response:
            return Answer(response.status_code, response.headers, _content(response, until))
    except (requests.RequestException, HTTPError, HTTPException, OSError) as error:
        raise Broken(_root_of(error), body is None or body.was_read) from None


def _body_of(
    form: Mapping[str, str] | None, text: str | None, upload: Upload | None
) -> tuple[bytes | None, Mapping[str, str]]:
    """The body of a request, None for none, and the header that says what it is."""
    if upload is not None:
        content, kind = encode_multipart_formdata({"file": (upload.name, upload.content, upload.mime)})
        return content, {"Content-Type": kind}
    if form is not None:
        return urlencode(form).encode(), _FORM
    return (None, {}) if text is None else (text.encode(), _JSON)


def _content(response: requests.Response, until: float) -> bytes:
    """The body, read in pieces. Raises OSError when it is too long, or not complete at this time."""
    content = bytearray()
    # read1: what has come, at once. iter_content would wait for a whole piece, however slowly it drips.
    while piece := response.raw.read1(64 * 1024, decode_content=True):
        content += piece
        if len(content) > MAX_ANSWER_BYTES:
            raise OSError(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
        if monotonic() > until:
            raise TimeoutError(f"the answer takes longer than {TOTAL_S:.0f} s")
    return bytes(content)


def _root_of(error: BaseException) -> str:
    """What really happened, without the wrappings of two libraries, which keep it in `__cause__` or among their `args`."""
    inner: BaseException | None = error
    while inner is not None:
        error = inner
        inner = error.__cause__ or next((part for part in error.args if isinstance(part, BaseException)), None)
    return f"{type(error).__name__}: {error}"


def _version() -> str:
    try:
        return version("waba24")
    except PackageNotFoundError:
        return "0"
