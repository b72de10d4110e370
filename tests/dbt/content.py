"""Posts, profiles, account insights and audiences of the small world, as worked out by hand in test_content.py."""

from datetime import UTC, datetime
from typing import Any

import psycopg
from tests.dbt.world import at, landed

PACIFIC_DAYS = (  # the 1st of November has 25 hours in US Pacific time
    (datetime(2026, 11, 1, 7, tzinfo=UTC), datetime(2026, 11, 2, 8, tzinfo=UTC)),
    (at(10, 8), at(11, 8)),
)


def fill_content(conn: psycopg.Connection) -> None:
    """Write the content into raw, beside the stories of `fill`."""
    _posts(conn)
    _readings(conn)
    _profiles(conn)
    _account_insights(conn)
    _audiences(conn)


def post(conn: psycopg.Connection, media_id: str, captured_at: datetime, posted_at: datetime, **node: Any) -> None:
    """One content of one node; `account_id` and `content_hash` are the row's."""
    row = {name: node.pop(name) for name in ("account_id", "content_hash") if name in node}
    told = {"id": media_id, "timestamp": posted_at.strftime("%Y-%m-%dT%H:%M:%S+0000")} | node
    landed(conn, "media", captured_at, media_id=media_id, payload=told, **row)


def post_reading(
    conn: psycopg.Connection, media_id: str, captured_at: datetime, group: str = "core", **metrics: float
) -> None:
    """One good reply to a metric group of a post."""
    data = [{"name": name, "period": "lifetime", "values": [{"value": value}]} for name, value in metrics.items()]
    _replied(conn, media_id, captured_at, group, "ok", {"data": data})


def _replied(
    conn: psycopg.Connection, media_id: str, captured_at: datetime, group: str, status: str, payload: dict[str, Any]
) -> None:
    landed(
        conn,
        "media_insights",
        captured_at,
        media_id=media_id,
        metric_group=group,
        status=status,
        payload=payload,
    )


def _posts(conn: psycopg.Connection) -> None:
    post(conn, "501", at(10, 13), at(10, 12), media_product_type="FEED", media_type="IMAGE", content_hash="1" * 64)
    post(
        conn,
        "501",
        at(10, 14),
        at(10, 12),
        media_product_type="FEED",
        media_type="IMAGE",
        caption="New #glow",
        permalink="https://www.instagram.com/p/C501/",
    )
    post(conn, "502", at(11, 10), at(11, 9), media_product_type="REELS", media_type="VIDEO")
    post(
        conn,
        "503",
        at(10, 20),
        at(10, 19),
        media_type="VIDEO",
        permalink="https://www.instagram.com/reel/C503/",
        account_id="acc-b",
    )
    post(conn, "504", at(10, 1), datetime(2024, 3, 1, tzinfo=UTC), media_product_type="FEED", media_type="IMAGE")
    post(conn, "505", at(10, 1), datetime(2024, 7, 1, 23, 59, tzinfo=UTC), media_product_type="FEED")
    # A story is no post, and what was read after the moment of the build is not there yet.
    post(conn, "506", at(10, 1), at(10, 0), media_product_type="STORY")
    post(conn, "507", at(12, 13), at(10, 0), media_product_type="FEED")


def _readings(conn: psycopg.Connection) -> None:
    # 501 grew, and lost an interaction; its likes are known, although the last reply says nothing of them.
    post_reading(conn, "501", at(10, 13), views=100, reach=80, likes=5, total_interactions=27, reposts=1)
    post_reading(conn, "501", at(11, 12), views=250, reach=180, comments=3, saved=2, total_interactions=26, reposts=0)
    post_reading(conn, "501", at(12, 13), views=999)
    post_reading(conn, "501", at(11, 12), "total_likes", total_likes=24)
    _replied(conn, "501", at(11, 12), "facebook_views", "refused", {"error": {"code": 100, "error_subcode": 2207086}})
    _replied(conn, "501", at(11, 12), "total_comments", "withheld", {"error": {"code": 10}})
    results = [{"dimension_values": ["BIO_LINK_CLICKED"], "value": 5}, {"dimension_values": ["email"], "value": 2}]
    breakdown = {"dimension_keys": ["action_type"], "results": results}
    item = {"name": "profile_activity", "total_value": {"value": 7, "breakdowns": [breakdown]}}
    _replied(conn, "501", at(11, 12), "profile_activity", "ok", {"data": [item]})
    # 502 is asked metric by metric; a skip rate is no count, and half a view is none.
    post_reading(conn, "502", at(12, 11), "core:views", views=40.5)
    post_reading(conn, "502", at(12, 11), "core:reach", reach=33)
    post_reading(conn, "502", at(12, 11), "core:ig_reels_avg_watch_time", ig_reels_avg_watch_time=4200)
    post_reading(conn, "502", at(12, 11), "reels_skip_rate", reels_skip_rate=12.5)
    # 503 was counted once, and is withheld ever since; 504 is of before views were counted.
    post_reading(conn, "503", at(10, 20), reach=3)
    _replied(conn, "503", at(11, 3), "core", "withheld", {"error": {"code": 10}})
    post_reading(conn, "504", at(10, 1), "core:impressions", impressions=900)
    post_reading(conn, "505", at(10, 1), views=70, impressions=90)


