"""Makes the login and the database of Airflow's metadata, for the deployment's init service.

`airflow db migrate` wants both to be there. What they are called, and the password, is read from Airflow's own
setting; they are made by the admin login of the warehouse, which is on the same server.
"""

import os
import sys
from collections.abc import Mapping

import sqlalchemy as sa
from pydantic import SecretStr

from storykeep.errors import StorykeepError
from storykeep.local.logins import ensure_airflow
from storykeep.settings import PostgresSettings, Settings

VARIABLE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"


def airflow_login(environ: Mapping[str, str]) -> PostgresSettings:
    """The login that Airflow is told to use. Raises StorykeepError when there is none or it is not Postgres."""
    try:
        url = sa.make_url(environ.get(VARIABLE, ""))
        complete = url.get_backend_name() == "postgresql" and url.host and url.username and url.password
    except sa.exc.ArgumentError:
        complete = None
    if not complete or not url.database:
        raise StorykeepError(
            "is not the address of a Postgres database",
            where=VARIABLE,
            remedy="write it like postgresql+psycopg2://airflow:password@host:5432/airflow",
        )
    return PostgresSettings(
        str(url.host), url.port or 5432, str(url.username), SecretStr(str(url.password)), url.database
    )


def main() -> int:
    """Make what is missing; exit status 1 with one message if that fails."""
    try:
        # Airflow's variable is not one of our settings, and this is a program of its own: it reads the environment.
        ensure_airflow(Settings.from_env(os.environ).warehouse_admin, airflow_login(os.environ))
    except StorykeepError as error:
        print(f"storykeep: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
