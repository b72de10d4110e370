"""The console script. Each command reads the settings, opens what it needs and makes one call."""

import getpass
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from storykeep.clock import Clock, fixed_clock, parse_time, system_clock
from storykeep.errors import StorykeepError
from storykeep.report.figures import counted
from storykeep.settings import Settings
from storykeep.warehouse import Role, connect

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they would print local variables, and secrets among them
    help="Keeps Instagram Stories and their numbers.",
)
db = typer.Typer(no_args_is_help=True, help="The warehouse database.")
accounts = typer.Typer(no_args_is_help=True, help="Creators' accounts and their connections.")
campaigns = typer.Typer(no_args_is_help=True, help="Brands and campaigns.")
tokens = typer.Typer(no_args_is_help=True, help="The connections' tokens.")
sandbox = typer.Typer(no_args_is_help=True, help="The Graph API sandbox.")
for name, group in (
    ("db", db),
    ("accounts", accounts),
    ("campaigns", campaigns),
    ("tokens", tokens),
    ("sandbox", sandbox),
):
    app.add_typer(group, name=name)

UNITS = {"s": 1, "m": 60, "h": 3600}
DURATION = re.compile("0*[1-9][0-9]{0,5}[smh]")

console = Console()
err_console = Console(stderr=True)
# Handles and ids have to be whole where they are copied from, so tables are as wide as they need to be.
wide_console = Console(width=1000)


def _time(text: str) -> datetime:
    """A time on the command line; typer adds which option it was."""
    try:
        return parse_time(text)
    except StorykeepError as error:
        raise typer.BadParameter(str(error)) from None


By = Annotated[str | None, typer.Option(metavar="NAME", help="Who says so; default: your login.")]
At = Annotated[datetime | None, typer.Option(parser=_time, metavar="TIME", help="Do it as of this time (UTC).")]


@contextmanager
def warehouse(settings: Settings, role: Role) -> Iterator[psycopg.Connection]:
    """A connection in `role` whose work is committed at the end."""
    with connect(settings.warehouse, role) as conn:
        yield conn


