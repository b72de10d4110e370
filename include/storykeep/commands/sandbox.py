"""`storykeep sandbox`: the Graph API sandbox."""

from datetime import datetime
from typing import Annotated

import typer

from storykeep.clock import system_clock
from storykeep.commands.options import time_of

sandbox = typer.Typer(no_args_is_help=True, help="The Graph API sandbox.")


@sandbox.command("serve")
def sandbox_serve(
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts the world has.")] = 14,
    seed: Annotated[int, typer.Option(help="The same seed makes the same world.")] = 1,
    start: Annotated[
        datetime | None, typer.Option(parser=time_of, metavar="TIME", help="Where its clock starts; default: now.")
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
