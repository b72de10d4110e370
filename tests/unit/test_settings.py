"""What the environment may say, in which forms, and what a person reads when it says it wrongly."""

from datetime import timedelta
from pathlib import Path

import pytest

from storykeep.errors import StorykeepError
from storykeep.settings import (
    DIALOG_URLS,
    FLAVOURS,
    GRAPH_HOSTS,
    GRAPH_VERSION,
    TOKEN_URLS,
    Flavour,
    GraphSettings,
    Keep,
    Settings,
    parse_connection,
)

SECRET = "marker-s3cr3t"
WAREHOUSE = f"postgres://warehouse:{SECRET}@db.example:5433/warehouse"


def told(**variables: str) -> Settings:
    return Settings.from_env(variables)


def graph(connection: str) -> Settings:
    return told(AIRFLOW_CONN_GRAPH_FACEBOOK=connection)


@pytest.mark.parametrize(
    "text",
    [
        "postgres://warehouse:p%40ss%2Fw%3Ard@db.example:5433/ware%20house?sslmode=require",
        " postgresql://warehouse:p%40ss%2Fw%3Ard@db.example:5433/ware%20house?sslmode=require\n",
        '{"conn_type": "postgres", "host": "db.example", "port": 5433, "login": "warehouse", "password": "p@ss/w:rd",'
        ' "schema": "ware house", "extra": {"sslmode": "require"}}',
        '{"host": "db.example", "port": "5433", "login": "warehouse", "password": "p@ss/w:rd",'
        ' "schema": "ware house", "extra": "{\\"sslmode\\": \\"require\\"}"}',
    ],
    ids=["uri", "uri with space around", "json", "json with text in it"],
)
def test_a_connection_reads_the_same_in_every_form(text: str) -> None:
    conn = parse_connection("warehouse", text)
    assert (conn.host, conn.port, conn.login, conn.schema) == ("db.example", 5433, "warehouse", "ware house")
    assert conn.password.get_secret_value() == "p@ss/w:rd"
    assert conn.extra == {"sslmode": "require"}


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"postgres:warehouse:{SECRET}",
        f"postgres://warehouse:{SECRET}@db.example:port/warehouse",
        f"postgres://warehouse:{SECRET}@db.example:99999/warehouse",
        f"postgres://warehouse:{SECRET}[@db.example/warehouse",
        f"postgres://warehouse:{SECRET}/{SECRET}@db.example/warehouse",
        f'{{"host": "db.example", "password": "{SECRET}"',
        f'{{"host": "db.example", "password": "{SECRET}", "port": "{SECRET}"}}',
        f'{{"host": "db.example", "password": "{SECRET}", "extra": "{SECRET}"}}',
        f'{{"host": "db.example", "password": "{SECRET}", "extra": "[1]"}}',
        f'{{"host": "db.example", "password": "{SECRET}", "extra": 7}}',
        f'["db.example", "{SECRET}"]',
    ],
)
def test_a_malformed_connection_is_named_and_never_shown(text: str) -> None:
    with pytest.raises(StorykeepError) as raised:
        told(AIRFLOW_CONN_WAREHOUSE=text)
    assert str(raised.value).startswith("AIRFLOW_CONN_WAREHOUSE: this connection cannot be read -> write a URI ")
    assert SECRET not in f"{raised.value!r} {raised.value.__cause__!r}"
    assert raised.value.__suppress_context__


def test_a_connection_that_is_missing_is_named_with_what_to_do() -> None:
    with pytest.raises(StorykeepError) as raised:
        _ = told().warehouse
    assert str(raised.value) == (
        "AIRFLOW_CONN_WAREHOUSE: the connection 'warehouse' is not set"
        " -> set the variable (.env.example shows how) or add the connection in Airflow"
    )


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("postgres://db.example", "login and schema"),
        (f"postgres://warehouse:{SECRET}@db.example", "schema"),
        (f"postgres://:{SECRET}@db.example/warehouse", "login"),
        (f'{{"login": "warehouse", "schema": "warehouse", "password": "{SECRET}"}}', "host"),
    ],
)
def test_a_warehouse_that_lacks_something_says_what(text: str, missing: str) -> None:
    with pytest.raises(StorykeepError, match=f"^AIRFLOW_CONN_WAREHOUSE: this connection lacks its {missing} -> ") as no:
        _ = told(AIRFLOW_CONN_WAREHOUSE=text).warehouse
    assert SECRET not in str(no.value)


