"""The settings: the only place that reads the environment.

Connections use Airflow's own variables (`AIRFLOW_CONN_<ID>`, as a URI or as JSON), so that the console
script and the DAGs are configured in one place. Every tunable has its default here.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from storykeep.errors import StorykeepError

Flavour = Literal["facebook", "instagram"]
FLAVOURS: tuple[Flavour, ...] = get_args(Flavour)
# The Airflow connections that Storykeep reads.
CONNECTIONS = ("warehouse", "warehouse_admin", *(f"graph_{flavour}" for flavour in FLAVOURS))

GRAPH_VERSION = "v26.0"
GRAPH_HOSTS: dict[Flavour, str] = {
    "facebook": "https://graph.facebook.com",
    "instagram": "https://graph.instagram.com",
}
DIALOG_URLS: dict[Flavour, str] = {
    "facebook": f"https://www.facebook.com/{GRAPH_VERSION}/dialog/oauth",
    "instagram": "https://www.instagram.com/oauth/authorize",
}
TOKEN_URLS: dict[Flavour, str] = {
    "facebook": f"https://graph.facebook.com/{GRAPH_VERSION}/oauth/access_token",
    "instagram": "https://api.instagram.com/oauth/access_token",
}
# The last minutes of a story in which every tick reads it.
LONGEST_TICK_SECONDS = 600
LEAST_RETENTION_DAYS = 3
# What a warehouse connection may ask of libpq beyond address and login.
TLS = ("sslmode", "sslrootcert")
# The hosts that story media come from: https://scontent-*.cdninstagram.com, profile pictures *.fbcdn.net.
MEDIA_HOSTS = "cdninstagram.com,fbcdn.net"
# Up to 11 days, in seconds.
POSITIVE = re.compile("0*[1-9][0-9]{0,5}")
# Up to 27 years, in days.
PURGING = re.compile(r"matched_then_purge\(\s*0*([1-9][0-9]{0,3})\s*\)")
PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Connection:
    """The parts of one Airflow connection, however it was written."""

    host: str = ""
    port: int | None = None
    login: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    schema: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PostgresSettings:
    """Where a Postgres database is and who logs in; `tls` as libpq names it (sslmode, sslrootcert)."""

    host: str
    port: int
    user: str
    password: SecretStr
    database: str
    tls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GraphSettings:
    """One app at one login flavour: where its API is and how the app proves itself."""

    flavour: Flavour
    base_url: str
    version: str
    app_id: str
    app_secret: SecretStr
    dialog_url: str
    token_url: str


@dataclass(frozen=True)
class Keep:
    """Which stories are kept: of all accounts that consented, or those only that count for a campaign.

    With `matched_only` no other story reaches a mart. With `purge_after`, what was captured of it is deleted that long
    after its expiry.
    """

    matched_only: bool = False
    purge_after: timedelta | None = None


@dataclass(frozen=True)
class Settings:
    """Everything that Storykeep can be told from outside."""

    connections: Mapping[str, Connection]
    token_keys: tuple[SecretStr, ...] = ()
    bi_password: SecretStr | None = None
    work_dir: Path = PROJECT / ".storykeep"
    media_root: str = str(PROJECT / ".storykeep" / "media")
    media_hosts: tuple[str, ...] = tuple(MEDIA_HOSTS.split(","))
    dbt_dir: Path = PROJECT / "dbt"
    tick: timedelta = timedelta(seconds=300)
    list_every: timedelta = timedelta(minutes=15)
    shards: int = 2
    keep: Keep = Keep()
    entry_approval: bool = True
    retention_days: int | None = None
    alert_connections: tuple[str, ...] = ()
    alert_to: tuple[str, ...] = ()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from the environment. Raises StorykeepError naming the setting that cannot be read."""
        env = os.environ if environ is None else environ
        told = {name: env[name] for name in env if name.startswith("STORYKEEP_") and env[name].strip()}
        work_dir = Path(told.get("STORYKEEP_WORK_DIR", cls.work_dir))
        return cls(
            connections=_connections(env),
            token_keys=tuple(SecretStr(key.strip()) for key in _listed(told.get("STORYKEEP_TOKEN_KEYS", ""))),
            bi_password=SecretStr(told["STORYKEEP_BI_PASSWORD"]) if "STORYKEEP_BI_PASSWORD" in told else None,
            work_dir=work_dir,
            media_root=told.get("STORYKEEP_MEDIA_ROOT", str(work_dir / "media")),
            media_hosts=_listed(told.get("STORYKEEP_MEDIA_HOSTS", MEDIA_HOSTS)),
            dbt_dir=Path(told.get("STORYKEEP_DBT_DIR", cls.dbt_dir)),
            tick=_tick(told),
            list_every=timedelta(seconds=_positive(told, "STORYKEEP_LIST_SECONDS", 900)),
            shards=_positive(told, "STORYKEEP_SHARDS", cls.shards),
            keep=_keep(told.get("STORYKEEP_KEEP", "all").strip()),
            entry_approval=_required(told, "STORYKEEP_ENTRY_APPROVAL"),
            retention_days=_retention_days(told),
            alert_connections=_listed(told.get("STORYKEEP_ALERT_CONNECTIONS", "")),
            alert_to=_listed(told.get("STORYKEEP_ALERT_TO", "")),
        )

    @property
    def warehouse(self) -> PostgresSettings:
        """The warehouse database, as the login that takes on the runtime roles."""
        return _postgres("warehouse", self._connection("warehouse"))

    @property
    def warehouse_admin(self) -> PostgresSettings:
        """The warehouse as a login that may create roles; the warehouse login where none is set."""
        name = "warehouse_admin" if "warehouse_admin" in self.connections else "warehouse"
        return _postgres(name, self._connection(name))

    def has_graph(self, flavour: Flavour) -> bool:
        """Whether the app of this login flavour is set up; `{}` says that it is not used."""
        connection = self.connections.get(f"graph_{flavour}")
        return connection is not None and bool(connection.login)

    def graph(self, flavour: Flavour) -> GraphSettings:
        """The app and API of one login flavour. Raises StorykeepError when it is not set up."""
        name = f"graph_{flavour}"
        conn = self._connection(name)
        if not conn.login or not conn.password.get_secret_value():
            raise StorykeepError(
                "no app id or app secret",
                where=_variable(name),
                remedy="set login to the app id and password to the app secret",
            )
        base_url = _base_url(name, conn, GRAPH_HOSTS[flavour])
        return GraphSettings(
            flavour=flavour,
            base_url=base_url,
            version=str(conn.extra.get("version", GRAPH_VERSION)),
            app_id=conn.login,
            app_secret=conn.password,
            dialog_url=_helper_url(conn, "dialog_url", base_url, GRAPH_HOSTS[flavour], DIALOG_URLS[flavour]),
            token_url=_helper_url(conn, "token_url", base_url, GRAPH_HOSTS[flavour], TOKEN_URLS[flavour]),
        )

    def _connection(self, name: str) -> Connection:
        try:
            return self.connections[name]
        except KeyError:
            raise StorykeepError(
                f"the connection {name!r} is not set",
                where=_variable(name),
                remedy="set the variable (.env.example shows how) or add the connection in Airflow",
            ) from None


