"""Image, Compose, units and manifests name settings and modules that exist, and give every secret as a file."""

import importlib
import re
from pathlib import Path

import pytest

from messaging.system.config import SETTINGS

ROOT = Path(__file__).parent.parent
FILES = [
    ROOT / "Dockerfile",
    ROOT / "compose.yaml",
    *sorted((ROOT / "deploy" / "systemd").iterdir()),
    ROOT / "deploy" / "kubernetes" / "waba24.yaml",
]
SECRETS = {setting.variable for setting in SETTINGS.values() if setting.secret}
#: Variables of others: of Python, Docker, PostgreSQL's image, Compose.
FOREIGN = {
    "PATH",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "POSTGRES_USER",
    "POSTGRES_DB",
    "POSTGRES_PASSWORD_FILE",
}
FOREIGN |= {"PUBLIC_HOST", "WABA24_VERSION"}
#: NAME: value (YAML), NAME=value (Dockerfile, units, behind Environment= or a blank).
SET = re.compile(r"(?:^ *|[ =])([A-Z][A-Z0-9_]{3,})(?:: |=)", re.MULTILINE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_variable_that_is_set_is_a_setting(file: Path) -> None:
    known = {setting.variable for setting in SETTINGS.values()} | {f"{name}_FILE" for name in SECRETS} | FOREIGN
    code = "\n".join(line for line in file.read_text().splitlines() if not line.lstrip().startswith("#"))
    names = set(SET.findall(code))
    assert names <= known
    assert not names & SECRETS, "a secret stands in the environment"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_module_that_is_started_is_there(file: Path) -> None:
    for module in re.findall(r"python:(web[\w.]+)|-m\W+(web[\w.]+)", file.read_text()):
        importlib.import_module("".join(module))
    assert (ROOT / "worker.py").exists()


@pytest.mark.parametrize("name", ["compose.yaml", "deploy/kubernetes/waba24.yaml", "deploy/systemd/waba24-web.service"])
def test_what_a_real_installation_needs_is_given_as_files(name: str) -> None:
    text = (ROOT / name).read_text()
    needed = ["BX24_CLIENT_SECRET", "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "METRICS_TOKEN"]
    assert [secret for secret in needed if f"{secret}_FILE" not in text] == []