def test_the_usual_port_is_the_default() -> None:
    assert told(AIRFLOW_CONN_WAREHOUSE="postgres://u:p@h/w").warehouse.port == 5432


def test_the_admin_is_the_warehouse_login_where_none_is_set() -> None:
    settings = told(AIRFLOW_CONN_WAREHOUSE=WAREHOUSE)
    assert settings.warehouse_admin == settings.warehouse
    with_admin = told(AIRFLOW_CONN_WAREHOUSE=WAREHOUSE, AIRFLOW_CONN_WAREHOUSE_ADMIN="postgres://boss:pw@h/w")
    assert (with_admin.warehouse_admin.user, with_admin.warehouse.user) == ("boss", "warehouse")


def test_an_app_needs_no_more_than_its_id_and_secret() -> None:
    api = graph(f'{{"login": 4711, "password": "{SECRET}"}}').graph("facebook")
    assert (api.base_url, api.version, api.app_id) == (GRAPH_HOSTS["facebook"], GRAPH_VERSION, "4711")
    assert api.app_secret.get_secret_value() == SECRET
    assert api.dialog_url.startswith("https://www.facebook.com/")
    assert api.token_url.startswith("https://graph.facebook.com/")


def test_an_app_may_have_other_addresses() -> None:
    extra = '{"version": "v27.0", "dialog_url": "http://d", "token_url": "http://t"}'
    api = graph(f'{{"login": "1", "password": "s", "extra": {extra}}}').graph("facebook")
    assert (api.version, api.dialog_url, api.token_url) == ("v27.0", "http://d", "http://t")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_another_host_than_metas_has_a_sign_in_of_its_own(flavour: Flavour) -> None:
    def at(host: str) -> GraphSettings:
        app = f'{{"host": "{host}", "login": "1", "password": "s"}}'
        return told(**{f"AIRFLOW_CONN_GRAPH_{flavour.upper()}": app}).graph(flavour)

    other, metas = at("http://127.0.0.1:8001"), at(GRAPH_HOSTS[flavour])
    paths = {"facebook": ("/v26.0/dialog/oauth", "/v26.0/oauth/access_token")}
    dialog, token = paths.get(flavour, ("/oauth/authorize", "/oauth/access_token"))
    assert (other.dialog_url, other.token_url) == (f"http://127.0.0.1:8001{dialog}", f"http://127.0.0.1:8001{token}")
    assert (metas.dialog_url, metas.token_url) == (DIALOG_URLS[flavour], TOKEN_URLS[flavour])


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("http://127.0.0.1:8001", None, "http://127.0.0.1:8001"),
        ("http://127.0.0.1:8001/", None, "http://127.0.0.1:8001"),
        ("http://127.0.0.1", 8001, "http://127.0.0.1:8001"),
        ("http://127.0.0.1/", 8001, "http://127.0.0.1:8001"),
        ("http://127.0.0.1:8001", 9, "http://127.0.0.1:8001"),
        ("graph.example", None, "https://graph.example"),
        ("graph.example", 8443, "https://graph.example:8443"),
    ],
)
def test_the_api_is_where_host_and_port_say(host: str, port: int | None, url: str) -> None:
    text = f'{{"host": "{host}", "port": {port or "null"}, "login": "1", "password": "s"}}'
    assert graph(text).graph("facebook").base_url == url


