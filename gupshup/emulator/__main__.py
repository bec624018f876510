"""`python -m gupshup.emulator --port 0`: prints one line of JSON, `{"url": "http://127.0.0.1:…"}`, when it is ready."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from types import FrameType

from gupshup.emulator.app import create_emulator
from gupshup.emulator.context import emulator_of
from gupshup.emulator.runner import Runner
from gupshup.emulator.server import Server


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m gupshup.emulator", description=__doc__)
    # Loopback only: whoever can reach the emulator can command it.
    parser.add_argument("--host", default="127.0.0.1", choices=("127.0.0.1", "localhost"))
    parser.add_argument("--port", type=int, default=0, help="0 = any free port")
    options = parser.parse_args(arguments)
    app = create_emulator()
    server = Server(app, options.host, options.port)
    emulator_of(app).base_url = server.url
    runner = Runner(emulator_of(app))
    runner.start()
    signal.signal(signal.SIGTERM, _interrupt)
    print(json.dumps({"url": server.url}), flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
        runner.stop()
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
