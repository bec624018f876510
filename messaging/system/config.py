"""The settings of one process: read from the environment once, converted and checked at start.

Each setting is one field of `Config`, declared with its variable, its help, its default and its checks. marshmallow reads
them and collects every problem. `.env.example` is written from the same declarations, and a test compares the two.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from dotenv import dotenv_values
from marshmallow import Schema, ValidationError
from marshmallow.fields import Boolean, Field, Function, Integer, String
from marshmallow.validate import OneOf, Range, Regexp

from messaging.system import secret_files
from messaging.system.secret_files import SecretFiles

KEY_FILE = "secret.key"


class ConfigError(Exception):
    """Everything that is missing or wrong. `problems`: one sentence each, naming the variable and an example."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Setting:
    """How a field of `Config` is read. default: as it would be written in `.env`; kind: converts the text and checks it.

    secret: no printed `Config` shows it, and a file may hold it (`messaging.system.secret_files`).
    """

    variable: str
    help: str
    default: str
    kind: Field[Any]
    example: str
    secret: bool


def _setting(
    variable: str, help: str, default: str = "", kind: Field[Any] | None = None, example: str = "", secret: bool = False
) -> Any:
    """A field of `Config`. example: by default the default."""
    read = Setting(variable, help, default, kind or String(), example or default, secret)
    return field(default=read.kind.deserialize(default), repr=not secret, metadata={"setting": read})


def _address(text: str) -> str:
    """An http(s) address without the slash at its end; "" stays "". Raises ValidationError."""
    address = text.strip()
    parts = urlsplit(address)
    if address and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValidationError("is not an address with http:// or https://")
    if parts.query or parts.fragment:
        raise ValidationError("must not carry a query or a fragment")
    return address.rstrip("/")


def _addresses(text: str) -> tuple[str, ...]:
    """Addresses, separated by commas, none of them blank. Raises ValidationError."""
    addresses = tuple(_address(part) for part in text.split(","))
    if not all(addresses):
        raise ValidationError("has a comma too many")
    return addresses


def _fernet_keys(text: str) -> tuple[str, ...]:
    """Fernet keys, separated by commas; () of "". Raises ValidationError, which does not repeat a key."""
    keys = tuple(part.strip() for part in text.split(",")) if text else ()
    for key in keys:
        try:
            Fernet(key)
        except ValueError:
            raise ValidationError("is not 32 bytes in url-safe base64 (a Fernet key)") from None
    return keys


def _bucket(text: str) -> str:
    """s3://bucket or s3://bucket/prefix, without the slash at its end; "" stays "". Raises ValidationError."""
    url = text.strip().rstrip("/")
    if url and not re.fullmatch(r"s3://[\w.-]{3,63}(/[\w-][\w.-]*)*", url, re.ASCII):
        raise ValidationError("is not s3://bucket or s3://bucket/prefix; endpoint and keys are settings of their own")
    return url


def _folder(text: str) -> Path:
    """A folder, as an absolute path."""
    return Path(text).absolute()


def _partner(text: str) -> str:
    """A token, or e-mail:secret; "" stays "". Raises ValidationError, which does not repeat it."""
    given = text.strip()
    if not re.fullmatch(r"[!-~]*", given) or (":" in given and "@" not in given.partition(":")[0]):
        raise ValidationError("is neither a token nor e-mail:client secret")
    return given


_PARTNER = Function(deserialize=_partner)
_ADDRESS, _ADDRESSES = Function(deserialize=_address), Function(deserialize=_addresses)
_FERNET_KEYS, _FOLDER = Function(deserialize=_fernet_keys), Function(deserialize=_folder)
_BUCKET = Function(deserialize=_bucket)


def _whole(least: int, most: int) -> Integer:
    """A whole number, `most` included."""
    return Integer(validate=Range(least, most))


