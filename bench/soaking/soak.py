"""One soak from an empty warehouse to its checks."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import psycopg
from stage import START, connected_accounts, ingest, settings_of, take_in

from soaking.checks import Check
from soaking.copies import Copies, duplicates
from soaking.crew import Crew
from soaking.drive import Drive
from soaking.losses import Losses
from soaking.schedule import Account, Schedule, schedule
from soaking.served import Served
from soaking.spills import in_files, in_tables
from storykeep.local.stack import LocalStack
from storykeep.migrations.upgrade import upgrade
from storykeep.settings import Settings
from storykeep.warehouse import connect

# The first accounts of a world have troubles of their own.
TROUBLED = 10
# Where secrets are kept on purpose, and the pictures, which are made of random bytes.
KEPT_APART = ("secrets.json", "processes", "postgres", "media")

Step = Callable[[str], Any]


@dataclass(frozen=True)
class World:
    """How much is soaked: `orders` is in how many other orders the raw rows land again."""

    accounts: int
    days: int
    seed: int
    build_every: timedelta
    orders: int

    @property
    def end(self) -> datetime:
        """The last moment."""
        return START + timedelta(days=self.days)


@dataclass(frozen=True)
class Outcome:
    """What came of it. `told` are counts that no check is about."""

    told: dict[str, Any]
    checks: list[Check]


def soak(world: World, stack: LocalStack, step: Step) -> Outcome:
    """Let the days pass in a stack that has a Postgres and nothing else, then check what they left.

    `step(title)` is a context manager around each part, which yields a function that hears how far it is.
    """
    stack.start_sandbox(accounts=world.accounts, seed=world.seed, start=START, history_days=world.days)
    upgrade(stack.settings)
    settings, superuser = settings_of(stack), stack.postgres.superuser
    warehouse = replace(superuser, database=settings.warehouse.database)
    plan = schedule(world.seed, START, world.end - START, _untroubled(stack), settings.shards)
    with connect(warehouse) as owner:
        owner.autocommit = True
        told, checks = _pass_time(world, stack, settings, plan, owner, step)
        truth = stack.ask_sandbox("truth", at=world.end.isoformat()).json()["stories"]
        with step("what was lost, and what is told of it"):
            losses = Losses(owner, truth, plan, world.end)
            checks += [*losses.checks(), duplicates(owner)]
        with step("tokens where none may be"):
            checks += [in_tables(owner, settings), in_files([stack.folder], settings, but=KEPT_APART)]
        told |= losses.figures()
    copies = Copies(settings, superuser, world.end)
    with step("a rebuild from raw"):
        checks += copies.rebuilt()
    for order in range(world.orders):
        with step(f"the same rows in another order, {order + 1} of {world.orders}"):
            checks += copies.landed_again(world.seed + order)
    return Outcome(told, checks)


def _pass_time(
    world: World, stack: LocalStack, settings: Settings, plan: Schedule, owner: psycopg.Connection, step: Step
) -> tuple[dict[str, Any], list[Check]]:
    """Let the time pass; returns counts of what happened, and what the passage itself shows."""
    accounts = {row["ig_user_id"]: row for row in connected_accounts(stack)}
    served = Served(owner, {who: row["login_flavour"] for who, row in accounts.items()})
    with (
        ingest(settings) as conn,
        Crew(settings, stack.folder / "soak.log") as crew,
        step(f"{world.days} days of {world.accounts:,} accounts") as say,
    ):
        take_in(conn, settings, list(accounts.values()), START)
        drive = Drive(stack, settings, conn, crew, served, plan, accounts, START, world.end, world.build_every)
        drive.run(say)
    told = {
        "ticks": crew.ticks,
        "ticks run twice": len(plan.twice),
        "builds": drive.builds,
        "calls": served.calls,
        "sign-ins": drive.sign_ins,
        **{f"killed {where}": count for where, count in sorted(crew.kills.items())},
        **dict(sorted(Counter(spell.kind for spell in plan.spells).items())),
    }
    return told, [Check("ticks end well, whatever befalls them", crew.ticks, tuple(crew.failures)), *served.checks()]


def _untroubled(stack: LocalStack) -> list[Account]:
    """The accounts to which nothing has happened yet."""
    rows = csv.DictReader(io.StringIO(stack.ask_sandbox("accounts.csv").text))
    return [Account(row["ig_user_id"], row["login_flavour"]) for row in islice(rows, TROUBLED, None)]