def parse_connection(name: str, text: str) -> Connection:
    """Read one Airflow connection from its URI or JSON form. Raises StorykeepError naming the variable."""
    try:
        return _from_json(text) if text.lstrip().startswith("{") else _from_uri(text)
    except (ValueError, TypeError, AttributeError):
        # The text holds a password: neither it nor the parser's message, which may quote it, is shown.
        raise StorykeepError(
            "this connection cannot be read",
            where=_variable(name),
            remedy='write a URI (postgres://user:password@host:5432/database) or JSON ({"host": ..., "login": ...})',
        ) from None


def _connections(env: Mapping[str, str]) -> dict[str, Connection]:
    return {name: parse_connection(name, env[_variable(name)]) for name in CONNECTIONS if env.get(_variable(name))}


def _variable(name: str) -> str:
    return f"AIRFLOW_CONN_{name.upper()}"


def _from_json(text: str) -> Connection:
    parts = json.loads(text)
    extra = parts.get("extra") or {}
    return Connection(
        host=str(parts.get("host") or ""),
        port=int(parts["port"]) if parts.get("port") else None,
        login=str(parts.get("login") or ""),
        password=SecretStr(str(parts.get("password") or "")),
        schema=str(parts.get("schema") or ""),
        extra=dict(json.loads(extra) if isinstance(extra, str) else extra),
    )