@dataclass(frozen=True)
class Config:
    """The checked settings of one process. Times in seconds."""

    public_url: str = _setting(
        "PUBLIC_URL",
        "https address under which Bitrix24 and Gupshup reach the app (required)",
        kind=_ADDRESS,
        example="https://waba.example.com",
    )
    client_id: str = _setting(
        "BX24_CLIENT_ID", "client_id of the Bitrix24 app (required)", example="local.6581f0a1b2c3d4.01234567"
    )
    client_secret: str = _setting(
        "BX24_CLIENT_SECRET",
        "client_secret of the Bitrix24 app (required)",
        example="the 50 characters beside it",
        secret=True,
    )
    auth_servers: tuple[str, ...] = _setting(
        "BX24_AUTH_SERVERS",
        "OAuth hosts that may ever see the secret, comma separated",
        "https://oauth.bitrix.info,https://oauth.bitrix24.tech",
        _ADDRESSES,
    )
    gupshup_url: str = _setting("GUPSHUP_API_URL", "Gupshup's self-serve API", "https://api.gupshup.io", _ADDRESS)
    gupshup_partner_url: str = _setting(
        "GUPSHUP_PARTNER_URL", "Gupshup's partner API", "https://partner.gupshup.io", _ADDRESS
    )
    gupshup_partner_token: str = _setting(
        "GUPSHUP_PARTNER_TOKEN",
        "token of a Gupshup partner account, or its e-mail:client secret; shows balance, quality and limits of lines. "
        "Empty: they are not known",
        kind=_PARTNER,
        example="partner@example.com:the client secret",
        secret=True,
    )
    database_url: str = _setting(
        "DATABASE_URL",
        "any SQLAlchemy URL; empty: an SQLite file in DATA_DIR",
        example="postgresql+psycopg://waba24:password@localhost/waba24",
        secret=True,
    )
    redis_url: str = _setting(
        "REDIS_URL",
        "`embedded` starts a private Redis in DATA_DIR; production: redis://…",
        "embedded",
        String(validate=Regexp(r"^(embedded$|rediss?://|unix://)", error="is not `embedded` nor a redis:// address")),
        example="redis://localhost:6379/0",
        secret=True,
    )
    data_dir: Path = _setting(  # noqa: RUF009  # it returns a dataclass field
        "DATA_DIR", "everything the embedded default writes", "./var", _FOLDER
    )
    secret_keys: tuple[str, ...] = _setting(
        "SECRET_KEY",
        "Fernet key for tokens at rest and frame sessions; several, comma separated, newest first, allow rotation; "
        "made by itself with the embedded Redis, required otherwise",
        kind=_FERNET_KEYS,
        example="output of: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'",
        secret=True,
    )
    allow_http: bool = _setting(
        "ALLOW_HTTP", "1 permits http:// and loopback addresses: emulators and tests only", "0", Boolean()
    )
    log_format: str = _setting("LOG_FORMAT", "json for production", "text", String(validate=OneOf(["text", "json"])))
    log_level: str = _setting(
        "LOG_LEVEL",
        "debug, info, warning or error",
        "info",
        String(validate=OneOf(["debug", "info", "warning", "error"])),
    )
    worker_processes: int = _setting("WORKER_PROCESSES", "processes of one `python worker.py`", "1", _whole(1, 64))
    worker_threads: int = _setting("WORKER_THREADS", "messages in flight per process", "64", _whole(1, 512))
    unknown_after_s: int = _setting(
        "UNKNOWN_AFTER_S", "seconds after which an unclear send is reported as unknown", "600", _whole(1, 86400)
    )
    calls_per_minute: int = _setting(
        "CALLS_PER_MINUTE",
        "robot calls that each web process takes from one portal in a minute; those above it end as limit_reached",
        "3000",
        _whole(60, 10_000_000),
    )
    files_quota_mb: int = _setting(
        "FILES_QUOTA_MB",
        "megabytes of files that are kept for one portal, sent and received together",
        "5120",
        _whole(100, 100_000_000),
    )
    spool_mb: int = _setting(
        "SPOOL_MB",
        "megabytes of calls and webhooks that are kept in DATA_DIR while the database is away; "
        "0: none, they are refused",
        "1024",
        _whole(0, 1_000_000),
    )
    files_url: str = _setting(
        "FILES_URL",
        "s3://bucket/prefix where files are kept, if web and workers share no disk; empty: a folder in DATA_DIR",
        kind=_BUCKET,
        example="s3://waba24/files",
    )
    files_endpoint: str = _setting(
        "FILES_ENDPOINT",
        "address of the S3 service of FILES_URL; empty: Amazon's",
        kind=_ADDRESS,
        example="https://storage.yandexcloud.net",
    )
    files_region: str = _setting(
        "FILES_REGION",
        "region of the bucket",
        "us-east-1",
        String(validate=Regexp(r"^[\w-]+$", error="is not the name of a region")),
        example="ru-central1",
    )
    files_access_key: str = _setting(
        "FILES_ACCESS_KEY", "key for the bucket of FILES_URL", example="the service's key id", secret=True
    )
    files_secret_key: str = _setting(
        "FILES_SECRET_KEY", "secret of that key", example="what the service showed once", secret=True
    )
    trusted_proxies: int = _setting(
        "TRUSTED_PROXIES",
        "reverse proxies before the app, each of which adds the caller's address to X-Forwarded-For; "
        "0: callers' addresses are not told apart",
        "0",
        _whole(0, 5),
        example="1",
    )
    keep_events_days: int = _setting(
        "KEEP_EVENTS_DAYS",
        "days after which Gupshup's webhooks are deleted, once they are applied",
        "14",
        _whole(2, 3650),
    )
    keep_texts_days: int = _setting(
        "KEEP_TEXTS_DAYS",
        "days after the end of a run until its texts, and clients' replies, are wiped",
        "90",
        _whole(30, 3650),
    )
    keep_days: int = _setting(
        "KEEP_DAYS",
        "days after the end of a run until it is deleted with its message; not less than KEEP_TEXTS_DAYS",
        "400",
        _whole(30, 3650),
    )
    bind: str = _setting(
        "BIND",
        "host:port on which `make serve` listens; a reverse proxy with TLS stands before it",
        "127.0.0.1:8000",
        String(validate=Regexp(r"^[^\s:]+:\d{1,5}$", error="is not host:port")),
    )
    metrics_token: str = _setting(
        "METRICS_TOKEN", "bearer token that /metrics asks for", example="a long random word", secret=True
    )

    @property
    def is_embedded(self) -> bool:
        """Whether this process keeps its own Redis; then a missing SECRET_KEY is made and kept in DATA_DIR."""
        return self.redis_url == "embedded"