@pytest.mark.parametrize("host", ["ftp://graph.example", "https://", "http://graph.example:port", "http://[graph"])
@pytest.mark.parametrize("port", ["8001", "null"])
def test_a_host_that_is_no_address_is_named_with_what_to_write(host: str, port: str) -> None:
    settings = graph(f'{{"host": "{host}", "port": {port}, "login": "1", "password": "{SECRET}"}}')
    with pytest.raises(StorykeepError) as raised:
        settings.graph("facebook")
    assert str(raised.value) == (
        "AIRFLOW_CONN_GRAPH_FACEBOOK: host is not an http or https address -> write it like https://graph.facebook.com"
    )


@pytest.mark.parametrize("parts", [f'"password": "{SECRET}"', '"login": "4711"', '"login": "4711", "password": ""'])
def test_an_app_without_id_or_secret_is_named(parts: str) -> None:
    with pytest.raises(StorykeepError, match=r"^AIRFLOW_CONN_GRAPH_FACEBOOK: no app id or app secret -> set login"):
        graph(f"{{{parts}}}").graph("facebook")


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    settings = told(AIRFLOW_CONN_GRAPH_FACEBOOK="", STORYKEEP_TICK_SECONDS=" ", STORYKEEP_BI_PASSWORD="")
    assert settings == told()
    assert not settings.has_graph("facebook")


def test_every_setting_can_be_told() -> None:
    settings = told(
        STORYKEEP_TOKEN_KEYS=" new-key , old-key,",
        STORYKEEP_BI_PASSWORD=SECRET,
        STORYKEEP_WORK_DIR="/data/work",
        STORYKEEP_MEDIA_HOSTS="a.example, b.example",
        STORYKEEP_DBT_DIR="/data/dbt",
        STORYKEEP_TICK_SECONDS="20",
        STORYKEEP_LIST_SECONDS="60",
        STORYKEEP_SHARDS="7",
        STORYKEEP_RETENTION_DAYS="400",
        STORYKEEP_ALERT_CONNECTIONS="mail_alerts, slack_alerts",
        STORYKEEP_ALERT_TO="a@team.example,b@team.example",
    )
    assert [key.get_secret_value() for key in settings.token_keys] == ["new-key", "old-key"]
    assert settings.bi_password is not None
    assert settings.bi_password.get_secret_value() == SECRET
    assert (settings.work_dir, settings.dbt_dir) == (Path("/data/work"), Path("/data/dbt"))
    assert settings.media_hosts == ("a.example", "b.example")
    assert settings.retention_days == 400
    assert settings.alert_connections == ("mail_alerts", "slack_alerts")
    assert settings.alert_to == ("a@team.example", "b@team.example")
    assert (settings.tick, settings.list_every, settings.shards) == (timedelta(seconds=20), timedelta(minutes=1), 7)


def test_media_lie_in_the_work_folder_unless_told_otherwise() -> None:
    assert told(STORYKEEP_WORK_DIR="/data/work").media_root == "/data/work/media"
    assert told(STORYKEEP_WORK_DIR="/data/work", STORYKEEP_MEDIA_ROOT="s3://bucket/m").media_root == "s3://bucket/m"


def test_everything_is_kept_unless_told_otherwise() -> None:
    assert told().retention_days is None
    assert told(STORYKEEP_RETENTION_DAYS="3").retention_days == 3


@pytest.mark.parametrize("text", ["2", "0", "-30", "30d", "3.5", "1" + "0" * 30])
def test_what_is_kept_is_kept_for_three_days_at_least(text: str) -> None:
    with pytest.raises(StorykeepError) as raised:
        told(STORYKEEP_RETENTION_DAYS=text)
    assert str(raised.value) == (
        f"STORYKEEP_RETENTION_DAYS: '{text}' is no whole number of days from 3 on: a story lives for one day, and its"
        " last numbers have to be built before its replies are dropped -> leave it empty to keep every reply for good"
    )


@pytest.mark.parametrize("text", ["often", "0", "-300", "1.5", "5m", "²", "1" + "0" * 30])
@pytest.mark.parametrize("name", ["STORYKEEP_TICK_SECONDS", "STORYKEEP_LIST_SECONDS", "STORYKEEP_SHARDS"])
def test_a_number_that_is_none_is_named_with_its_default(name: str, text: str) -> None:
    with pytest.raises(StorykeepError, match=rf"^{name}: '{text}' is not a positive whole number -> the default is \d"):
        told(**{name: text})


