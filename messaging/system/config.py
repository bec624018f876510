"""The environment, read once, typed and checked at start.

Every variable of the public contract is one field here; `.env.example` is written from these fields and a test compares
the two. A wrong value never stops the check half-way: all problems are reported together, each with an example.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from dotenv import dotenv_values
from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate

KEY_FILE = "secret.key"


class ConfigError(Exception):
    """Everything that is missing or wrong. `problems`: one sentence each, naming the variable and an example."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Config:
    """The checked settings of one process. Times in seconds."""

    public_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    auth_servers: tuple[str, ...] = ("https://oauth.bitrix.info", "https://oauth.bitrix24.tech")
    gupshup_url: str = "https://api.gupshup.io"
    gupshup_partner_url: str = "https://partner.gupshup.io"
    database_url: str = field(default="", repr=False)
    redis_url: str = field(default="embedded", repr=False)
    data_dir: Path = Path("var")
    secret_keys: tuple[str, ...] = field(default=(), repr=False)
    allow_http: bool = False
    log_format: str = "text"
    log_level: str = "info"
    worker_processes: int = 1
    worker_threads: int = 64
    unknown_after_s: int = 600
    keep_events_days: int = 14
    keep_texts_days: int = 90
    keep_days: int = 400
    bind: str = "127.0.0.1:8000"
    metrics_token: str = field(default="", repr=False)

    @property
    def is_embedded(self) -> bool:
        """Whether this process keeps its own Redis; then a missing SECRET_KEY is made and kept in DATA_DIR."""
        return self.redis_url == "embedded"


