"""Who is told what through which channel, and what becomes of it when a channel is down, slow or choosy."""

import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.integration.airflow.channels import MailServer, Webhook, mail_server, webhook

from storykeep.accounts.alerts import TokensInTroubleError
from storykeep.accounts.registry import account_id_of, import_accounts
from storykeep.accounts.rows import COLUMNS
from storykeep.accounts.snooze import snooze
from storykeep.accounts.states import State
from storykeep.accounts.vault import Vault
from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.settings import Settings

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TEAM = "team@storykeep.test"
IDA = "ida@aurora.test"


class Deployment:
    """The DAG over a warehouse, at a time that the test sets."""

    def __init__(self, tasks: Any, conn: psycopg.Connection, warehouse: Settings, patch: pytest.MonkeyPatch) -> None:
        self.tasks, self.conn, self.vault, self._patch = tasks, conn, Vault(warehouse.token_keys), patch
        self.at(NOW)

    def at(self, now: datetime) -> None:
        self._patch.setattr(self.tasks, "system_clock", fixed_clock(now))

    def accounts(self, *handles: str, token_left: timedelta = 2 * DAY) -> None:
        """Accounts of Instagram Login, whose tokens end so soon. No API is set up, so that nothing renews them."""
        rows = (
            f"instagram,{1001 + number},{handle},tok-{handle},{(NOW + token_left).isoformat()},,,"
            for number, handle in enumerate(handles)
        )
        import_accounts(self.conn, self.vault, "\n".join([",".join(COLUMNS), *rows]), NOW - 30 * DAY)

    def campaign(self, brand: str, *handles: str, contact: str | None = None) -> None:
        self.conn.execute("insert into app.brands values (%s, %s, 'UTC', 'EUR', %s)", [brand, brand.title(), contact])
        span = [NOW - DAY, NOW + 20 * DAY]
        self.conn.execute("insert into app.campaigns values (%s, %s, 'C', %s, %s, 0, 'EUR')", [brand, brand, *span])
        for handle in handles:
            self.conn.execute(
                "insert into app.campaign_participants"
                " select %s, account_id, %s, %s from app.accounts where username = %s",
                [brand, *span, handle],
            )

    def channel(self, *names: str) -> None:
        self._patch.setenv("STORYKEEP_ALERT_CONNECTIONS", ",".join(names))

    def connection(self, name: str, **parts: Any) -> None:
        self._patch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(parts))

    def run(self) -> list[str]:
        """One run of the DAG as Airflow would do it, without retries; returns what failed, as `task: message`."""
        from airflow.sdk.exceptions import AirflowSkipException

        failed = []
        accounts: list[dict[str, str]] = []
        try:
            accounts = self.tasks.check_tokens()
        except StorykeepError as error:
            failed.append(f"check_tokens: {error}")
        steps = [("alert", self.tasks.alert, (account,)) for account in accounts]
        if not failed:
            steps.append(("notify", self.tasks.notify, ()))
        for name, step, arguments in [*steps, ("tell", self.tasks.tell, ())]:
            try:
                step(*arguments)
            except StorykeepError as error:
                failed.append(f"{name}: {error}")
            except AirflowSkipException:
                pass
        return failed

    def told(self) -> set[tuple[str, str]]:
        rows = self.conn.execute("select username, step from app.alerts join app.accounts using (account_id)")
        return set(rows.fetchall())


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def house(
    tasks: Any, conn: psycopg.Connection, warehouse: Settings, monkeypatch: pytest.MonkeyPatch, hook: Webhook
) -> Deployment:
    """Two accounts in trouble; a webhook that is a channel as soon as the test says so."""
    nowhere = json.dumps({"host": "http://127.0.0.1:9", "login": "1", "password": "x"})
    monkeypatch.setenv("AIRFLOW_CONN_GRAPH_INSTAGRAM", nowhere)
    monkeypatch.setenv("STORYKEEP_ALERT_TO", TEAM)
    deployment = Deployment(tasks, conn, warehouse, monkeypatch)
    deployment.accounts("nora", "omar")
    deployment.connection("hook", conn_type="http", host=f"{hook.url}/in/secret-path-of-the-hook")
    return deployment


@pytest.fixture
def with_mail(house: Deployment, mail: MailServer) -> Deployment:
    extra = {"from_email": "storykeep@test", "disable_ssl": True, "disable_tls": True, "retry_limit": 0}
    house.connection("mail", conn_type="smtp", host="127.0.0.1", port=mail.port, extra=extra)
    house.channel("mail")
    return house


def failures(run: list[str]) -> list[str]:
    return [failure.partition(":")[0] for failure in run]


def test_without_a_channel_the_failing_dag_is_the_telling_and_tells_once(house: Deployment) -> None:
    first = house.run()
    assert failures(first) == ["alert", "alert", "tell"]
    assert "@nora: token_expiring at 2026-11-23 12:00 UTC, 2 days left; creator: connect" in first[0]
    assert "2 to tell, each once" in first[2]
    assert house.told() == {("nora", "3"), ("omar", "3")}
    assert [failure for failure in house.run() if "tell, each once" in failure] == []


