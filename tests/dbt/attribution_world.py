"""Two campaigns on top of the small world, with every way for a story to count or not (see test_attribution.py)."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
from tests.dbt.entries_world import entry
from tests.dbt.world import at, insert, landed, reading, withheld


def fill_attribution(conn: psycopg.Connection) -> None:
    """Write the campaigns with what people decided, and the stories of acc-a and acc-b."""
    _campaigns(conn)
    _stories(conn)
    _by_hand(conn)
    _decisions(conn)
    _posts(conn)
    conn.commit()


def _campaigns(conn: psycopg.Connection) -> None:
    shared = {"brand_id": "b1", "currency": "EUR", "starts_at": at(10, 0)}
    insert(conn, "app.campaigns", campaign_id="aurora", name="Aurora", cost=300, ends_at=at(12, 0), **shared)
    # Overlaps with it, and is open to whoever writes the hashtag.
    insert(conn, "app.campaigns", campaign_id="open", name="Open", scope="all", ends_at=at(11, 0), **shared)
    for campaign, kind, value in (
        ("aurora", "hashtag", "Aurora"),
        ("aurora", "link", "https://www.lumen.example/glow/"),
        ("open", "hashtag", "aurora"),
    ):
        insert(conn, "app.match_rules", campaign_id=campaign, kind=kind, value=value)
    # Joined in the middle of a day.
    taking_part = {"valid_from": at(10, 12), "valid_to": at(12, 0)}
    insert(conn, "app.campaign_participants", campaign_id="aurora", account_id="acc-a", fee=100, **taking_part)
    insert(conn, "app.campaign_participants", campaign_id="aurora", account_id="acc-n", **taking_part)
    for switched_at, is_on in ((at(11, 6), True), (at(11, 10), False), (at(12, 11), True), (at(12, 13), False)):
        insert(conn, "app.tracking_switches", campaign_id="aurora", switched_at=switched_at, is_on=is_on, author="ida")
    promised = {"campaign_id": "aurora", "account_id": "acc-a", "due_at": at(11, 8)}
    insert(conn, "app.deliverables", deliverable_id="stories", kind="story", quantity=6, **promised)
    insert(conn, "app.deliverables", deliverable_id="reel", kind="reel", quantity=1, **promised)


def story(conn: psycopg.Connection, story_id: str, posted_at: datetime, caption: str | None, **values: Any) -> None:
    """One story as the API shows it, of acc-a unless it says otherwise."""
    node = {"id": story_id, "timestamp": posted_at.strftime("%Y-%m-%dT%H:%M:%S+0000"), "media_type": "IMAGE"}
    landed(
        conn,
        "stories",
        posted_at + timedelta(minutes=5),
        story_id=story_id,
        payload=node | ({"caption": caption} if caption else {}),
        content_hash=f"{int(story_id):064d}",
        **values,
    )


def _stories(conn: psycopg.Connection) -> None:
    story(conn, "301", at(10, 11, 59), "#aurora, too early by a minute")
    # Full-width, and a space that nobody sees.
    story(conn, "302", at(10, 12), "\uff03\uff21\uff35\uff32\uff2f\uff32\uff21 \u200bat noon")
    story(conn, "303", at(10, 13), "#auorra")
    story(conn, "304", at(10, 14), None)
    story(conn, "305", at(10, 15), "#aurorra")
    story(conn, "306", at(10, 16), "not a word of it")
    story(conn, "307", at(9, 12), "before it all began")
    story(conn, "308", at(10, 17), "#aurora, and yet not meant")
    story(conn, "309", at(10, 18), "#aurora", account_id="acc-b")
    story(conn, "310", at(11, 23, 59), "#Aurora until the end")
    story(conn, "311", at(12, 0), "#aurora, too late")
    reading(conn, "302", at(11, 11, 55), views=1000, reach=600, total_interactions=20, replies=2)
    withheld(conn, "303", at(11, 12, 55))
    reading(conn, "310", at(12, 11, 55), views=50, reach=40, total_interactions=5)


def _by_hand(conn: psycopg.Connection) -> None:
    of_n = {"account_id": "acc-n", "caption": "#aurora"}
    entry(conn, "early", "story_capture", at(11, 12), posted_at=at(11, 5, 59), **of_n)
    entry(conn, "first", "story_capture", at(11, 12), posted_at=at(11, 6), **of_n)
    entry(conn, "off", "story_capture", at(11, 12), posted_at=at(11, 10), **of_n)
    # The switch is not for what a creator hands in.
    link = "https://lumen.example/glow?utm_source=story"
    entry(conn, "own", "creator_upload", at(11, 13), account_id="acc-n", posted_at=at(11, 12), link=link)


def _decisions(conn: psycopg.Connection) -> None:
    of_aurora = {"campaign_id": "aurora"}
    entry(conn, "d-303", "confirm_match", at(11, 9, 30), story_id="303", decision="yes", **of_aurora)
    entry(conn, "d-305", "confirm_match", at(11, 9), story_id="305", decision="no", author="bob", **of_aurora)
    entry(conn, "d-306", "assign", at(11, 9), story_id="306", decision="yes", author="bob", **of_aurora)
    entry(conn, "d-307", "assign", at(11, 9), story_id="307", decision="yes", **of_aurora)
    entry(conn, "d-308", "assign", at(11, 9), story_id="308", decision="no", **of_aurora)
    # No word of a person goes over the switch either.
    entry(conn, "d-off", "assign", at(11, 13), story_id="manual:off", account_id="acc-n", decision="yes", **of_aurora)


def _posts(conn: psycopg.Connection) -> None:
    node = {"timestamp": "2026-11-11T08:00:01+0000", "media_type": "VIDEO", "media_product_type": "REELS"}
    caption = {"caption": "All of it #aurora"}
    landed(conn, "media", at(11, 9), media_id="401", payload={"id": "401"} | node | caption)
    landed(conn, "media", at(11, 9), media_id="402", payload={"id": "402"} | node, content_hash="1" * 64)
    metrics = {"views": 500, "total_interactions": 30}
    data = [{"name": name, "values": [{"value": value}]} for name, value in metrics.items()]
    landed(conn, "media_insights", at(12, 9), media_id="401", metric_group="core", status="ok", payload={"data": data})
    landed(conn, "account_profiles", at(12, 9), payload={"id": "1", "followers_count": 9000})