def _profiles(conn: psycopg.Connection) -> None:
    for captured_at, account_id, profile in (
        (at(10, 6), "acc-a", {"username": "handle_a", "followers_count": 5000, "follows_count": 9, "media_count": 4}),
        (at(12, 6), "acc-a", {"username": "handle_a", "followers_count": 5100, "follows_count": 9, "media_count": 4}),
        (at(12, 7), "acc-a", {"username": "handle_a"}),
        (at(12, 13), "acc-a", {"username": "handle_a", "followers_count": 9999}),
        (at(10, 6), "acc-b", {"username": "handle_b", "followers_count": 80}),
    ):
        landed(conn, "account_profiles", captured_at, account_id=account_id, payload=profile)


def _account_insights(conn: psycopg.Connection) -> None:
    long_day, day = PACIFIC_DAYS
    for captured_at, reach in ((at(11, 9), 400), (at(12, 9), 420)):
        series = {"name": "reach", "period": "day", "values": [{"value": reach, "end_time": _wire(day[1])}]}
        _of_account(conn, day, captured_at, "reach", series)
    parts = {"story": 700, "POST": 200, "REEL": 80, "AD": 20}
    _of_account(conn, day, at(12, 9), "views_by_product", _total("views", 1000, "media_product_type", **parts))
    _of_account(conn, day, at(12, 9), "views_by_follow_type", _total("views", 1000, "follow_type", FOLLOWER=900))
    _of_account(
        conn, day, at(12, 9), "engagement", _total("accounts_engaged", 50), _total("replies", 4), _total("reposts", 0)
    )
    follows = _total("follows_and_unfollows", None, "follow_type", FOLLOWER=12, NON_FOLLOWER=5)
    _of_account(conn, day, at(12, 9), "follows_and_unfollows", follows)
    # Read two days after it ended, the longest day of the year.
    _of_account(conn, long_day, at(10, 9), "engagement", _total("accounts_engaged", 60))
    _of_account(conn, day, at(11, 9), "engagement", account_id="acc-b", status="empty")


def _of_account(
    conn: psycopg.Connection,
    day: tuple[datetime, datetime],
    captured_at: datetime,
    group: str,
    *items: dict[str, Any],
    account_id: str = "acc-a",
    status: str = "ok",
) -> None:
    since, until = day
    landed(
        conn,
        "account_insights",
        captured_at,
        account_id=account_id,
        metric_group=group,
        since=since,
        until=until,
        status=status,
        payload={"data": list(items)},
    )


def _total(name: str, value: int | None, dimension: str = "", **parts: int) -> dict[str, Any]:
    told: dict[str, Any] = {} if value is None else {"value": value}
    if parts:
        results = [{"dimension_values": [part], "value": count} for part, count in parts.items()]
        told["breakdowns"] = [{"dimension_keys": [dimension], "results": results}]
    return {"name": name, "period": "day", "total_value": told}


def _audiences(conn: psycopg.Connection) -> None:
    _audience(conn, at(10, 6), "country", {("FR",): 2900})
    _audience(conn, at(10, 8), "country", {("FR",): 3000, ("DE",): 1000})  # the same day, and the later one counts
    _audience(conn, at(12, 6), "country", {("FR",): 3050, ("DE",): 1020})
    ages = {("18-24", "F"): 2000, ("18-24", "M"): 500, ("25-34", "F"): 1500, ("25-34", "U"): 9}
    _audience(conn, at(12, 6), "age,gender", ages)
    _audience(conn, at(12, 6), "city", {}, metric="engaged_audience_demographics", timeframe="this_month")
    _audience(conn, at(11, 6), "country", {}, account_id="acc-b")
    _audience(conn, at(12, 13), "city", {("Paris",): 1})


def _audience(
    conn: psycopg.Connection,
    captured_at: datetime,
    dimension: str,
    rows: dict[tuple[str, ...], int],
    metric: str = "follower_demographics",
    timeframe: str | None = None,
    account_id: str = "acc-a",
) -> None:
    """One reply; without rows it is empty."""
    span = [timeframe.upper()] if timeframe else []
    keys = (["timeframe"] if timeframe else []) + dimension.split(",")
    results = [{"dimension_values": [*span, *values], "value": value} for values, value in rows.items()]
    breakdowns = [{"dimension_keys": keys, "results": results}]
    items = [{"name": metric, "period": "lifetime", "total_value": {"breakdowns": breakdowns}}] if rows else []
    landed(
        conn,
        "audience",
        captured_at,
        account_id=account_id,
        metric=metric,
        dimension=dimension,
        timeframe=timeframe,
        status="ok" if rows else "empty",
        payload={"data": items},
    )


def _wire(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+0000")