def main() -> None:
    """Run the console script; what a person can mend is one line on stderr and exit status 1."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("storykeep").setLevel(logging.INFO)  # other people's libraries chatter at that level
    try:
        app()
    except (StorykeepError, psycopg.Error, OSError) as error:
        print(f"storykeep: {_readable(error)}", file=sys.stderr)
        sys.exit(1)


def _readable(error: Exception) -> str:
    """One line: what, where, remedy."""
    if isinstance(error, psycopg.Error):
        what = str(error).strip().partition("\n")[0] or type(error).__name__
        error = StorykeepError(
            what, where="Postgres", remedy="see that it runs, then run this again: nothing is half done"
        )
    elif isinstance(error, OSError):
        what = f"{error.strerror or error}"
        error = StorykeepError(
            what, where=str(error.filename or "a file"), remedy="mend that, or name another place (STORYKEEP_WORK_DIR)"
        )
    return str(error)


@db.command("upgrade")
def db_upgrade() -> None:
    """Create the warehouse, its roles and schemas, or bring them up to date."""
    from storykeep.migrations.upgrade import upgrade

    settings = Settings.from_env()
    console.print(f"warehouse is at revision {upgrade(settings)}")
    if settings.bi_password is None:
        console.print("storykeep_bi got no password: set STORYKEEP_BI_PASSWORD and run this again", soft_wrap=True)


@db.command("backup")
def db_backup(file: Path) -> None:
    """Write the whole warehouse to FILE, and what it has to come to, to FILE.json beside it.

    Capture goes on meanwhile; builds wait. A file that is there already is not overwritten.
    """
    from storykeep.backup.dump import backup

    made = backup(Settings.from_env(), file, system_clock)
    console.print(
        f"{file} holds {len(made.tables)} tables with {made.rows:,} rows, at revision {made.revision}", soft_wrap=True
    )
    console.print("the token keys are not in it: keep STORYKEEP_TOKEN_KEYS in another place", soft_wrap=True)


@db.command("restore")
def db_restore(file: Path) -> None:
    """Restore a backup into an empty database and compare every table with what was backed up."""
    from storykeep.backup.restore import restore

    done = restore(Settings.from_env(), file)
    _show_rows(done.tables, "table", "rows", "proof")
    if done.differing:
        raise StorykeepError(
            "; ".join(done.differing), where=str(file), remedy="do not use this database: drop it and restore again"
        )
    console.print(f"equal: {len(done.tables)} tables with {done.manifest.rows:,} rows", soft_wrap=True)
    if done.manifest.revision != done.newest_revision:
        console.print(
            f"warehouse is at revision {done.manifest.revision}, older than {done.newest_revision} of this Storykeep;"
            " run: storykeep db upgrade",
            soft_wrap=True,
        )
    console.print(
        "its tokens are read with the STORYKEEP_TOKEN_KEYS of its time: they are not in a backup", soft_wrap=True
    )


@accounts.command("import")
def accounts_import(file: Path) -> None:
    """Take in accounts and their tokens from a CSV file. The same file twice changes nothing."""
    from storykeep.accounts.registry import import_accounts
    from storykeep.accounts.vault import Vault

    settings = Settings.from_env()
    with warehouse(settings, "storykeep_ingest") as conn:
        result = import_accounts(conn, Vault(settings.token_keys), file, system_clock())
    _show_import(result.outcomes, result.faults)


@accounts.command("list")
def accounts_list() -> None:
    """Show every account with the state of its connection."""
    from storykeep.accounts.registry import list_accounts

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        _show_rows(
            list_accounts(conn),
            "username",
            "creator",
            "login_flavour",
            "status",
            "reason",
            "mode",
            "token_expires_at",
            "data_access_expires_at",
        )


@accounts.command("disconnect")
def accounts_disconnect(username: str) -> None:
    """Stop reading an account and forget its token. What was captured stays."""
    from storykeep.accounts.registry import disconnect

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        is_new = disconnect(conn, username, system_clock())
    console.print(
        f"{username} is disconnected; its history is kept" if is_new else f"{username} was disconnected before"
    )


@accounts.command("pause")
def accounts_pause(username: str, by: By = None) -> None:
    """Capture nothing of an account for now. Its connection stays."""
    _set_mode(username, "paused", by)


@accounts.command("manual")
def accounts_manual(username: str, by: By = None) -> None:
    """Leave an account to its creator, who hands stories and numbers in by hand. Its connection stays."""
    _set_mode(username, "manual", by)


@accounts.command("resume")
def accounts_resume(username: str, by: By = None) -> None:
    """Capture an account automatically again."""
    _set_mode(username, "automatic", by)


def _set_mode(username: str, mode: str, by: str | None) -> None:
    from storykeep.accounts.modes import Mode, set_mode
    from storykeep.accounts.registry import find_account

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        account_id = find_account(conn, username)
        is_new = set_mode(conn, account_id, Mode(mode), by or _login(), system_clock())
    console.print(f"{username} is {mode}" if is_new else f"{username} was {mode} before", markup=False)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"


@accounts.command("refresh")
def accounts_refresh(username: str) -> None:
    """List and read one account now, beside the schedule; a few times an hour at most."""
    from storykeep.capture.engine import summary
    from storykeep.capture.refresh import raise_unread, refresh
    from storykeep.graph.client import open_clients

    settings = Settings.from_env()
    logging.getLogger("storykeep").setLevel(logging.WARNING)  # the summary is printed below
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        run = refresh(conn, settings, open_clients(settings), system_clock, "shell", username)
        console.print(summary(run), markup=False, soft_wrap=True)
        raise_unread(conn, settings, username, run.causes)


@accounts.command("diagnose")
def accounts_diagnose(username: str) -> None:
    """Check all that one account needs, and say what is wrong and who must do what; exit status 1 if anything is."""
    from storykeep.accounts.diagnosis import diagnose
    from storykeep.accounts.vault import Vault
    from storykeep.graph.client import open_clients

    settings = Settings.from_env()
    with warehouse(settings, "storykeep_ingest") as conn:
        found = diagnose(conn, Vault(settings.token_keys), open_clients(settings), username, system_clock())
    for finding in found:
        mark = {True: "ok", False: "WRONG", None: "not known"}[finding.is_well]
        console.print(f"{mark:9}  {finding.check}: {finding.what}", markup=False, highlight=False, soft_wrap=True)
        if finding.remedy:
            console.print(f"{'':9}  {finding.owner}: {finding.remedy}", markup=False, highlight=False, soft_wrap=True)
    if not all(finding.is_well for finding in found):
        raise typer.Exit(1)


@campaigns.command("import")
def campaigns_import(file: Path) -> None:
    """Take in brands, campaigns, rosters and rules from a YAML file. The same file twice changes nothing."""
    from storykeep.campaigns.registry import import_campaigns

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        result = import_campaigns(conn, file)
    done = {"brands": result.brands, "campaigns": result.campaigns, "of them new or changed": result.changed}
    _show_import({} if result.faults else done, result.faults)


@campaigns.command("list")
def campaigns_list() -> None:
    """Show every campaign."""
    from storykeep.campaigns.registry import list_campaigns

    with warehouse(Settings.from_env(), "storykeep_ingest") as conn:
        _show_rows(
            list_campaigns(conn),
            "campaign_id",
            "name",
            "brand",
            "starts_at",
            "ends_at",
            "participants",
            "rules",
        )


@app.command()
def tick(at: At = None) -> None:
    """Capture what is due now, or at another time: exactly what one run of capture_stories does."""
    from storykeep.capture.engine import raise_trouble, summary
    from storykeep.capture.replay import tick_now
    from storykeep.graph.client import open_clients

    settings = Settings.from_env()
    logging.getLogger("storykeep").setLevel(logging.WARNING)  # the summary is printed below
    run = tick_now(settings, open_clients(settings), _clock(at))
    console.print(summary(run), markup=False, soft_wrap=True)
    raise_trouble(run.causes)


@app.command()
def replay(
    start: Annotated[datetime, typer.Option("--from", parser=_time, metavar="TIME")],
    end: Annotated[datetime, typer.Option("--to", parser=_time, metavar="TIME")],
    clock_url: Annotated[str, typer.Option("--clock", help="Before each tick, POST {now: TIME} to this URL.")],
    every: Annotated[str, typer.Option(help="Time between ticks, such as 5m or 30s.")] = "5m",
) -> None:
    """Run the ticks of a stretch of time against a sandbox whose clock is moved along."""
    from storykeep.capture.replay import replay as run_replay
    from storykeep.graph.client import open_clients
    from storykeep.local.virtual_clock import VirtualClock

    settings, tick_length = Settings.from_env(), _duration(every)
    if start > end:
        raise StorykeepError("begins after it ends", where="--from and --to", remedy="exchange them")
    # A line of log for each of thousands of ticks would hide the progress.
    logging.getLogger("storykeep").setLevel(logging.WARNING)
    with connect(settings.warehouse, "storykeep_ingest") as conn, Progress(console=console) as progress:
        conn.autocommit = True
        task = progress.add_task("replay", total=(end - start).total_seconds())
        ticks = run_replay(
            conn,
            settings,
            open_clients(settings),
            start=start,
            end=end,
            every=tick_length,
            set_clock=VirtualClock(clock_url).set,
            on_tick=lambda now, _: progress.update(
                task, completed=(now - start).total_seconds(), description=f"{now:%Y-%m-%d %H:%M}"
            ),
        )
    console.print(f"{ticks} ticks, the idle ones not counted")


@app.command()
def build(
    at: At = None,
    anew: Annotated[bool, typer.Option("--anew", help="Make every table from raw, not only what is new.")] = False,
) -> None:
    """Check the new rows, build the marts with dbt, check them and publish them: what build_marts does."""
    from storykeep.transform.build import build_marts

    for what, count in build_marts(Settings.from_env(), _clock(at)(), anew=anew).items():
        console.print(f"{what}: {count}")


@app.command()
def maintain(
    at: At = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Compare with a rebuild from raw even if not due.")
    ] = False,
) -> None:
    """Prove the marts once a week, purge and drop what is not to be kept, prune the Data Docs.

    What goes is for STORYKEEP_KEEP (stories of no campaign) and STORYKEEP_RETENTION_DAYS (old raw days) to say. Exactly
    what maintain_warehouse does. Exit status 1 when the marts differ from their rebuild from raw.
    """
    from storykeep.maintenance.maintain import maintain as run_maintain

    clock = _clock(at)
    done = run_maintain(Settings.from_env(), clock, f"maintain-{clock():%Y-%m-%dT%H:%M:%SZ}", rebuild=rebuild)
    for what, count in done.items():
        console.print(f"{what}: {count}")


@tokens.command("check")
def tokens_check(at: At = None) -> None:
    """Inspect and refresh every token; exit status 1 when there is something that was not told yet."""
    from storykeep.accounts.alerts import TokensInTroubleError
    from storykeep.accounts.watch import watch_tokens

    settings = Settings.from_env()
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        try:
            watch_tokens(conn, settings, _clock(at))
        except TokensInTroubleError:
            raise typer.Exit(1) from None  # its lines are on the screen already, as log
    console.print("every connection is well, or its trouble was told before")


@app.command()
def report(campaign: Annotated[str | None, typer.Option(help="Only this campaign, with its creators.")] = None) -> None:
    """Print the campaigns' numbers, how final they are, and what was not captured."""
    from storykeep.report.campaigns import gather, render

    with connect(Settings.from_env().warehouse, "storykeep_transform") as conn:
        render(gather(conn, campaign), console)


