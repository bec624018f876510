"""The copies of others' code that we ship or test with are those that THIRD_PARTY.md names, byte for byte."""

import hashlib
import re
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \|.*`([0-9a-f]{64})` \|$", re.MULTILINE)


def listed() -> dict[str, tuple[str, str]]:
    """Path -> (package with version, SHA-256), as THIRD_PARTY.md says."""
    rows = ROW.findall((ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8"))
    return {path: (package.strip(), digest) for path, package, digest in rows}


def test_every_copied_file_is_listed_and_unchanged() -> None:
    folders = [ROOT / "web/static/vendor", ROOT / "tests/vendor"]
    copied = {path for folder in folders for path in folder.iterdir() if path.suffix not in (".py", ".pyc")}
    # A .d.ts is our own description of the copy beside it, for tsc.
    copied = {path for path in copied if path.is_file() and not path.name.endswith(".d.ts")}
    copied |= {ROOT / "web/static/icons.svg"}
    found = {str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest() for path in copied}
    assert found == {path: digest for path, (_, digest) in listed().items()}


def test_the_head_of_a_copy_names_the_version_that_is_listed() -> None:
    for path, (package, _) in listed().items():
        name, version = package.rsplit(" ", 1)
        if name == "swagger-ui-dist" and not path.endswith(".js"):
            continue  # its style and licences name no version; the script beside them does
        # The files of htmx and of swagger-ui have no head; they name their version inside.
        text = (ROOT / path).read_text(encoding="utf-8")
        assert version in (text if name in ("htmx.org", "swagger-ui-dist") else text[:300]), path


def test_the_recipe_is_the_same_in_the_file_and_in_the_list() -> None:
    head = (ROOT / "web/static/vendor/b24jssdk-frame.js").read_text(encoding="utf-8").splitlines()[2]
    recipe = head.removeprefix(" * ")
    assert recipe.startswith("npm i ")
    assert recipe in (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")


def test_the_icons_take_their_colour_from_the_text_and_load_nothing() -> None:
    sprite = ElementTree.parse(ROOT / "web/static/icons.svg").getroot()
    names = [symbol.get("id") for symbol in sprite]
    assert len(names) == len(set(names))
    for symbol in sprite:
        assert symbol.get("viewBox") == "0 0 24 24"
        colours = {part.get(kind) for part in symbol.iter() for kind in ("fill", "stroke")} - {None}
        assert colours == {"none", "currentColor"}, symbol.get("id")
        assert "href" not in ElementTree.tostring(symbol, encoding="unicode")
