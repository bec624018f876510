"""nginx before the installation, as PAGE configures it: what is half sent waits there, and not in a thread of the web."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.crash.processes import ROOT

_SNIPPET = re.compile(r"```nginx\n(.*?)```", re.DOTALL)
_ROOM = re.compile(r"^worker_rlimit_nofile .*;\nevents \{[^}]*\}", re.MULTILINE)
#: Where operators read it.
PAGE = "docs/operators/reverse-proxy.md"
#: What an administrator has beside the snippet, and we have not: an address of the world with a certificate.
_OF_THE_WORLD = re.compile(r"^\s*(?:listen|server_name|ssl_\w+|http2)\b.*\n", re.MULTILINE)


def configuration(page: str, listen: str, upstream: str) -> str:
    """The page's server block at another address, and its room for connections. listen, upstream: host:port.

    Raises ValueError if the page shows none.
    """
    found, room = _SNIPPET.search(page), _ROOM.search(page)
    if found is None or "proxy_pass http://127.0.0.1:8000;" not in found[1]:
        raise ValueError(f"{PAGE} shows no nginx server block that passes to 127.0.0.1:8000")
    if room is None:
        raise ValueError(f"{PAGE} does not say how many connections nginx is to hold")
    # In front of it stands a block that sends plain http away: there is no certificate here.
    block = found[1][found[1].rindex("server {\n", 0, found[1].index("proxy_pass")) :]
    server = _OF_THE_WORLD.sub("", block).replace("http://127.0.0.1:8000", f"http://{upstream}")
    server = server.replace("server {\n", f"server {{\n    listen {listen};\n", 1)
    return f"pid nginx.pid;\nerror_log stderr error;\n{room[0]}\nhttp {{\naccess_log off;\n{server}}}\n"


@contextmanager
def nginx(listen: str, upstream: str) -> Iterator[None]:
    """nginx, as long as the block lasts. Raises FileNotFoundError if it is not installed."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if program is None:
        raise FileNotFoundError("PROXY=nginx needs nginx: apt-get install nginx-light, brew install nginx")
    with tempfile.TemporaryDirectory(prefix="waba24-nginx-") as folder:
        file = Path(folder, "nginx.conf")
        file.write_text(configuration((ROOT / PAGE).read_text(), listen, upstream))
        with subprocess.Popen([program, "-p", folder, "-c", str(file), "-g", "daemon off;"]) as process:
            try:
                yield
            finally:
                process.terminate()
