"""The environment: everything that is wrong is said at once, by name, with an example (contract, section 2)."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

import app
from messaging.store.crypto import Cipher, Undecryptable, cipher_for
from messaging.system import config
from messaging.system.config import SETTINGS, Config, ConfigError
from web import serve

ROOT = Path(__file__).parents[3]
KEY = Fernet.generate_key().decode()
GOOD = {"PUBLIC_URL": "https://waba.example", "BX24_CLIENT_ID": "local.1", "BX24_CLIENT_SECRET": "s3cret"}


def problems(environ: dict[str, str], serving: bool = False) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.load(environ, serving=serving)
    return caught.value.problems


def test_nothing_is_needed_to_try_it_out() -> None:
    loaded = config.load({})
    assert loaded.is_embedded
    assert loaded.database_url == f"sqlite:///{loaded.data_dir / 'waba24.db'}"
    assert loaded.auth_servers == ("https://oauth.bitrix.info", "https://oauth.bitrix24.tech")
    assert (loaded.unknown_after_s, loaded.worker_processes, loaded.worker_threads) == (600, 1, 64)
    assert loaded.allow_http is False


WRONG = {
    "PUBLIC_URL": "waba.example",
    "BX24_AUTH_SERVERS": "https://oauth.bitrix.info,ftp://x",
    "GUPSHUP_API_URL": "https://",
    "GUPSHUP_PARTNER_URL": "https://partner.gupshup.io/?key=1",
    "REDIS_URL": "localhost:6379",
    "SECRET_KEY": f"{KEY},short",
    "ALLOW_HTTP": "perhaps",
    "LOG_FORMAT": "xml",
    "LOG_LEVEL": "loud",
    "WORKER_PROCESSES": "0",
    "WORKER_THREADS": "many",
    "UNKNOWN_AFTER_S": "-1",
    "CALLS_PER_MINUTE": "59",
    "FILES_QUOTA_MB": "5 GB",
    "FILES_URL": "s3://key:secret@bucket",
    "FILES_ENDPOINT": "storage.example",
    "FILES_REGION": "https://storage.example",
    "TRUSTED_PROXIES": "10.0.0.1",
    "KEEP_EVENTS_DAYS": "0",
    "KEEP_TEXTS_DAYS": "29",
    "KEEP_DAYS": "5",
}


def test_all_that_is_wrong_is_said_at_once_with_an_example_each() -> None:
    said = problems({**WRONG}, serving=True)
    named = [problem.partition(":")[0] for problem in said]
    assert sorted(named) == sorted([*WRONG, "BX24_CLIENT_ID", "BX24_CLIENT_SECRET"])
    for name, problem in zip(named, said, strict=True):
        assert f"For example: {name}=" in problem
    assert not any("Traceback" in problem or KEY in problem for problem in said)


@pytest.mark.parametrize("name", WRONG)
def test_each_wrong_value_is_a_problem_of_its_own(name: str) -> None:
    said = problems({"SECRET_KEY": KEY, name: WRONG[name]})
    assert [problem.partition(":")[0] for problem in said] == [name]


def test_a_secret_that_is_wrong_is_not_repeated() -> None:
    assert "hunter2-hunter2" not in problems({"SECRET_KEY": "hunter2-hunter2"})[0]


@pytest.mark.parametrize("name", ["PUBLIC_URL", "BX24_AUTH_SERVERS", "GUPSHUP_API_URL", "GUPSHUP_PARTNER_URL"])
def test_http_is_for_emulators_only(name: str) -> None:
    assert name in problems({name: "http://127.0.0.1:8000"})[0]
    assert config.load({name: "http://127.0.0.1:8000", "ALLOW_HTTP": "1"})


def test_without_the_embedded_redis_a_key_must_be_given() -> None:
    assert problems({"REDIS_URL": "redis://localhost"})[0].startswith("SECRET_KEY: ")
    assert config.load({"REDIS_URL": "redis://localhost", "SECRET_KEY": KEY}).secret_keys == (KEY,)


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("s3://files", True),
        ("s3://my.files-1/waba24/files/", True),
        ("s3://files?endpoint=https://storage.example", False),
        ("s3://files/a//b", False),
        ("s3://files/../others", False),
        ("https://files.storage.example", False),
        ("s3://", False),
    ],
)
def test_what_names_a_bucket(url: str, is_one: bool) -> None:
    keys = {"FILES_ACCESS_KEY": "key", "FILES_SECRET_KEY": "s3cret"}
    if is_one:
        assert config.load({"FILES_URL": url, **keys}).files_url == url.rstrip("/")
    else:
        assert "is not s3://bucket" in problems({"FILES_URL": url, **keys})[0]


def test_a_bucket_needs_keys_and_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "find_spec", lambda name: None)
    said = problems({"FILES_URL": "s3://files"})
    assert [problem.partition(":")[0] for problem in said] == ["FILES_URL", "FILES_ACCESS_KEY", "FILES_SECRET_KEY"]
    assert "pip install 'obstore" in said[0]
    assert "s3cret" not in repr(Config(files_access_key="s3cret", files_secret_key="s3cret"))


def test_what_a_real_portal_needs_is_asked_for_when_serving_only() -> None:
    assert config.load({})
    assert [problem.partition(":")[0] for problem in problems({}, serving=True)] == list(GOOD)
    assert config.load(GOOD, serving=True).client_secret == "s3cret"


def test_the_environment_wins_over_the_file_and_blanks_are_nothing(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("LOG_LEVEL=debug\nLOG_FORMAT=json\nMETRICS_TOKEN=\nNOT_OURS=1\n")
    loaded = config.load({"LOG_LEVEL": "error", "LOG_FORMAT": " "}, file)
    assert (loaded.log_level, loaded.log_format, loaded.metrics_token) == ("error", "json", "")
    assert config.load({}, file).log_level == "debug"


def test_no_secret_is_shown_when_a_config_is_printed() -> None:
    shown = repr(Config(client_secret="s3cret", secret_keys=(KEY,), metrics_token="t0ken", database_url="pg://u:pw@h"))
    assert not [secret for secret in ("s3cret", KEY, "t0ken", "pw") if secret in shown]
    assert "password" not in repr(Config(redis_url="redis://:password@localhost"))


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        config.load({}).log_level = "debug"  # type: ignore[misc]  # that it is refused is the point


def test_lists_and_addresses_are_read_without_blanks_and_slashes() -> None:
    loaded = config.load(
        {
            "BX24_AUTH_SERVERS": "https://a.example/ , https://b.example",
            "PUBLIC_URL": "https://waba.example/app/",
            "SECRET_KEY": f"{KEY} , {KEY}",
        }
    )
    assert loaded.auth_servers == ("https://a.example", "https://b.example")
    assert (loaded.public_url, loaded.secret_keys) == ("https://waba.example/app", (KEY, KEY))


def test_a_comma_too_many_is_a_problem() -> None:
    assert problems({"BX24_AUTH_SERVERS": "https://a.example,"})[0].startswith("BX24_AUTH_SERVERS: ")
    assert problems({"SECRET_KEY": f"{KEY},"})[0].startswith("SECRET_KEY: ")


def test_texts_cannot_outlive_their_runs() -> None:
    (said,) = problems({"KEEP_DAYS": "60"})
    assert said.startswith("KEEP_DAYS: is less than KEEP_TEXTS_DAYS (90)")
    assert config.load({"KEEP_DAYS": "60", "KEEP_TEXTS_DAYS": "60"}).keep_days == 60


def test_the_example_is_what_the_code_says_and_can_be_used_as_it_is(tmp_path: Path) -> None:
    written = (ROOT / ".env.example").read_text()
    assert written == config.example_file()
    for setting in SETTINGS.values():
        assert f"# {setting.help}\n" in written
        assert f"\n{setting.variable}=" in written
    assert config.load({}, ROOT / ".env.example") == config.load({}, tmp_path / "nothing")


def test_every_variable_of_the_contract_is_there() -> None:
    names = {
        *("PUBLIC_URL", "BX24_CLIENT_ID", "BX24_CLIENT_SECRET", "BX24_AUTH_SERVERS", "GUPSHUP_API_URL"),
        *("GUPSHUP_PARTNER_URL", "DATABASE_URL", "REDIS_URL", "DATA_DIR", "SECRET_KEY", "ALLOW_HTTP", "LOG_FORMAT"),
        *("LOG_LEVEL", "WORKER_PROCESSES", "WORKER_THREADS", "UNKNOWN_AFTER_S", "METRICS_TOKEN"),
        *("KEEP_EVENTS_DAYS", "KEEP_TEXTS_DAYS", "KEEP_DAYS"),
    }
    assert names <= {setting.variable for setting in SETTINGS.values()}


def test_serve_refuses_to_start_with_the_whole_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for setting in SETTINGS.values():
        monkeypatch.delenv(setting.variable, raising=False)
    monkeypatch.setenv("WORKER_THREADS", "many")
    assert serve.main() == 2
    shown = capsys.readouterr().err
    assert [name for name in (*GOOD, "WORKER_THREADS") if f"{name}: " not in shown] == []


def test_a_web_process_alone_refuses_to_start_as_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for setting in SETTINGS.values():
        monkeypatch.delenv(setting.variable, raising=False)
    with pytest.raises(ConfigError) as caught:
        app.serving()
    assert [problem.partition(":")[0] for problem in caught.value.problems] == list(GOOD)


def test_the_embedded_default_makes_its_key_once_and_for_its_owner_only(tmp_path: Path) -> None:
    settings = config.load({"DATA_DIR": str(tmp_path / "var")})
    first, second = cipher_for(settings), cipher_for(settings)
    assert second.decrypt(first.encrypt("секрет")) == "секрет"
    assert (tmp_path / "var" / config.KEY_FILE).stat().st_mode & 0o077 == 0
    assert len(list((tmp_path / "var").iterdir())) == 1


def test_an_old_key_still_opens_and_the_newest_one_seals() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = Cipher((old,)).encrypt("секрет")
    both = Cipher((new, old))
    assert both.decrypt(sealed) == "секрет"
    assert Cipher((new,)).decrypt(both.encrypt("секрет")) == "секрет"
    assert Cipher((new,)).decrypt(both.rotate(sealed)) == "секрет"
    assert both.encrypt("x") != both.encrypt("x")
    with pytest.raises(Undecryptable, match="SECRET_KEY"):
        Cipher((new,)).decrypt(sealed)
