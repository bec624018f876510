"""Image, Compose, units and manifests name settings and modules that exist, and give every secret as a file."""

import importlib
import re
import subprocess
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


def test_a_command_of_operators_has_the_settings_and_secrets_of_the_units(tmp_path: Path) -> None:
    """The file of settings is systemd's: what a shell would take for a command or a comment is a part of a value."""
    program, settings = tmp_path / "program" / ".venv" / "bin" / "flask", tmp_path / "settings"
    (settings / "secrets").mkdir(parents=True)
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$FILES_URL" "$PUBLIC_URL" "$METRICS_TOKEN" "$DATA_DIR" "$*"\n')
    program.chmod(0o700)
    (settings / "waba24.env").write_text(
        "# PUBLIC_URL=https://no\n\nFILES_URL=s3://files?region=eu&endpoint=$HOME `x`\n"
        'PUBLIC_URL="https://waba.example.com"\nDATA_DIR=/elsewhere'
    )
    (settings / "secrets" / "metrics_token").write_text("secret of # many &\n")
    script = (ROOT / "deploy" / "commands" / "waba24").read_text()
    for installed, here in (
        ("/etc/waba24", str(settings)),
        ("/opt/waba24", str(tmp_path / "program")),
        ("runuser --user waba24 -- ", ""),
    ):
        assert installed in script
        script = script.replace(installed, here)
    done = subprocess.run(
        ["sh", "-c", script, "waba24", "doctor", "--json"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "s3://files?region=eu&endpoint=$HOME `x`",
        "https://waba.example.com",
        "secret of # many &",
        "/var/lib/waba24",
        "--app app doctor --json",
    ]
