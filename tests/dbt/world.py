"""A small world written by hand, whose marts can be worked out on paper (see test_marts.py)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

AS_OF = datetime(2026, 11, 12, 12, tzinfo=UTC)
EMPTY: dict[str, Any] = {}


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of November 2026."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def fill(conn: psycopg.Connection) -> None:
    """Write the world into app and raw."""
    _people(conn)
    _campaigns(conn)
    for day in (10, 11, 12):
        conn.execute(
            "select raw.ensure_partition(p, %s) from unnest(array['story_listings', 'story_insights']) as p",
            [at(day, 0).date()],
        )
    _listings(conn)
    _stories(conn)
    _readings(conn)
    conn.commit()


def insert(conn: psycopg.Connection, table: str, **values: Any) -> None:
    """Insert one row; dicts become JSON."""
    cells = [Jsonb(value) if isinstance(value, dict) else value for value in values.values()]
    marks = ", ".join(["%s"] * len(cells))
    conn.execute(f"insert into {table} ({', '.join(values)}) values ({marks})", cells)  # noqa: S608 (names of ours)


def landed(conn: psycopg.Connection, table: str, captured_at: datetime, **values: Any) -> None:
    """Insert one row of schema raw."""
    values = {"account_id": "acc-a", "captured_at": captured_at, "run_id": "run", "content_hash": "0" * 64} | values
    insert(conn, f"raw.{table}", **values)


def reading(
    conn: psycopg.Connection, story_id: str, captured_at: datetime, account_id: str = "acc-a", **metrics: int
) -> None:
    """One good reply to the core group."""
    data = [{"name": name, "period": "lifetime", "values": [{"value": value}]} for name, value in metrics.items()]
    landed(
        conn,
        "story_insights",
        captured_at,
        account_id=account_id,
        story_id=story_id,
        metric_group="core",
        status="ok",
        payload={"data": data},
    )


def withheld(conn: psycopg.Connection, story_id: str, captured_at: datetime, **values: Any) -> None:
    """One reply, to the core group unless another is named, that withholds the counts."""
    body = {"error": {"message": "(#10) Not enough viewers for the media to show insights", "code": 10}}
    landed(
        conn,
        "story_insights",
        captured_at,
        story_id=story_id,
        status="withheld",
        payload=body,
        **{"metric_group": "core", **values},
    )


def _people(conn: psycopg.Connection) -> None:
    insert(conn, "app.listing_cadences", since=at(10, 0), seconds=900)
    insert(conn, "app.brands", brand_id="b1", name="Lumen", time_zone="Europe/Paris", currency="EUR")
    for number, letter in enumerate("abn", start=1):
        insert(conn, "app.creators", creator_id=f"c{number}", name=f"Creator {number}")
        insert(
            conn,
            "app.accounts",
            account_id=f"acc-{letter}",
            creator_id=f"c{number}",
            ig_user_id=f"1784{number}",
            username=f"handle_{letter}",
            added_at=at(9, 0),
        )
    connected = {"connected_at": at(10, 0)}
    insert(
        conn,
        "app.connections",
        account_id="acc-a",
        login_flavour="facebook",
        status="connected",
        status_since=at(10, 0),
        token_expires_at=at(14, 11),
        scopes=["email", "instagram_manage_insights", "instagram_basic"],
        granter_name="Ann",
        page_name="Handle A's Page",
        **connected,
    )
    insert(
        conn,
        "app.connections",
        account_id="acc-b",
        login_flavour="instagram",
        status="expired",
        reason="token_expired",
        status_since=at(11, 7),
        token_expires_at=at(11, 6),
        **connected,
    )
    for letter in "ab":
        insert(
            conn,
            "app.connection_events",
            account_id=f"acc-{letter}",
            happened_at=at(10, 0),
            kind="connected",
            status="connected",
        )
    insert(
        conn,
        "app.connection_events",
        account_id="acc-b",
        happened_at=at(11, 7),
        kind="inspected",
        status="expired",
        reason="token_expired",
    )
    _consents(conn)


def _consents(conn: psycopg.Connection) -> None:
    """The ledger began after 101 was seen; who connected acc-a consented anew, under another text, on the 12th."""
    # It failed after the build, and was under way then.
    insert(
        conn,
        "app.sign_ins",
        state_hash="0" * 64,
        login_flavour="facebook",
        account_id="acc-n",
        redirect_uri="https://localhost/",
        begun_at=at(12, 11, 55),
        expires_at=at(12, 12, 10),
        ended_at=at(12, 12, 5),
        status="needs_action",
        reason="no_page",
    )
    insert(conn, "app.consents", account_id="acc-a", given_at=at(10, 9), source="import")
    insert(conn, "app.consents", account_id="acc-b", given_at=at(10, 0), source="import")
    insert(
        conn,
        "app.consents",
        account_id="acc-a",
        given_at=at(12, 0),
        source="sign_in",
        granter_id="77",
        granter_name="Ann",
        scopes=["instagram_basic", "instagram_manage_insights"],
        text_version="2026-11",
        usage_rights="stories, for a year",
    )


def _campaigns(conn: psycopg.Connection) -> None:
    shared = {"brand_id": "b1", "starts_at": at(10, 0), "ends_at": at(12, 0), "currency": "EUR"}
    insert(conn, "app.campaigns", campaign_id="tagged", name="Glow", cost=500, **shared)
    insert(conn, "app.campaigns", campaign_id="everything", name="All of it", **shared)
    insert(conn, "app.match_rules", campaign_id="tagged", kind="hashtag", value="glow")
    insert(conn, "app.match_rules", campaign_id="tagged", kind="mention", value="lumen.paris")
    for campaign, account, ends in (
        ("tagged", "acc-a", 20),
        ("tagged", "acc-n", 20),
        ("everything", "acc-a", 11),
        ("everything", "acc-b", 20),
    ):
        insert(
            conn,
            "app.campaign_participants",
            campaign_id=campaign,
            account_id=account,
            valid_from=at(9, 0),
            valid_to=at(ends, 0),
        )


def _listings(conn: psycopg.Connection) -> None:
    """Every 15 minutes; acc-a is throttled from 13:00 to 16:00 on the 11th, acc-b's token ends at 6:00 that day.

    From 6:00 to 9:00 on the 12th the platform is in trouble, so that acc-a's listings are not believed.
    """
    for quarter in range(4 * 60 + 1):
        moment = at(10, 0) + timedelta(minutes=15 * quarter)
        if not (at(11, 13) < moment < at(11, 16) or at(12, 6) < moment < at(12, 9)):
            landed(conn, "story_listings", moment, status="ok", payload=EMPTY)
        if moment <= at(11, 6):
            landed(conn, "story_listings", moment, account_id="acc-b", status="ok", payload=EMPTY)
    landed(conn, "story_listings", at(11, 14), status="failed", cause="throttled")
    landed(conn, "story_listings", at(12, 7), status="failed", cause="platform_incident")


def _stories(conn: psycopg.Connection) -> None:
    for story_id, posted_at, caption, account_id in (
        ("101", at(10, 8), "A new #Glow, day 1", "acc-a"),
        ("102", at(10, 9), "#glowing", "acc-a"),
        ("103", at(10, 10), "with @lumen.paris. And #GLOW!", "acc-a"),
        ("104", at(10, 23), "#glow", "acc-b"),
        ("105", at(12, 6), None, "acc-a"),
        ("106", at(12, 0), "#glow, too late", "acc-a"),
    ):
        node = {"id": story_id, "timestamp": posted_at.strftime("%Y-%m-%dT%H:%M:%S+0000"), "media_type": "IMAGE"}
        landed(
            conn,
            "stories",
            posted_at + timedelta(minutes=5),
            account_id=account_id,
            story_id=story_id,
            payload=node,
            content_hash=f"{int(story_id) - 100:064d}",
        )
        # The caption comes with a later version of the node.
        if caption:
            landed(
                conn,
                "stories",
                posted_at + timedelta(minutes=20),
                account_id=account_id,
                story_id=story_id,
                payload=node | {"caption": caption},
                content_hash="0" * 64,
            )
    file = "ab" * 32
    landed(
        conn,
        "media_files",
        at(10, 8, 5),
        story_id="101",
        kind="media",
        status="archived",
        content_hash=file,
        path=f"ab/{file}.jpg",
        size_bytes=9,
    )
    landed(
        conn,
        "media_files",
        at(10, 9, 5),
        story_id="102",
        kind="media",
        status="missing",
        cause="no_media_url",
        content_hash=None,
    )


def _readings(conn: psycopg.Connection) -> None:
    # 101: a sweep 5 minutes before the end, after views grew by one a minute.
    reading(conn, "101", at(11, 7, 45), views=990, reach=690, total_interactions=40)
    reading(conn, "101", at(11, 7, 55), views=1000, reach=700, total_interactions=38, replies=0, navigation=60)
    _navigation(conn, "101", at(11, 7, 55), 60, TAP_FORWARD=50, tap_back=4, tap_exit=6)
    _oddities(conn, "101", at(11, 7, 55))
    _alone(conn, "101", at(11, 7, 45), link_clicks=6)
    _alone(conn, "101", at(11, 7, 55), link_clicks=7, total_views=1200, facebook_views=200)
    # 102: four hours too old, and its breakdown does not add up, so that the other parts are unknown and not 0.
    reading(conn, "102", at(11, 5), views=300, reach=200, total_interactions=12)
    _navigation(conn, "102", at(11, 5), 60, tap_forward=50)
    # 103: withheld to the end. 104: withheld long before the end, so that nothing is known of it.
    withheld(conn, "103", at(11, 9, 55))
    withheld(conn, "103", at(11, 9, 55), metric_group="link_clicks")
    withheld(conn, "104", at(11, 1), account_id="acc-b")
    # 105 lives: first withheld, then counted. A reading after the build's moment is not there yet.
    withheld(conn, "105", at(12, 6, 30))
    reading(conn, "105", at(12, 11), views=40, reach=30)
    withheld(conn, "105", at(12, 11), metric_group="link_clicks")
    reading(conn, "105", at(12, 12, 5), views=99, reach=98)
    landed(
        conn,
        "story_insights",
        at(12, 11, 30),
        story_id="105",
        metric_group="core",
        status="empty",
        payload={"data": []},
    )


def _alone(conn: psycopg.Connection, story_id: str, captured_at: datetime, **metrics: int) -> None:
    """Good replies to metrics that are asked for each by a call of its own."""
    for name, value in metrics.items():
        data = [{"name": name, "period": "lifetime", "values": [{"value": value}]}]
        landed(
            conn,
            "story_insights",
            captured_at,
            story_id=story_id,
            metric_group=name,
            status="ok",
            payload={"data": data},
        )


def _navigation(conn: psycopg.Connection, story_id: str, captured_at: datetime, total: int, **parts: int) -> None:
    results = [{"dimension_values": [name], "value": value} for name, value in parts.items()]
    breakdown = {"dimension_keys": ["story_navigation_action_type"], "results": results}
    item = {"name": "navigation", "total_value": {"value": total, "breakdowns": [breakdown]}}
    landed(
        conn,
        "story_insights",
        captured_at,
        story_id=story_id,
        metric_group="navigation",
        status="ok",
        payload={"data": [item]},
    )


def _oddities(conn: psycopg.Connection, story_id: str, captured_at: datetime) -> None:
    """Replies that are not as documented: nothing is counted in them, and nothing fails for them."""
    counts: list[Any] = [10**30, 10**15, -1, 1.5, "7", None, [7]]
    parts: list[Any] = [None, {}, [None, {"value": 1}]]
    payloads: list[dict[str, Any]] = [
        {"data": [{"name": "shares", "values": [{"value": count}]} for count in counts]},
        {"data": [{"value": 1}, {"name": None}, {"name": 5, "values": [{"value": 1}]}, "text", None]},
        {"data": [{"name": "follows", "total_value": {"breakdowns": [{"results": results}]}} for results in parts]},
        {"data": None},
        {"data": {"name": "shares"}},
        {},
    ]
    for number, payload in enumerate(payloads):
        landed(
            conn,
            "story_insights",
            captured_at,
            story_id=story_id,
            metric_group=f"odd {number}",
            status="ok",
            payload=payload,
        )
