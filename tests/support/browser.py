"""The Chromium that the tests of pages drive.

`launch(playwright)` is what tests use. `python -m tests.support.browser` (make browser) finds one or installs it: a browser
that is there already, else Playwright's own download, else, for root on Debian and Ubuntu, the system's package.
CHROMIUM=/path/to/browser overrides the search. System libraries that are missing are named, with the remedy.
"""

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, FrameLocator, Page, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
PLAYWRIGHT = [sys.executable, "-m", "playwright"]
_LACKING = re.compile(r"error while loading shared libraries: ([^:\s]+)")
#: htmx is at work as long as one of these stands on an element.
BUSY = ".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added"
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


def press_section(frame: "Frame | FrameLocator", name: str) -> None:
    """Open a section of the app: from the row, or from the menu behind it."""
    if frame.locator(f'.more a[data-section="{name}"]').count():
        frame.locator(".more summary").click()
    frame.locator(f'nav a[data-section="{name}"]').click()


def wait_for_htmx(frame: "Frame") -> None:
    """Wait until htmx has put everything into its place. Only a loaded page has begun to ask for it."""
    from playwright.sync_api import expect

    frame.wait_for_load_state()
    expect(frame.locator(BUSY)).to_have_count(0)


def open_app(page: "Page", portal_url: str, lang: str) -> "FrameLocator":
    """The app on the emulated portal, with the section that was open last: a press that comes earlier would give it up."""
    page.goto(f"{portal_url}/app?lang={lang}")
    app = page.frame_locator("iframe")
    app.get_by_role("heading", level=1).first.wait_for(state="attached")
    wait_for_htmx(page.frames[-1])
    return app


def find(playwright: "Playwright") -> str | None:
    """The path of a Chromium that really starts: $CHROMIUM, else the system's, else Playwright's; or None."""
    if named := os.environ.get("CHROMIUM"):
        return named if _starts(named) else None
    return next((path for path in _candidates(playwright) if _starts(path)), None)


def _candidates(playwright: "Playwright") -> list[str]:
    installed = [path for name in NAMES if (path := shutil.which(name))]
    return [*installed, *MAC_APPLICATIONS, playwright.chromium.executable_path]


def _found() -> bool:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return find(playwright) is not None


def _lacking() -> str:
    """The system library without which a Chromium that is there does not start; "" if that is not the trouble."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return next((name for path in _candidates(playwright) if (name := lacking([path, "--version"]))), "")


def _starts(path: str) -> bool:
    # Ubuntu's /usr/bin/chromium-browser may be a script that only asks for snap; a download may lack libraries.
    done = _tried([path, "--version"])
    return done is not None and done.returncode == 0 and bool(done.stdout.strip())


def lacking(command: list[str]) -> str:
    """The system library without which a program does not start; "" if it lacks none, or is not there."""
    done = _tried(command)
    found = _LACKING.search(done.stderr) if done is not None and done.returncode else None
    return found[1] if found else ""


def _tried(command: list[str]) -> "subprocess.CompletedProcess[str] | None":
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None


def _playwright_starts() -> bool:
    """Whether Playwright's own Node starts, which needs one library that a bare system lacks. Else says what to do."""
    name = lacking([*PLAYWRIGHT, "--version"])
    if name and _has_apt() and _run([_APT_UPDATE, [*_APT_INSTALL, "libatomic1"]]):
        name = lacking([*PLAYWRIGHT, "--version"])
    if name:
        print(
            f"waba24: Playwright, which drives the browser of the tests, lacks the system library {name}: "
            "install it as root, on Debian and Ubuntu by `apt-get install libatomic1`, and repeat.",
            file=sys.stderr,
        )
    return not name


_APT_UPDATE = ["apt-get", "update", "-qq"]
_APT_INSTALL = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]


def _has_apt() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install() -> bool:
    """Try each way in turn until a browser starts."""
    ways = [[[*PLAYWRIGHT, "install", "chromium"]]]
    if _has_apt():
        ways += [[_APT_UPDATE, [*_APT_INSTALL, "chromium"]], [[*PLAYWRIGHT, "install-deps", "chromium"]]]
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
    if not _playwright_starts():
        return 1
    if _found():
        return 0
    if named := os.environ.get("CHROMIUM"):
        print(f"waba24: CHROMIUM={named} is not a browser that starts", file=sys.stderr)
        return 1
    print("waba24: no Chromium found, installing one", file=sys.stderr, flush=True)
    if _install():
        return 0
    if name := _lacking():
        print(
            f"waba24: Chromium is here, but lacks system libraries such as {name}: "
            f"install them as root by `{' '.join(PLAYWRIGHT)} install-deps chromium`, and repeat.",
            file=sys.stderr,
        )
        return 1
    print(
        "waba24: the tests of pages need Chromium and it could not be installed.\n"
        "Install it (Debian: apt-get install chromium; Ubuntu: snap install chromium; macOS: brew install chromium)\n"
        f"or point to one: make test CHROMIUM=/path/to/chrome. Looked for: {', '.join(NAMES)}",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
