"""`storykeep build`, `docs` and `maintain`: from raw to the marts, what they mean, and their upkeep."""

from typing import Annotated

import typer

from storykeep.commands.options import At, clock_of
from storykeep.commands.screen import console
from storykeep.settings import Settings

marts = typer.Typer()


@marts.command()
def build(
    at: At = None,
    anew: Annotated[bool, typer.Option("--anew", help="Make every table from raw, not only what is new.")] = False,
) -> None:
    """Check the new rows, build the marts with dbt, check them and publish them: what build_marts does."""
    from storykeep.transform.build import build_marts

    for what, count in build_marts(Settings.from_env(), clock_of(at)(), anew=anew).items():
        console.print(f"{what}: {count}")


@marts.command()
def docs() -> None:
    """Write one page that says what every mart and column means and is made of; it opens in a browser, offline too."""
    from storykeep.transform import dbt

    page = dbt.docs(Settings.from_env(), clock_of(None)())
    console.print(page.resolve().as_uri(), soft_wrap=True, highlight=False)


@marts.command()
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

    clock = clock_of(at)
    done = run_maintain(Settings.from_env(), clock, f"maintain-{clock():%Y-%m-%dT%H:%M:%SZ}", rebuild=rebuild)
    for what, count in done.items():
        console.print(f"{what}: {count}")