def test_each_account_has_one_task_that_hands_on_ids_and_handles_only(house: Deployment) -> None:
    assert sorted(house.tasks.check_tokens(), key=lambda account: account["handle"]) == [
        {"account_id": account_id_of("1001"), "handle": "@nora"},
        {"account_id": account_id_of("1002"), "handle": "@omar"},
    ]


def test_a_storm_gets_a_bounded_number_of_tasks_one_table_and_one_digest(
    house: Deployment, hook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    house.accounts(*(f"star{number}" for number in range(120)))
    house.channel("hook")
    assert len(house.tasks.check_tokens()) == 50
    house.tasks.notify()
    (message,) = hook.messages
    assert message.startswith("Storykeep: 120 accounts need somebody")
    assert "and 70 more: storykeep accounts list" in message
    with pytest.raises(TokensInTroubleError, match=r"120 to tell, each once") as error:
        house.tasks.tell()
    assert str(error.value).count("\n") == 51
    assert all(f"@star{number} " in caplog.text for number in range(120)), "the table in the log names all"
    assert len(house.told()) == 120


def test_each_brand_is_told_of_its_creators_in_one_mail_and_the_data_team_of_the_rest(
    with_mail: Deployment, mail: MailServer
) -> None:
    with_mail.campaign("aurora", "nora", contact=IDA)
    assert failures(with_mail.run()) == ["alert", "alert", "tell"]
    (to_brand,), (to_team,) = mail.to(IDA), mail.to(TEAM)
    assert "Subject: Storykeep: 1 account needs somebody (Aurora)" in to_brand
    assert "Subject: Storykeep: 1 account needs somebody\n" in to_team
    assert len(mail.mails) == 2
    with_mail.run()
    assert len(mail.mails) == 2, "each digest is sent once"


def test_names_are_text_and_neither_template_nor_markup(house: Deployment, hook: Webhook) -> None:
    house.campaign("{{ 7 * 7 }}<!channel>", "nora", "omar")
    house.channel("hook")
    house.run()
    (message,) = hook.messages
    assert "({{ 7 * 7 }}<!Channel>)" in message


def test_what_a_brand_without_contact_is_to_be_told_goes_to_the_data_team_by_mail(
    with_mail: Deployment, mail: MailServer
) -> None:
    with_mail.campaign("zest", "nora", "omar")
    with_mail.run()
    (only,) = mail.to(TEAM)
    assert "2 accounts need somebody (Zest)" in only


def test_a_channel_that_is_down_is_visible_tried_once_and_nothing_counts_as_told(
    house: Deployment, hook: Webhook
) -> None:
    house.campaign("aurora", "nora")
    house.campaign("zest", "omar")
    house.channel("hook")
    hook.answer = 503
    run = house.run()
    assert failures(run) == ["alert", "alert", "notify", "tell"]
    assert (
        "hook: this channel is down (AirflowException, 503:Service Unavailable) -> see that its server runs" in run[2]
    )
    assert hook.asked == 1, "not once for each digest"
    assert house.told() == set()
    again = house.run()
    assert failures(again) == ["alert", "alert", "notify", "tell"], "and it stays visible"
    hook.answer = 200
    assert failures(house.run()) == ["alert", "alert", "tell"]
    assert len(hook.messages) == 2
    assert house.told() == {("nora", "3"), ("omar", "3")}
    house.run()
    assert len(hook.messages) == 2


def test_after_a_long_outage_of_a_channel_only_what_still_stands_is_sent(house: Deployment, hook: Webhook) -> None:
    house.channel("hook")
    hook.answer = 500
    house.run()
    house.at(NOW + 1.5 * DAY)
    house.conn.execute(
        "update app.connections set token_expires_at = null where account_id = %s", [account_id_of("1002")]
    )
    hook.answer = 200
    house.run()
    (message,) = hook.messages
    assert "@nora: token_expiring at 2026-11-23 12:00 UTC, 0.5 days left" in message
    assert "omar" not in message


def test_one_channel_that_is_down_keeps_no_other_from_being_told(
    with_mail: Deployment, hook: Webhook, mail: MailServer
) -> None:
    with_mail.channel("hook", "mail")
    hook.answer = 500
    with_mail.run()
    assert len(mail.mails) == 1
    assert with_mail.told() == set(), "as long as one of the channels has still to take it"
    hook.answer = 200
    with_mail.run()
    assert (len(mail.mails), len(hook.messages)) == (1, 1)
    assert with_mail.told() == {("nora", "3"), ("omar", "3")}


def test_a_slow_channel_is_given_up_in_time(house: Deployment, hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storykeep.airflow.notifier.TIMEOUT_SECONDS", 0.2)
    house.channel("hook")
    hook.answer = 0
    (notify,) = [failure for failure in house.run() if failure.startswith("notify")]
    assert "hook: this channel is down (ReadTimeout)" in notify


def test_a_redirect_is_no_delivery(house: Deployment, hook: Webhook) -> None:
    house.channel("hook")
    hook.answer = 302
    assert "notify" in failures(house.run())
    assert house.told() == set()


def test_a_channel_that_cannot_be_reached_does_not_spill_its_address(
    house: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    house.connection("hook", conn_type="http", host="http://127.0.0.1:9/in/secret-path-of-the-hook")
    house.channel("hook")
    (notify,) = [failure for failure in house.run() if failure.startswith("notify")]
    assert "this channel is down (ConnectionError)" in notify
    assert "secret-path" not in notify
    assert "secret-path" not in "".join(record.getMessage() for record in caplog.records if "storykeep" in record.name)


def test_a_refused_contact_costs_no_other_brand_its_mail(with_mail: Deployment, mail: MailServer) -> None:
    with_mail.campaign("aurora", "nora", contact=IDA)
    with_mail.campaign("zest", "omar", contact="bo@zest.test")
    mail.refused = {IDA}
    run = with_mail.run()
    assert "mail to Aurora: the mail server refuses the recipient -> correct the contact of the brand" in run[2]
    assert len(mail.to("bo@zest.test")) == 1
    assert with_mail.told() == {("omar", "3")}


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        (None, r"hook2: this channel is down \(AirflowNotFoundException.*\) -> set the connection, or take it out"),
        ({"conn_type": "ftp", "host": "127.0.0.1"}, "alerts cannot be sent through a connection of type 'ftp'"),
    ],
)
def test_a_connection_that_cannot_carry_alerts_is_named(
    house: Deployment, parts: dict[str, Any] | None, what: str
) -> None:
    house.channel("hook2")
    if parts:
        house.connection("hook2", **parts)
    (notify,) = [failure for failure in house.run() if failure.startswith("notify")]
    assert re.search(what, notify)


def test_mail_without_any_address_is_told(with_mail: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYKEEP_ALERT_TO", "")
    (notify,) = [failure for failure in with_mail.run() if failure.startswith("notify")]
    assert "mail to the data team: there is no address -> set STORYKEEP_ALERT_TO" in notify


@pytest.fixture
def airflows_own_loggers() -> Iterator[None]:
    """Loggers as tasks have them: Slack's client asks for their level."""
    import structlog
    from airflow.sdk._shared.logging.structlog import LEVEL_TO_FILTERING_LOGGER

    structlog.configure(wrapper_class=LEVEL_TO_FILTERING_LOGGER[logging.INFO])
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("airflows_own_loggers")
def test_slack_gets_the_digest_with_its_signs_escaped(
    house: Deployment, hook: Webhook, capsys: pytest.CaptureFixture[str]
) -> None:
    house.campaign("<!channel>", "nora", "omar")
    house.connection("slack", conn_type="slackwebhook", host=f"{hook.url}/services", password="T0/B0/token-of-slack")
    house.channel("slack")
    house.run()
    (message,) = hook.messages
    assert "(&lt;!Channel&gt;)" in message
    hook.answer = 404
    house.at(NOW + 1.5 * DAY)
    assert any("slack: this channel is down" in failure for failure in house.run())
    assert "token-of-slack" not in "".join(capsys.readouterr())


def test_a_snoozed_account_is_silent_until_its_day_or_until_it_is_lost(house: Deployment, hook: Webhook) -> None:
    house.channel("hook")
    nora = account_id_of("1001")
    snooze(house.conn, nora, NOW + 10 * DAY, "ida", NOW - DAY)
    assert [failure for failure in house.run() if "@nora" in failure] == []
    assert house.told() == {("omar", "3")}
    assert "nora" not in hook.messages[0]
    house.conn.execute(
        "update app.connections set status = %s, reason = 'password_changed', status_since = %s where account_id = %s",
        [State.REVOKED, NOW, nora],
    )
    assert "@nora: revoked (password_changed)" in house.run()[0]


def test_a_new_channel_is_told_of_what_stands_even_if_that_was_told_before(house: Deployment, hook: Webhook) -> None:
    house.run()
    house.channel("hook")
    house.accounts("nora", "omar", "zoe")
    assert failures(house.run()) == ["alert", "tell"]
    (message,) = hook.messages
    assert all(handle in message for handle in ("@nora", "@omar", "@zoe"))


def test_without_a_check_nothing_is_told_and_the_last_task_fails(house: Deployment) -> None:
    with pytest.raises(StorykeepError, match=r"^check_tokens: the check did not end well -> its log says why"):
        house.tasks.tell()
    assert house.told() == set()
    house.run()
    run = house.run()
    assert failures(run) == ["check_tokens", "tell"]
    assert "not one of 2 tokens could be inspected" in run[0]
