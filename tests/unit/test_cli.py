"""The console script: its commands explain themselves, and what a person can mend is one message."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
import typer
from typer.testing import CliRunner

from storykeep import cli
from storykeep.commands.options import clock_of, duration
from storykeep.errors import StorykeepError

SECRET = "marker-s3cr3t"
NOWHERE = f"postgres://warehouse:{SECRET}@127.0.0.1:1/warehouse"
COMMANDS = {
    "db upgrade",
    "db backup",
    "db restore",
    "accounts import",
    "accounts connect",
    "accounts list",
    "accounts deauthorise",
    "accounts delete-request",
    "accounts deletion",
    "accounts disconnect",
    "accounts export",
    "accounts purge",
    "accounts pause",
    "accounts manual",
    "accounts resume",
    "accounts refresh",
    "accounts diagnose",
    "brands grant",
    "brands list",
    "brands revoke",
    "campaigns import",
    "campaigns export",
    "campaigns list",
    "campaigns show",
    "campaigns switch",
    "entries approve",
    "entries list",
    "entries load",
    "entries reject",
    "entries template",
    "entries withdraw",
    "docs",
    "tick",
    "sync-content",
    "replay",
    "build",
    "tokens check",
    "tokens forecast",
    "tokens rotate",
    "tokens snooze",
    "quarantine list",
    "quarantine release",
    "report",
    "maintain",
    "status",
    "sandbox serve",
}
TIME = "is not a time -> write it like 2026-11-21T10:15:00Z"


def commands() -> dict[str, click.Command]:
    """Every command by its words on the command line."""

    def below(command: click.Command, words: tuple[str, ...]) -> dict[str, click.Command]:
        inner = getattr(command, "commands", None)
        if inner is None:
            return {" ".join(words): command}
        return {path: leaf for name, one in inner.items() for path, leaf in below(one, (*words, name)).items()}

    return below(typer.main.get_command(cli.app), ())


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs main() as the console script does; returns exit status, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["storykeep", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capfd.readouterr()

    return run


def test_every_command_of_the_manual_is_there() -> None:
    assert commands().keys() == COMMANDS


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_every_command_says_what_it_does(words: str) -> None:
    result = CliRunner().invoke(cli.app, [*words.split(), "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    told = commands()[words].help
    assert told
    assert told.splitlines()[0] in result.output


def test_without_a_command_the_commands_are_listed(run: Callable[..., tuple[int, str, str]]) -> None:
    _, out, err = run()
    assert "accounts" in out + err


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["tick", "--at", "soon"], "--at"),
        (["build", "--at", "soon"], "--at"),
        (["tokens", "check", "--at", "soon"], "--at"),
        (["replay", "--from", "soon", "--to", "2026-11-02", "--clock", "http://127.0.0.1:1"], "--from"),
        (["replay", "--from", "2026-11-01", "--to", "soon", "--clock", "http://127.0.0.1:1"], "--to"),
        (["sandbox", "serve", "--start", "soon"], "--start"),
    ],
)
def test_what_is_no_time_is_said_with_its_option(
    run: Callable[..., tuple[int, str, str]], arguments: list[str], option: str
) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert f"Invalid value for '{option}': 'soon' {TIME}" in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err


def test_a_missing_setting_is_one_line_and_exit_status_1(run: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = run("status")
    assert (status, out) == (1, "")
    assert err == (
        "storykeep: AIRFLOW_CONN_WAREHOUSE: the connection 'warehouse' is not set"
        " -> set the variable (.env.example shows how) or add the connection in Airflow\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["tick"], ["db", "upgrade"], ["accounts", "list"], ["campaigns", "list"], ["tokens", "check"]],
    ids=" ".join,
)
def test_a_postgres_out_of_reach_is_one_line_and_exit_status_1(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", NOWHERE)
    monkeypatch.setenv("STORYKEEP_WORK_DIR", str(tmp_path))  # where no tick has left anything
    status, out, err = run(*arguments)
    assert (status, out) == (1, "")
    assert err == (
        "storykeep: Postgres 'warehouse' at 127.0.0.1:1: Connection refused"
        " -> check that the server runs and that AIRFLOW_CONN_WAREHOUSE names it rightly\n"
    )


def test_a_malformed_setting_is_one_line_without_the_secret(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"postgres://warehouse:{SECRET}@127.0.0.1:port/warehouse")
    status, _, err = run("tick")
    assert status == 1
    assert err.startswith("storykeep: AIRFLOW_CONN_WAREHOUSE: this connection cannot be read -> ")
    assert err.count("\n") == 1
    assert SECRET not in err


@pytest.mark.parametrize(
    ("text", "length"),
    [("30s", timedelta(seconds=30)), ("5m", timedelta(minutes=5)), ("12h", timedelta(hours=12))],
)
def test_a_length_of_time_has_a_unit(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "0m", "-5m", "5d", "1.5h", "²m", "1" + "0" * 30 + "h"])
def test_what_is_no_length_of_time_is_said(text: str) -> None:
    with pytest.raises(StorykeepError) as raised:
        duration(text)
    assert str(raised.value) == f"--every: {text!r} is no length of time -> write it like 30s, 5m or 1h"


def test_at_stops_the_clock_and_without_it_the_machine_tells_the_time() -> None:
    at = datetime(2026, 11, 5, tzinfo=UTC)
    assert clock_of(at)() == at
    assert abs(clock_of(None)() - datetime.now(UTC)) < timedelta(minutes=1)