def _from_uri(text: str) -> Connection:
    url = urlsplit(text.strip())
    if not url.scheme or not url.hostname:
        raise ValueError("no scheme or no host")
    return Connection(
        host=unquote(url.hostname),
        port=url.port,
        login=unquote(url.username or ""),
        password=SecretStr(unquote(url.password or "")),
        schema=unquote(url.path.lstrip("/")),
        extra=dict(parse_qsl(url.query)),
    )


def _postgres(name: str, conn: Connection) -> PostgresSettings:
    missing = [part for part in ("host", "login", "schema") if not getattr(conn, part)]
    if missing:
        raise StorykeepError(
            f"this connection lacks its {' and '.join(missing)}",
            where=_variable(name),
            remedy="write it like postgres://user:password@host:5432/warehouse",
        )
    if unknown := conn.extra.keys() - TLS:
        raise StorykeepError(
            f"this connection asks for {', '.join(sorted(unknown))}, which is not understood",
            where=_variable(name),
            remedy=f"leave it out; what is understood is {' and '.join(TLS)}",
        )
    tls = {option: str(value) for option, value in conn.extra.items()}
    return PostgresSettings(conn.host, conn.port or 5432, conn.login, conn.password, conn.schema, tls)


def _base_url(name: str, conn: Connection, default: str) -> str:
    if not conn.host:
        return default
    url = conn.host.rstrip("/") if "://" in conn.host else f"https://{conn.host}"
    try:
        parts = urlsplit(url)
        has_port = parts.port is not None
    except ValueError:
        parts, has_port = urlsplit(""), False
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StorykeepError(
            "host is not an http or https address", where=_variable(name), remedy=f"write it like {default}"
        )
    return f"{url}:{conn.port}" if conn.port and not has_port else url


def _helper_url(conn: Connection, name: str, base_url: str, host: str, url: str) -> str:
    """Where the sign-in has a step: as told, or where Meta has it; another host than Meta's has its own."""
    return str(conn.extra.get(name) or (url if base_url == host else f"{base_url}{urlsplit(url).path}"))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _tick(told: Mapping[str, str]) -> timedelta:
    seconds = _positive(told, "STORYKEEP_TICK_SECONDS", 300)
    if seconds > LONGEST_TICK_SECONDS:
        raise StorykeepError(
            f"{seconds} is too long: stories would expire between two ticks without a last reading",
            where="STORYKEEP_TICK_SECONDS",
            remedy=f"at most {LONGEST_TICK_SECONDS}; the default is 300",
        )
    return timedelta(seconds=seconds)


def _keep(text: str) -> Keep:
    if text in ("all", "matched"):
        return Keep(matched_only=text == "matched")
    if purging := PURGING.fullmatch(text):
        return Keep(matched_only=True, purge_after=timedelta(days=int(purging[1])))
    raise StorykeepError(
        f"{text!r} is no policy",
        where="STORYKEEP_KEEP",
        remedy="write all, matched or matched_then_purge(DAYS), with DAYS from 1 to 9999; the default is all",
    )


def _required(told: Mapping[str, str], name: str) -> bool:
    text = told.get(name, "required").strip()
    if text not in ("required", "off"):
        raise StorykeepError(f"{text!r} is neither required nor off", where=name, remedy="the default is required")
    return text == "required"


def _retention_days(told: Mapping[str, str]) -> int | None:
    text = told.get("STORYKEEP_RETENTION_DAYS")
    if text is not None and not (POSITIVE.fullmatch(text.strip()) and int(text) >= LEAST_RETENTION_DAYS):
        raise StorykeepError(
            f"{text!r} is no whole number of days from {LEAST_RETENTION_DAYS} on: a story lives for one day, and its"
            " last numbers have to be built before its replies are dropped",
            where="STORYKEEP_RETENTION_DAYS",
            remedy="leave it empty to keep every reply for good",
        )
    return None if text is None else int(text)


def _positive(told: Mapping[str, str], name: str, default: int) -> int:
    text = told.get(name, str(default)).strip()
    if not POSITIVE.fullmatch(text):
        raise StorykeepError(f"{text!r} is not a positive whole number", where=name, remedy=f"the default is {default}")
    return int(text)
