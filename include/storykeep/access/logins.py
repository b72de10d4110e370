"""The logins of brands: made, given a brand and taken it away again, as the login that may create roles."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.rows import class_row
from pydantic import SecretStr

from storykeep.clock import Clock
from storykeep.errors import StorykeepError
from storykeep.migrations.logins import ensure_login
from storykeep.migrations.upgrade import BRAND_ROLE
from storykeep.settings import Settings
from storykeep.warehouse import connect

# Postgres cuts longer names off, and a login that is called otherwise than in app.brand_access sees nothing.
LONGEST_NAME = 63


@dataclass(frozen=True)
class Access:
    """A brand that a login sees. `can_log_in` is false where the server does not know the login (any more)."""

    login: str
    brand_id: str
    brand: str
    granted_at: datetime
    granted_by: str
    can_log_in: bool


@dataclass(frozen=True)
class _Role:
    can_log_in: bool
    is_mighty: bool
    member_of: list[str]


def grant(
    settings: Settings, brand_id: str, login: str, author: str, clock: Clock, password: SecretStr | None = None
) -> SecretStr | None:
    """Let `login` see a brand; it is made where it is missing. Twice changes nothing.

    Its password becomes `password`; without one, a login that cannot log in yet gets one made up, which is returned
    and is nowhere else. Raises StorykeepError for an unknown brand, a name that will not do, a login that has other
    rights than a brand's, and when the admin login may not create roles.
    """
    with _admin(settings) as conn:
        with _as_owner(conn):
            _require_brand(conn, brand_id)
        role = _role(conn, login)
        _require_brands_login(login, role)
        made_up = SecretStr(secrets.token_urlsafe(24)) if password is None and not (role and role.can_log_in) else None
        if new := password or made_up:
            ensure_login(conn, replace(settings.warehouse, user=login, password=new))
        if role is None:
            conn.execute(sql.SQL("grant {} to {}").format(sql.Identifier(BRAND_ROLE), sql.Identifier(login)))
        with _as_owner(conn):
            conn.execute(
                """
                insert into app.brand_access (login, brand_id, granted_at, granted_by) values (%s, %s, %s, %s)
                on conflict (login, brand_id) where revoked_at is null do nothing
                """,
                [login, brand_id, clock(), author],
            )
    return made_up


def revoke(settings: Settings, brand_id: str, login: str, author: str, clock: Clock) -> bool:
    """Take a brand away from a login, from its next statement on; returns whether it sees another one still.

    Without any it cannot log in any more. Raises StorykeepError when it does not see the brand.
    """
    with _admin(settings) as conn:
        with _as_owner(conn):
            taken = conn.execute(
                """
                update app.brand_access set revoked_at = %s, revoked_by = %s
                where login = %s and brand_id = %s and revoked_at is null
                """,
                [clock(), author, login, brand_id],
            )
            if not taken.rowcount:
                raise StorykeepError(
                    f"{login} does not see the brand {brand_id!r}",
                    where="brands revoke",
                    remedy="storykeep brands list shows who sees what",
                )
            left = conn.execute(
                "select from app.brand_access where login = %s and revoked_at is null limit 1", [login]
            ).rowcount
        if not left and _role(conn, login):
            conn.execute(sql.SQL("alter role {} nologin password null").format(sql.Identifier(login)))
    return bool(left)


def list_access(conn: psycopg.Connection) -> list[Access]:
    """Which login sees which brand now, by brand."""
    with conn.cursor(row_factory=class_row(Access)) as cursor:
        return cursor.execute(
            """
            select login, brand_id, brands.name as brand, granted_at, granted_by,
                coalesce(rolcanlogin, false) as can_log_in
            from app.brand_access
            join app.brands using (brand_id)
            left join pg_roles on rolname = login
            where revoked_at is null
            order by brand_id, login
            """
        ).fetchall()


@contextmanager
def _admin(settings: Settings) -> Iterator[psycopg.Connection]:
    """One transaction of the admin login."""
    try:
        with connect(settings.warehouse_admin) as conn:
            yield conn
    except psycopg.errors.InsufficientPrivilege as error:
        raise StorykeepError(
            str(error).splitlines()[0],
            where=f"Postgres login {settings.warehouse_admin.user!r}",
            remedy="set AIRFLOW_CONN_WAREHOUSE_ADMIN to the login that storykeep db upgrade runs as",
        ) from None


@contextmanager
def _as_owner(conn: psycopg.Connection) -> Iterator[None]:
    conn.execute("set local role storykeep_owner")
    yield
    conn.execute("set local role none")


def _role(conn: psycopg.Connection, login: str) -> _Role | None:
    with conn.cursor(row_factory=class_row(_Role)) as cursor:
        return cursor.execute(
            """
            select
                rolcanlogin as can_log_in,
                rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication as is_mighty,
                array(
                    select granted.rolname::text
                    from pg_auth_members
                    join pg_roles as granted on granted.oid = roleid
                    where member = pg_roles.oid
                ) as member_of
            from pg_roles
            where rolname = %s
            """,
            [login],
        ).fetchone()


def _require_brands_login(login: str, role: _Role | None) -> None:
    """Refuse a login whose other rights would show it more than its brands."""
    if not login or len(login.encode()) > LONGEST_NAME or not login.isprintable():
        raise StorykeepError(
            f"{login!r} is no name for a login", where="--login", remedy=f"take 1 to {LONGEST_NAME} letters or digits"
        )
    if role and (role.is_mighty or role.member_of != [BRAND_ROLE]):
        raise StorykeepError(
            f"{login} is there already, and not as the login of a brand: it may see more than its brand",
            where="--login",
            remedy="take a new name; the login is made for you",
        )


def _require_brand(conn: psycopg.Connection, brand_id: str) -> None:
    known = [known for (known,) in conn.execute("select brand_id from app.brands order by brand_id")]
    if brand_id not in known:
        raise StorykeepError(
            f"there is no brand {brand_id!r}",
            where="brands grant",
            remedy=f"give one of these ids: {', '.join(known) or 'there are none yet'}",
        )
