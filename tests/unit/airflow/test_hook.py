"""From Airflow's connections to settings, and no secret on the way."""

from collections.abc import Callable

import pytest

from storykeep.errors import StorykeepError
from storykeep.settings import GRAPH_HOSTS

APP = {"conn_type": "instagram_graph", "login": "4711", "password": "secret-of-the-store"}
WAREHOUSE = "postgres://warehouse:secret-of-the-uri@127.0.0.1:5444/warehouse"
FACEBOOK = '{"conn_type": "instagram_graph", "login": "815", "password": "secret-of-the-json"}'


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", WAREHOUSE)
    monkeypatch.setenv("AIRFLOW_CONN_GRAPH_FACEBOOK", FACEBOOK)


def test_connections_of_the_environment_become_settings(environ: None) -> None:
    from storykeep.airflow.hook import deployment

    settings = deployment()
    assert settings.connections.keys() == {"warehouse", "graph_facebook"}
    assert (settings.warehouse.host, settings.warehouse.port) == ("127.0.0.1", 5444)
    assert (settings.warehouse.user, settings.warehouse.database) == ("warehouse", "warehouse")
    assert settings.warehouse.password.get_secret_value() == "secret-of-the-uri"
    assert settings.graph("facebook").app_secret.get_secret_value() == "secret-of-the-json"


def test_airflows_own_store_adds_what_the_environment_lacks(environ: None, store: Callable[..., None]) -> None:
    from storykeep.airflow.hook import deployment

    there = {"host": "http://127.0.0.1", "port": 8001, "extra": {"version": "v99.0"}}
    store(graph_instagram=APP | there, graph_facebook=APP)
    settings = deployment()
    assert settings.connections.keys() == {"warehouse", "graph_facebook", "graph_instagram"}
    instagram = settings.graph("instagram")
    assert (instagram.base_url, instagram.version, instagram.app_id) == ("http://127.0.0.1:8001", "v99.0", "4711")
    assert instagram.app_secret.get_secret_value() == "secret-of-the-store"
    assert settings.graph("facebook").app_id == "815", "the environment wins"


def test_a_connection_that_cannot_be_read_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from storykeep.airflow.hook import deployment

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", '{"host": "127.0.0.1", "password": "secret-of-the-json"')
    with pytest.raises(StorykeepError, match=r"^AIRFLOW_CONN_WAREHOUSE: this connection cannot be read -> ") as raised:
        deployment()
    assert "secret-of-the-json" not in str(raised.value)


def test_every_secret_is_masked_in_logs(
    environ: None, store: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.log import redact

    from storykeep.airflow.hook import deployment

    store(graph_instagram=APP)
    monkeypatch.setenv("STORYKEEP_TOKEN_KEYS", "first-key-of-the-vault,second-key-of-the-vault")
    monkeypatch.setenv("STORYKEEP_BI_PASSWORD", "secret-of-the-analysts")
    secrets = [
        "secret-of-the-uri",
        "secret-of-the-json",
        "secret-of-the-store",
        "first-key-of-the-vault",
        "second-key-of-the-vault",
        "secret-of-the-analysts",
    ]
    deployment()
    assert [secret for secret in secrets if secret in str(redact(f"a line with {secret} in it"))] == []


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
def test_the_hook_gives_the_client_of_its_app(store: Callable[..., None], flavour: str) -> None:
    from storykeep.airflow.hook import InstagramGraphHook

    store(**{f"graph_{flavour}": APP | {"host": f"http://{flavour}.test"}})
    client = InstagramGraphHook(f"graph_{flavour}").get_conn()
    assert (client.api.flavour, client.api.base_url) == (flavour, f"http://{flavour}.test")
    assert f"http://{flavour}.test" not in GRAPH_HOSTS.values()


def test_a_hook_without_its_connection_says_which_is_missing() -> None:
    from storykeep.airflow.hook import InstagramGraphHook

    with pytest.raises(StorykeepError, match=r"^AIRFLOW_CONN_GRAPH_FACEBOOK: the connection 'graph_facebook' is not"):
        InstagramGraphHook().get_conn()


def test_a_hook_for_something_else_says_what_it_takes() -> None:
    from storykeep.airflow.hook import InstagramGraphHook

    with pytest.raises(StorykeepError, match="'warehouse' is no connection to an app -> it is graph_facebook or graph"):
        InstagramGraphHook("warehouse").get_conn()