def _https(value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValidationError("is not an address with http:// or https://")
    if parts.query or parts.fragment:
        raise ValidationError("must not carry a query or a fragment")


def _fernet_keys(value: str) -> None:
    for key in value.split(","):
        try:
            Fernet(key.strip())
        except (ValueError, TypeError):
            raise ValidationError("is not 32 bytes in url-safe base64 (a Fernet key)") from None


def _hosts(value: str) -> None:
    for url in value.split(","):
        _https(url.strip())


def _var(cls: type[fields.Field[Any]], help: str, example: str, **kwargs: Any) -> Any:
    return cls(metadata={"help": help, "example": example}, **kwargs)


class Environment(Schema):
    """One field per variable; `help` and `example` go to `.env.example` and into error messages."""

    class Meta:
        unknown = EXCLUDE

    PUBLIC_URL = _var(
        fields.String,
        "https address under which Bitrix24 and Gupshup reach the app (required)",
        "https://waba.example.com",
        load_default="",
        validate=_https,
    )
    BX24_CLIENT_ID = _var(
        fields.String, "client_id of the Bitrix24 app (required)", "local.6581f0a1b2c3d4.01234567", load_default=""
    )
    BX24_CLIENT_SECRET = _var(
        fields.String, "client_secret of the Bitrix24 app (required)", "the 50 characters beside it", load_default=""
    )
    BX24_AUTH_SERVERS = _var(
        fields.String,
        "OAuth hosts that may ever see the secret, comma separated",
        "https://oauth.bitrix.info,https://oauth.bitrix24.tech",
        load_default="https://oauth.bitrix.info,https://oauth.bitrix24.tech",
        validate=_hosts,
    )
    GUPSHUP_API_URL = _var(
        fields.String,
        "Gupshup's self-serve API",
        "https://api.gupshup.io",
        load_default="https://api.gupshup.io",
        validate=_https,
    )
    GUPSHUP_PARTNER_URL = _var(
        fields.String,
        "Gupshup's partner API",
        "https://partner.gupshup.io",
        load_default="https://partner.gupshup.io",
        validate=_https,
    )
    DATABASE_URL = _var(
        fields.String,
        "any SQLAlchemy URL; empty: an SQLite file in DATA_DIR",
        "postgresql+psycopg://waba24:password@localhost/waba24",
        load_default="",
    )
    REDIS_URL = _var(
        fields.String,
        "`embedded` starts a private Redis in DATA_DIR; production: redis://…",
        "redis://localhost:6379/0",
        load_default="embedded",
        validate=validate.Regexp(r"^(embedded$|rediss?://|unix://)", error="is not `embedded` nor a redis:// address"),
    )
    DATA_DIR = _var(fields.String, "everything the embedded default writes", "./var", load_default="./var")
    SECRET_KEY = _var(
        fields.String,
        "Fernet key for tokens at rest and frame sessions; several, comma separated, newest first, allow rotation; "
        "made by itself with the embedded Redis, required otherwise",
        "output of: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'",
        load_default="",
        validate=_fernet_keys,
    )
    ALLOW_HTTP = _var(
        fields.Boolean,
        "1 permits http:// and loopback addresses: emulators and tests only",
        "0",
        load_default=False,
    )
    LOG_FORMAT = _var(
        fields.String,
        "json for production",
        "text",
        load_default="text",
        validate=validate.OneOf(["text", "json"]),
    )
    LOG_LEVEL = _var(
        fields.String,
        "debug, info, warning or error",
        "info",
        load_default="info",
        validate=validate.OneOf(["debug", "info", "warning", "error"]),
    )
    WORKER_PROCESSES = _var(
        fields.Integer,
        "processes of one `python worker.py`",
        "1",
        load_default=1,
        validate=validate.Range(1, 64),
    )
    WORKER_THREADS = _var(
        fields.Integer,
        "messages in flight per process",
        "64",
        load_default=64,
        validate=validate.Range(1, 512),
    )
    UNKNOWN_AFTER_S = _var(
        fields.Integer,
        "seconds after which an unclear send is reported as unknown",
        "600",
        load_default=600,
        validate=validate.Range(1, 86400),
    )
    KEEP_EVENTS_DAYS = _var(
        fields.Integer,
        "days after which Gupshup's webhooks are deleted, once they are applied",
        "14",
        load_default=14,
        validate=validate.Range(2, 3650),
    )
    KEEP_TEXTS_DAYS = _var(
        fields.Integer,
        "days after the end of a run until its texts, and clients' replies, are wiped",
        "90",
        load_default=90,
        validate=validate.Range(30, 3650),
    )
    KEEP_DAYS = _var(
        fields.Integer,
        "days after the end of a run until it is deleted with its message; not less than KEEP_TEXTS_DAYS",
        "400",
        load_default=400,
        validate=validate.Range(30, 3650),
    )
    BIND = _var(
        fields.String,
        "host:port on which `make serve` listens; a reverse proxy with TLS stands before it",
        "127.0.0.1:8000",
        load_default="127.0.0.1:8000",
        validate=validate.Regexp(r"^[^\s:]+:\d{1,5}$", error="is not host:port"),
    )
    METRICS_TOKEN = _var(fields.String, "bearer token that /metrics asks for", "a long random word", load_default="")

    @post_load
    def build(self, data: dict[str, Any], **_: object) -> Config:
        data_dir = Path(data["DATA_DIR"]).absolute()
        return Config(
            public_url=data["PUBLIC_URL"].rstrip("/"),
            client_id=data["BX24_CLIENT_ID"],
            client_secret=data["BX24_CLIENT_SECRET"],
            auth_servers=tuple(url.strip().rstrip("/") for url in data["BX24_AUTH_SERVERS"].split(",")),
            gupshup_url=data["GUPSHUP_API_URL"].rstrip("/"),
            gupshup_partner_url=data["GUPSHUP_PARTNER_URL"].rstrip("/"),
            database_url=data["DATABASE_URL"] or f"sqlite:///{data_dir / 'waba24.db'}",
            redis_url=data["REDIS_URL"],
            data_dir=data_dir,
            secret_keys=tuple(key.strip() for key in data["SECRET_KEY"].split(",") if key.strip()),
            allow_http=data["ALLOW_HTTP"],
            log_format=data["LOG_FORMAT"],
            log_level=data["LOG_LEVEL"],
            worker_processes=data["WORKER_PROCESSES"],
            worker_threads=data["WORKER_THREADS"],
            unknown_after_s=data["UNKNOWN_AFTER_S"],
            keep_events_days=data["KEEP_EVENTS_DAYS"],
            keep_texts_days=data["KEEP_TEXTS_DAYS"],
            keep_days=data["KEEP_DAYS"],
            bind=data["BIND"],
            metrics_token=data["METRICS_TOKEN"],
        )


def load(environ: Mapping[str, str], env_file: Path | None = None, serving: bool = False) -> Config:
    """Read and check the environment; variables in `environ` win over those of `env_file`.

    serving: also require what a real portal needs (PUBLIC_URL and the app's pair).
    Raises ConfigError with every problem at once.
    """
    values = {key: value for key, value in (dotenv_values(env_file) if env_file else {}).items() if value}
    values |= {key: value for key, value in environ.items() if key in Environment._declared_fields and value.strip()}
    schema = Environment()
    errors = schema.validate(values)
    problems = {name: " ".join(texts) for name, texts in errors.items()}
    for name, text in [*_insecure(values), *_missing(values, serving), *_too_short(values)]:
        problems.setdefault(name, text)
    if problems:
        raise ConfigError([_problem(schema, name, problems[name]) for name in schema.fields if name in problems])
    config: Config = schema.load(values)
    return config


def _missing(values: Mapping[str, str], serving: bool) -> Iterator[tuple[str, str]]:
    if serving:
        for name in ("PUBLIC_URL", "BX24_CLIENT_ID", "BX24_CLIENT_SECRET"):
            if not values.get(name):
                yield name, "is missing."
    if values.get("REDIS_URL", "embedded") != "embedded" and not values.get("SECRET_KEY"):
        yield "SECRET_KEY", "is missing; REDIS_URL is not `embedded`, so none is made."


def _insecure(values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if values.get("ALLOW_HTTP", "").lower() in fields.Boolean.truthy:
        return
    for name in ("PUBLIC_URL", "BX24_AUTH_SERVERS", "GUPSHUP_API_URL", "GUPSHUP_PARTNER_URL"):
        if any(url.strip().startswith("http://") for url in values.get(name, "").split(",")):
            yield name, "must begin with https:// (http:// only with ALLOW_HTTP=1, for emulators)."


def _too_short(values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    days = [values.get(name, default) for name, default in (("KEEP_DAYS", "400"), ("KEEP_TEXTS_DAYS", "90"))]
    if all(text.strip().isdecimal() for text in days) and int(days[0]) < int(days[1]):
        yield "KEEP_DAYS", f"is less than KEEP_TEXTS_DAYS ({days[1]}): a run's texts cannot outlive the run."


def _problem(schema: Schema, name: str, text: str) -> str:
    example = schema.fields[name].metadata["example"]
    shown = text if text.endswith(".") else f"{text}."
    return f"{name}: {shown} For example: {name}={example}"


def example_file() -> str:
    """The text of `.env.example`."""
    lines = ["# Settings of waba24. Copy to .env and fill in; an empty value means the default.", ""]
    for name, item in Environment().fields.items():
        default = "" if item.load_default in ("", None) else str(item.load_default)
        default = {"True": "1", "False": "0"}.get(default, default)
        lines += [f"# {item.metadata['help']}", f"# example: {item.metadata['example']}", f"{name}={default}", ""]
    return "\n".join(lines)