@app.command()
def status() -> None:
    """Show on one screen whether capture is alive; exit status 1 when it is not."""
    from storykeep.capture import spool
    from storykeep.report.status import gather_status, render_status

    settings = Settings.from_env()
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        found = gather_status(conn, system_clock(), settings.tick, spool.waiting(spool.folder(settings)))
    render_status(found, console)
    if not found.is_healthy:
        raise typer.Exit(1)


@sandbox.command("serve")
def sandbox_serve(
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts the world has.")] = 14,
    seed: Annotated[int, typer.Option(help="The same seed makes the same world.")] = 1,
    start: Annotated[
        datetime | None, typer.Option(parser=_time, metavar="TIME", help="Where its clock starts; default: now.")
    ] = None,
    history_days: Annotated[int, typer.Option(min=0, help="Days of stories until the world's present.")] = 0,
    speed: Annotated[
        float, typer.Option(min=0, max=1_000_000, help="Virtual seconds per second; 0 stands still.")
    ] = 1.0,
    latency_ms: Annotated[int, typer.Option(min=0, help="How long each reply is held back.")] = 0,
    port_base: Annotated[int, typer.Option(min=0, help="First of three ports; 0 takes free ones.")] = 0,
) -> None:
    """Serve a Graph API that follows the live one: facebook, instagram and CDN, each on its own port.

    The first line of output is JSON: the URL of each host, the one of the controls, and id and secret of both apps.
    Every host answers the controls, beginning with the accounts and their tokens:

    \b
    GET <any URL>/_sandbox/accounts.csv  the accounts, with a token each
    GET .../truth                        what really happened to every story
    GET .../campaigns.yaml               the campaigns, ready to be imported
    GET, DELETE .../log                  the calls that came, counted
    GET, POST .../clock                  "now", "advance" (seconds), "speed"
    GET, POST, DELETE .../faults         calls that go wrong
    POST, DELETE .../grants              tokens and permissions that end
    GET, POST, DELETE .../dialog         who signs in next, declining what
    GET, POST, DELETE .../switches       what is uncertain of the live API

    docs/sandbox.md describes each of them.
    """
    from storykeep.sandbox.serve import Options, serve

    serve(
        Options(
            accounts=accounts,
            seed=seed,
            start=start or system_clock(),
            history_days=history_days,
            speed=speed,
            latency_ms=latency_ms,
            port_base=port_base,
        )
    )


