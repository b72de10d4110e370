"""What the marts show of one account."""

from dataclasses import dataclass

import psycopg
from psycopg import sql


@dataclass(frozen=True)
class Mart:
    """A mart that has rows of accounts, by the account itself or by its stories."""

    name: str
    by: str

    def of_account(self) -> sql.Composed:
        """The condition for its rows of the account that is the one parameter."""
        if self.by == "account_id":
            return sql.SQL("{} = %s").format(sql.Identifier(self.by))
        return sql.SQL("story_id in (select story_id from marts.fct_stories where account_id = %s)").format()


def marts(conn: psycopg.Connection) -> list[Mart]:
    """Those that are published and have a column for the account, or for the story, in the order of their names."""
    rows = conn.execute(
        """
        select relname, min(attname)
        from pg_class join pg_attribute on attrelid = pg_class.oid
        where relnamespace = 'marts'::regnamespace and relkind = 'r' and not attisdropped
            and attname in ('account_id', 'story_id')
        group by relname
        order by relname
        """
    )
    return [Mart(name, by) for name, by in rows]


def shown(conn: psycopg.Connection, account_id: str) -> dict[str, int]:
    """How many rows each mart has of the account."""
    found = {}
    for mart in marts(conn):
        query = sql.SQL("select count(*) from marts.{} where ").format(sql.Identifier(mart.name)) + mart.of_account()
        ((found[mart.name],),) = conn.execute(query, [account_id]).fetchall()
    return found
