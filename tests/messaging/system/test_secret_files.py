"""Secret settings as files: `NAME_FILE` names the file that holds what `NAME` would say."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from messaging.system import config
from messaging.system.config import SETTINGS, ConfigError

KEY = Fernet.generate_key().decode()
SECRETS = {name: setting.variable for name, setting in SETTINGS.items() if setting.secret}
#: Those that not every text will do for.
VALUES = {"redis_url": "redis://:pw@queue:6379/0", "secret_keys": KEY}


def kept(folder: Path, variable: str, text: "str | bytes") -> dict[str, str]:
    """The environment that names a file with this text."""
    file = folder / variable.lower()
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return {f"{variable}_FILE": str(file)}


def problem(environ: dict[str, str], env_file: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        config.load(environ, env_file)
    (said,) = caught.value.problems
    return said


def test_every_secret_can_be_given_as_a_file(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    texts = {name: VALUES.get(name, "s3cret") for name in SECRETS}
    for name, text in texts.items():
        environ |= kept(tmp_path, SECRETS[name], f"{text}\n")
    loaded = config.load(environ)
    assert {name: getattr(loaded, name) for name in SECRETS} == {**texts, "secret_keys": (KEY,)}
    assert {"client_secret", "database_url", "redis_url", "secret_keys", "metrics_token"} <= SECRETS.keys()


def test_what_is_no_secret_has_no_file(tmp_path: Path) -> None:
    assert config.load(kept(tmp_path, "LOG_LEVEL", "debug")).log_level == "info"


@pytest.mark.parametrize("text", ["t0ken", "t0ken\n", "t0ken\r\n", "t0ken\n\n", b"\xef\xbb\xbft0ken\n"])
def test_line_ends_at_the_end_are_no_part_of_the_secret(tmp_path: Path, text: str | bytes) -> None:
    assert config.load(kept(tmp_path, "METRICS_TOKEN", text)).metrics_token == "t0ken"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        (b"\xff\xfe\x00", "is not text in UTF-8"),
        (b"a\x00b", "holds a zero byte"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    environ = kept(tmp_path, "METRICS_TOKEN", text)
    assert problem(environ) == (
        f"METRICS_TOKEN_FILE: {environ['METRICS_TOKEN_FILE']} {said}. "
        "For example: METRICS_TOKEN_FILE=/run/secrets/metrics_token"
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert f"cannot read {tmp_path}/gone: No such file" in problem({"SECRET_KEY_FILE": f"{tmp_path}/gone"})
    assert "Is a directory" in problem({"SECRET_KEY_FILE": str(tmp_path)})


def test_of_a_key_that_only_cannot_be_read_it_is_not_said_that_it_is_missing(tmp_path: Path) -> None:
    said = problem({"REDIS_URL": "redis://localhost", "SECRET_KEY_FILE": f"{tmp_path}/gone"})
    assert said.startswith("SECRET_KEY_FILE: cannot read ")


def test_a_secret_and_its_file_at_once_are_refused(tmp_path: Path) -> None:
    both = {"METRICS_TOKEN": "hunter2", **kept(tmp_path, "METRICS_TOKEN", "t0ken")}
    said = problem(both)
    assert said.startswith("METRICS_TOKEN_FILE: is given beside METRICS_TOKEN")
    assert "hunter2" not in said


def test_a_wrong_value_names_the_file_and_is_not_repeated(tmp_path: Path) -> None:
    said = problem(kept(tmp_path, "SECRET_KEY", "hunter2-hunter2"))
    assert said.startswith(f"SECRET_KEY_FILE: the text of {tmp_path}/secret_key is not 32 bytes")
    assert "hunter2" not in said


def test_the_environment_wins_over_the_env_file_whichever_way_it_gives_the_secret(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    as_file = kept(tmp_path, "METRICS_TOKEN", "of the file")
    env_file.write_text("METRICS_TOKEN=of .env\n")
    assert config.load(as_file, env_file).metrics_token == "of the file"
    env_file.write_text(f"METRICS_TOKEN_FILE={as_file['METRICS_TOKEN_FILE']}\n")
    assert config.load({"METRICS_TOKEN": "of the environment"}, env_file).metrics_token == "of the environment"
    assert config.load({"METRICS_TOKEN": " "}, env_file).metrics_token == "of the file"
    assert config.load({"METRICS_TOKEN": "x", "METRICS_TOKEN_FILE": ""}).metrics_token == "x"


def test_the_example_names_the_file_of_each_secret() -> None:
    lines = config.example_file().splitlines()
    assert [line.split()[2].partition("=")[0] for line in lines if line.startswith("# or ")] == [
        f"{variable}_FILE" for variable in SECRETS.values()
    ]