def _show_import(done: Mapping[Any, int], faults: Sequence[StorykeepError]) -> None:
    """Say what went in; what did not is named line by line and makes the command fail."""
    console.print(", ".join(f"{count} {what}" for what, count in done.items()) or "nothing was changed", soft_wrap=True)
    for fault in faults:
        err_console.print(str(fault), style="red", markup=False, highlight=False, soft_wrap=True)
    if faults:
        what = f"the file has {counted(len(faults), 'fault')} (above)"
        raise StorykeepError(what, remedy="mend what is told there and import it again")


def _show_rows(rows: Sequence[Any], *columns: str) -> None:
    table = Table(*(column.replace("_", " ") for column in columns), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_shown(getattr(row, column)) for column in columns))
    with wide_console.capture() as lines:
        wide_console.print(table)
    for line in lines.get().splitlines():
        console.print(line.rstrip(), soft_wrap=True, markup=False, highlight=False)


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, list):
        return escape(" ".join(map(str, value)))
    return "" if value is None else escape(str(value))


def _clock(at: datetime | None) -> Clock:
    return fixed_clock(at) if at else system_clock


def _duration(text: str) -> timedelta:
    if not DURATION.fullmatch(text):
        raise StorykeepError(f"{text!r} is no length of time", where="--every", remedy="write it like 30s, 5m or 1h")
    return timedelta(seconds=int(text[:-1]) * UNITS[text[-1]])
