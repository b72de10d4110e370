"""From Airflow's connections to Storykeep's settings and its Graph API client."""

from dataclasses import replace
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret
from pydantic import SecretStr

from storykeep.errors import StorykeepError
from storykeep.graph.client import GraphClient
from storykeep.settings import CONNECTIONS, FLAVOURS, Connection, Settings


class InstagramGraphHook(BaseHook):
    """The client of one app. host = API base URL, login = app id, password = app secret, extra: version and URLs."""

    conn_name_attr = "graph_conn_id"
    default_conn_name = "graph_facebook"
    conn_type = "instagram_graph"
    hook_name = "Instagram Graph API"

    def __init__(self, graph_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.graph_conn_id = graph_conn_id

    def get_conn(self) -> GraphClient:
        """The client. Raises StorykeepError when the connection lacks something, or is none of Storykeep's."""
        for flavour in FLAVOURS:
            if self.graph_conn_id == f"graph_{flavour}":
                return GraphClient(deployment().graph(flavour))
        known = " or ".join(f"graph_{flavour}" for flavour in FLAVOURS)
        raise StorykeepError(
            f"{self.graph_conn_id!r} is no connection to an app", where="graph_conn_id", remedy=f"it is {known}"
        )

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """What the connection form calls its fields."""
        return {
            "hidden_fields": ["schema", "port"],
            "relabeling": {"host": "API base URL", "login": "App id", "password": "App secret"},
            "placeholders": {"extra": '{"version": "v26.0"}'},
        }


def deployment() -> Settings:
    """The settings of this deployment: the environment, and the connections that Airflow's own store adds to it.

    Their secrets are masked in the task's log from here on.
    """
    told = Settings.from_env()
    stored = {name: found for name in CONNECTIONS if name not in told.connections and (found := _stored(name))}
    settings = replace(told, connections={**told.connections, **stored})
    passwords = [conn.password for conn in settings.connections.values()]
    for secret in (*settings.token_keys, *passwords, settings.bi_password):
        if secret and secret.get_secret_value():
            mask_secret(secret.get_secret_value())
    return settings


def _stored(name: str) -> Connection | None:
    try:
        conn = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None
    return Connection(
        host=conn.host or "",
        port=conn.port,
        login=conn.login or "",
        password=SecretStr(conn.password or ""),
        schema=conn.schema or "",
        extra=conn.extra_dejson,
    )
