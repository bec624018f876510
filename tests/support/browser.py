"""The Chromium that the tests of pages drive.

`launch(playwright)` is what tests use. `python -m tests.support.browser` (make browser) finds one or installs it: a browser
that is there already, else Playwright's own download, else, for root on Debian and Ubuntu, the system's package.
CHROMIUM=/path/to/browser overrides the search.
"""

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
# A browser left to itself looks up its maker's hosts at every start: tests would depend on the network.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


def launch(playwright: "Playwright") -> "Browser":
    """Start the browser headless. Raises RuntimeError with the remedy when there is none."""
    executable = find(playwright)
    if executable is None:
        raise RuntimeError("no Chromium found: run `make browser`, or set CHROMIUM=/path/to/chromium")
    # Chromium refuses to run as root with its sandbox, and CI is often root.
    sandbox = () if os.geteuid() else ("--no-sandbox",)
    return playwright.chromium.launch(executable_path=executable, args=[*QUIET, *sandbox])


def wait_in(frame: "Frame", condition: str) -> None:
    """Wait until a JavaScript condition holds in the page that a frame of the portal shows.

    First for the page: the empty document a frame begins with obeys the portal's CSP, which forbids Playwright to evaluate.
    """
    frame.wait_for_url(re.compile("^http"))
    frame.wait_for_function(condition)


def find(playwright: "Playwright") -> str | None:
    """The path of a Chromium that really starts: $CHROMIUM, else the system's, else Playwright's; or None."""
    if named := os.environ.get("CHROMIUM"):
        return named if _starts(named) else None
    installed = [path for name in NAMES if (path := shutil.which(name))]
    candidates = (*installed, *MAC_APPLICATIONS, playwright.chromium.executable_path)
    return next((path for path in candidates if _starts(path)), None)


def _found() -> bool:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return find(playwright) is not None


def _starts(path: str) -> bool:
    # Ubuntu's /usr/bin/chromium-browser may be a script that only asks for snap; a download may lack libraries.
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and bool(done.stdout.strip())


def _install() -> bool:
    """Try each way in turn until a browser starts."""
    playwright = [sys.executable, "-m", "playwright"]
    ways = [[[*playwright, "install", "chromium"]]]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        ways += [
            [["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]],
            [[*playwright, "install-deps", "chromium"]],
        ]
    return any(_run(way) and _found() for way in ways)


def _run(commands: list[list[str]]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in commands:
        print(f"waba24: {' '.join(command)}", file=sys.stderr, flush=True)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            print(*done.stderr.strip().splitlines()[:3], sep="\n", file=sys.stderr, flush=True)
            return False
    return True


def main() -> int:
    """Exit status 0 when a browser is there, 1 with a remedy when none could be had."""
    if _found():
        return 0
    if named := os.environ.get("CHROMIUM"):
        print(f"waba24: CHROMIUM={named} is not a browser that starts", file=sys.stderr)
        return 1
    print("waba24: no Chromium found, installing one", file=sys.stderr, flush=True)
    if _install():
        return 0
    print(
        "waba24: the tests of pages need Chromium and it could not be installed.\n"
        "Install it (Debian: apt-get install chromium; Ubuntu: snap install chromium; macOS: brew install chromium)\n"
        f"or point to one: make test CHROMIUM=/path/to/chrome. Looked for: {', '.join(NAMES)}",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
