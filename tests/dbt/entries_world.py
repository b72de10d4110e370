"""What people entered by hand in the small world: every case of a rule once (see test_entries.py)."""

from datetime import datetime
from typing import Any

import psycopg
from tests.dbt.world import AS_OF, at, insert

AFTER = AS_OF.replace(hour=13)


def fill_entries(conn: psycopg.Connection) -> None:
    """Write the entries and what was decided about them, and that `tagged` counts what is captured by hand."""
    insert(conn, "app.tracking_switches", campaign_id="tagged", switched_at=at(10, 0), is_on=True, author="ann")
    _captures(conn)
    _numbers(conn)
    conn.commit()


def entry(conn: psycopg.Connection, entry_id: str, kind: str, entered_at: datetime, **values: Any) -> None:
    """One version of an entry, of acc-a unless it says otherwise; what is no column goes into the payload."""
    columns = ("version", "account_id", "story_id", "campaign_id", "author", "is_withdrawn", "evidence_path")
    payload = {name: value for name, value in values.items() if name not in columns}
    insert(
        conn,
        "raw.manual_entries",
        entry_id=entry_id,
        kind=kind,
        captured_at=entered_at,
        run_id="by hand",
        content_hash=f"{entry_id}/{values.get('version', 1)}",
        payload={name: value.isoformat() if isinstance(value, datetime) else value for name, value in payload.items()},
        **({"version": 1, "account_id": "acc-a", "author": "ann"} | {k: v for k, v in values.items() if k in columns}),
    )


def decided(
    conn: psycopg.Connection, entry_id: str, decided_at: datetime, decision: str = "approved", version: int = 1
) -> None:
    """What Ben decided about a version."""
    insert(
        conn,
        "app.entry_approvals",
        entry_id=entry_id,
        version=version,
        decided_at=decided_at,
        decided_by="ben",
        decision=decision,
    )


def _captures(conn: psycopg.Connection) -> None:
    # 101, four minutes off: the API's caption stays, the link is new.
    typed = {"caption": "typed", "link": "https://lumen.example/glow"}
    entry(conn, "of-101", "story_capture", at(10, 9), posted_at=at(10, 8, 4), **typed)
    # 105 has no caption of the API's.
    entry(conn, "of-105", "creator_upload", at(12, 10), posted_at=at(12, 6), caption="seen by hand")
    # acc-n is not connected: what is known of it is known by hand.
    entry(
        conn,
        "n-1",
        "story_capture",
        at(11, 10),
        account_id="acc-n",
        posted_at=at(11, 9),
        caption="#glow in the morning",
        media_type="IMAGE",
        evidence_path="ee/n-1.png",
    )
    entry(conn, "n-2", "creator_upload", at(11, 20), account_id="acc-n", posted_at=at(11, 9, 30), caption="personal")
    entry(conn, "n-3", "story_capture", at(12, 8), account_id="acc-n", posted_at=at(12, 7))
    # The creator hands in what was captured by hand already.
    entry(conn, "n-1-too", "creator_upload", at(11, 21), account_id="acc-n", posted_at=at(11, 9, 2))
    # A reshare, which the API never shows, of a connected account.
    entry(conn, "reshare", "story_capture", at(10, 12), posted_at=at(10, 10, 45))
    # Taken back, and not entered yet.
    gone = {"account_id": "acc-b", "posted_at": at(10, 12)}
    entry(conn, "gone", "story_capture", at(10, 13), **gone)
    entry(conn, "gone", "story_capture", at(10, 14), version=2, is_withdrawn=True, **gone)
    entry(conn, "later", "story_capture", AFTER, account_id="acc-n", posted_at=at(10, 12))


def _numbers(conn: psycopg.Connection) -> None:
    # Of n-1, by its time: approved, entered again with other views, which wait.
    of_n = {"account_id": "acc-n", "posted_at": at(11, 9, 1)}
    seen = {"observed_at": at(12, 8)}
    entry(conn, "m-n", "story_metrics", at(12, 9), metrics={"views": 500, "reach": 400}, **of_n, **seen)
    decided(conn, "m-n", at(12, 10))
    entry(conn, "m-n", "story_metrics", at(12, 10), version=2, metrics={"views": 9999}, **of_n, **seen)
    # 102 was read late: two people read its views from screenshots, the one who entered them last counts.
    entry(conn, "m-102", "story_metrics", at(12, 8), story_id="102", metrics={"views": 350, "exits": 9}, **seen)
    entry(conn, "m-102-too", "story_metrics", at(12, 9), story_id="102", metrics={"views": 345}, author="cleo", **seen)
    decided(conn, "m-102", at(12, 11))
    decided(conn, "m-102-too", at(12, 10))
    # 103 is withheld: a person tells the reach, and not the views.
    entry(conn, "m-103", "story_metrics", at(12, 9), story_id="103", metrics={"reach": 3})
    decided(conn, "m-103", at(12, 10))
    # Nothing of these counts: rejected in the end, approved too late, of a story that nobody knows, taken back.
    entry(conn, "m-104", "story_metrics", at(12, 9), story_id="104", account_id="acc-b", metrics={"views": 77})
    decided(conn, "m-104", at(12, 10))
    decided(conn, "m-104", at(12, 11), decision="rejected")
    entry(conn, "m-105", "story_metrics", at(12, 11), story_id="105", metrics={"views": 41})
    decided(conn, "m-105", AFTER)
    entry(conn, "m-none", "story_metrics", at(12, 9), posted_at=at(11, 20), metrics={"views": 5})
    decided(conn, "m-none", at(12, 10))
    entry(conn, "m-101", "story_metrics", at(12, 9), story_id="101", metrics={"views": 1})
    decided(conn, "m-101", at(12, 10))
    entry(conn, "m-101", "story_metrics", at(12, 11), version=2, story_id="101", is_withdrawn=True)
    # Which campaign a story is of.
    entry(conn, "a-1", "assign", at(12, 9), campaign_id="everything", story_id="manual:n-1", account_id="acc-n")
