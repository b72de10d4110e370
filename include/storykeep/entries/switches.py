"""Tells early what the marts will leave out: stories from when a campaign's tracking switch was off."""

from collections.abc import Sequence

import psycopg

from storykeep.entries.entry import Entry


def warnings(conn: psycopg.Connection, entries: Sequence[Entry]) -> list[str]:
    """One line for each campaign whose tracking was off when some of these captured stories were posted."""
    stories = [(entry.account_id, entry.payload["posted_at"]) for entry in entries if entry.kind == "story_capture"]
    rows = conn.execute(
        """
        select campaigns.campaign_id, count(*)
        from unnest(%s::text [], %s::timestamptz []) as stories (account_id, posted_at)
        join app.campaign_participants as parts
            on parts.account_id = stories.account_id and stories.posted_at >= parts.valid_from
            and stories.posted_at < parts.valid_to
        join app.campaigns on campaigns.campaign_id = parts.campaign_id
            and stories.posted_at >= campaigns.starts_at and stories.posted_at < campaigns.ends_at
        where not coalesce((
            select is_on from app.tracking_switches
            where tracking_switches.campaign_id = campaigns.campaign_id and switched_at <= stories.posted_at
            order by switched_at desc, switch_id desc limit 1
        ), false)
        group by campaigns.campaign_id
        order by campaigns.campaign_id
        """,
        [[account_id for account_id, _ in stories], [posted_at for _, posted_at in stories]],
    )
    return [
        f"{count} of these stories were posted while tracking of {campaign} was off: they are kept, and do not count"
        for campaign, count in rows
    ]
