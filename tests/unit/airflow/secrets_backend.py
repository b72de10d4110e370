"""A store of connections for Airflow to ask, which tests can fill."""

from typing import ClassVar

from airflow.sdk.bases.secrets_backend import BaseSecretsBackend


class Store(BaseSecretsBackend):
    """What it holds belongs to the class: Airflow makes one object of it and keeps that for the whole process."""

    connections: ClassVar[dict[str, str]] = {}

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        return self.connections.get(conn_id)