#: Attribute of `Config` → its setting.
SETTINGS: dict[str, Setting] = {item.name: item.metadata["setting"] for item in fields(Config)}
Environment = Schema.from_dict({setting.variable: setting.kind for setting in SETTINGS.values()})


def load(environ: Mapping[str, str], env_file: Path | None = None, serving: bool = False) -> Config:
    """Read and check the environment; variables in `environ` win over those of `env_file`. A blank one counts as not given.

    serving: also require what a real portal needs (PUBLIC_URL and the app's pair).
    Raises ConfigError with every problem at once.
    """
    texts = {one.variable: one.default for one in SETTINGS.values()}
    secrets = SecretFiles(one.variable for one in SETTINGS.values() if one.secret)
    for source in (dotenv_values(env_file) if env_file else {}, environ):
        given = {variable: text for variable, text in source.items() if text and text.strip()}
        texts |= {variable: text for variable, text in given.items() if variable in texts}
        secrets.find(given)
    texts |= secrets.read()
    wrong = {variable: " ".join(said) for variable, said in Environment().validate(texts).items()}
    values = Environment().load({variable: text for variable, text in texts.items() if variable not in wrong})
    config = Config(**{name: values[one.variable] for name, one in SETTINGS.items() if one.variable in values})
    wrong = {**dict(_conflicts(config, wrong)), **dict(_missing(texts, serving)), **wrong, **secrets.problems}
    if wrong:
        named = [one for one in SETTINGS.values() if one.variable in wrong]
        raise ConfigError([_sentence(one, wrong[one.variable], secrets) for one in named])
    return replace(config, database_url=config.database_url or f"sqlite:///{config.data_dir / 'waba24.db'}")


def _missing(texts: Mapping[str, str], serving: bool) -> Iterator[tuple[str, str]]:
    """Variable and problem of what must be given and is not."""
    for variable in ("PUBLIC_URL", "BX24_CLIENT_ID", "BX24_CLIENT_SECRET") if serving else ():
        if not texts[variable]:
            yield variable, "is missing."
    if texts["REDIS_URL"] != "embedded" and not texts["SECRET_KEY"]:
        yield "SECRET_KEY", "is missing; REDIS_URL is not `embedded`, so none is made."


def _conflicts(config: Config, wrong: Collection[str]) -> Iterator[tuple[str, str]]:
    """Variable and problem of what is wrong only beside another setting. wrong: variables that have their default here."""
    addresses = {
        "PUBLIC_URL": [config.public_url],
        "BX24_AUTH_SERVERS": config.auth_servers,
        "GUPSHUP_API_URL": [config.gupshup_url],
        "GUPSHUP_PARTNER_URL": [config.gupshup_partner_url],
    }
    for variable, urls in addresses.items():
        if not config.allow_http and any(urlsplit(url).scheme == "http" for url in urls):
            yield variable, "must begin with https:// (http:// only with ALLOW_HTTP=1, for emulators)."
    keys = {"FILES_ACCESS_KEY": config.files_access_key, "FILES_SECRET_KEY": config.files_secret_key}
    for variable in [name for name, key in keys.items() if config.files_url and not key]:
        yield variable, "is missing; FILES_URL names a bucket."
    if config.files_url and find_spec("obstore") is None:
        yield (
            "FILES_URL",
            "needs the Python package obstore, which is not installed: pip install 'obstore>=0.12.1,<0.13'.",
        )
    if "KEEP_TEXTS_DAYS" not in wrong and config.keep_days < config.keep_texts_days:
        texts_days = config.keep_texts_days
        yield "KEEP_DAYS", f"is less than KEEP_TEXTS_DAYS ({texts_days}): a run's texts cannot outlive the run."


def _sentence(setting: Setting, problem: str, secrets: SecretFiles) -> str:
    """The problem of a setting, or of the file that holds it."""
    name, example = setting.variable, setting.example
    if name in secrets.files:
        problem = secrets.problems.get(name) or f"the text of {secrets.files[name]} {problem}"
        name, example = secret_files.variable_of(name), secret_files.example_of(name)
    said = problem if problem.endswith(".") else f"{problem}."
    return f"{name}: {said} For example: {name}={example}"


def example_file() -> str:
    """The text of `.env.example`."""
    lines = ["# Settings of waba24. Copy to .env and fill in; an empty value means the default.", ""]
    for one in SETTINGS.values():
        lines += [f"# {one.help}", f"# example: {one.example}"]
        if one.secret:
            lines.append(f"# or {secret_files.variable_of(one.variable)}=, the path of a file that holds it")
        lines += [f"{one.variable}={one.default}", ""]
    return "\n".join(lines)