@pytest.mark.parametrize(
    ("text", "keep"),
    [
        ("", Keep()),
        ("all", Keep(matched_only=False, purge_after=None)),
        (" matched ", Keep(matched_only=True, purge_after=None)),
        ("matched_then_purge(1)", Keep(matched_only=True, purge_after=timedelta(days=1))),
        ("matched_then_purge( 0030 )", Keep(matched_only=True, purge_after=timedelta(days=30))),
        ("matched_then_purge(9999)", Keep(matched_only=True, purge_after=timedelta(days=9999))),
    ],
)
def test_what_is_kept_is_a_policy(text: str, keep: Keep) -> None:
    assert told(STORYKEEP_KEEP=text).keep == keep


@pytest.mark.parametrize(
    "text",
    [
        *("some", "ALL", "all(3)", "matched(3)", "matched_then_purge", "matched_then_purge()", "matched_then_purge(0)"),
        *("matched_then_purge(-1)", "matched_then_purge(1.5)", "matched_then_purge(10000)", "matched_then_purge(²)"),
    ],
)
def test_a_policy_that_is_none_is_named_with_those_that_are(text: str) -> None:
    with pytest.raises(StorykeepError) as raised:
        told(STORYKEEP_KEEP=text)
    assert str(raised.value) == (
        f"STORYKEEP_KEEP: {text!r} is no policy -> write all, matched or matched_then_purge(DAYS), with DAYS from 1 to"
        " 9999; the default is all"
    )


def test_no_secret_is_in_the_repr() -> None:
    settings = told(
        AIRFLOW_CONN_WAREHOUSE=WAREHOUSE,
        AIRFLOW_CONN_GRAPH_FACEBOOK=f'{{"login": "1", "password": "{SECRET}"}}',
        STORYKEEP_TOKEN_KEYS=SECRET,
        STORYKEEP_BI_PASSWORD=SECRET,
    )
    shown = f"{settings!r} {settings.warehouse!r} {settings.graph('facebook')!r}"
    assert "db.example" in shown
    assert SECRET not in shown


def test_a_warehouse_connection_may_demand_tls() -> None:
    settings = Settings.from_env(
        {"AIRFLOW_CONN_WAREHOUSE": "postgres://u:p@h/w?sslmode=verify-full&sslrootcert=/ca.pem"}
    )
    assert settings.warehouse.tls == {"sslmode": "verify-full", "sslrootcert": "/ca.pem"}


def test_what_a_warehouse_connection_asks_for_in_vain_is_named() -> None:
    settings = Settings.from_env({"AIRFLOW_CONN_WAREHOUSE": "postgres://u:p@h/w?target_session_attrs=read-write"})
    with pytest.raises(StorykeepError, match=r"AIRFLOW_CONN_WAREHOUSE: .*target_session_attrs"):
        _ = settings.warehouse


def test_a_tick_may_not_be_longer_than_a_sweep() -> None:
    assert Settings.from_env({"STORYKEEP_TICK_SECONDS": "600"}).tick == timedelta(minutes=10)
    with pytest.raises(StorykeepError, match="STORYKEEP_TICK_SECONDS: 601 is too long"):
        Settings.from_env({"STORYKEEP_TICK_SECONDS": "601"})


def test_numbers_that_people_enter_wait_for_approval_unless_that_is_off() -> None:
    assert told().entry_approval
    assert told(STORYKEEP_ENTRY_APPROVAL="required").entry_approval
    assert not told(STORYKEEP_ENTRY_APPROVAL=" off ").entry_approval
    with pytest.raises(StorykeepError, match=r"^STORYKEEP_ENTRY_APPROVAL: 'no' is neither required nor off -> "):
        told(STORYKEEP_ENTRY_APPROVAL="no")
