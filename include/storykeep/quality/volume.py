"""Is it as much as usual? The new rows of each account, against those of the same account in the day before them.

What is odd here is told and stops nothing: it may be the account's own doing. In `@handle` the account is named.
"""

from datetime import datetime, timedelta
from typing import Any

from storykeep.quality.checkpoint import never

HISTORY = timedelta(days=1)

# Listings come at a steady pace, so that their number goes by the time that the new ones span.
LISTINGS = """
    with span as (
        select greatest(extract(epoch from max(captured_at) - min(captured_at)) / 3600, 1) as hours from {{batch}}
    ),

    new as (select account_id, count(*) as listings from {{batch}} group by account_id),

    before as (
        select
            account_id,
            count(*) / greatest(extract(epoch from {since} - min(captured_at)) / 3600, 1) as per_hour
        from raw.story_listings
        where captured_at >= {from_} and captured_at < {since}
        group by account_id
        having count(*) >= 12
    )

    select username, listings, round(per_hour * hours) as usually
    from new
    join before using (account_id)
    join app.accounts using (account_id)
    cross join span
    where listings > 3 * per_hour * hours + 5 or listings < per_hour * hours / 3 - 5
    order by username
"""
# How many stories are read is the creator's doing, how many replies one reading has is not.
REPLIES = """
    with new as (
        select account_id, count(*)::numeric / count(distinct (story_id, captured_at)) as replies
        from {{batch}}
        group by account_id
        having count(distinct (story_id, captured_at)) >= 3
    ),

    before as (
        select account_id, count(*)::numeric / count(distinct (story_id, captured_at)) as usually
        from raw.story_insights
        where captured_at >= {from_} and captured_at < {since}
        group by account_id
        having count(distinct (story_id, captured_at)) >= 10
    )

    select username, round(replies, 1) as replies, round(usually, 1) as usually
    from new
    join before using (account_id)
    join app.accounts using (account_id)
    where replies > 2 * usually or replies < usually / 2
    order by username
"""
MEASURED = {
    "story_listings": ("every account is listed about as often as usual", LISTINGS),
    "story_insights": ("a reading of every account has about as many replies as usual", REPLIES),
}


def expectations(table: str, since: datetime) -> list[Any]:
    """What is expected of the volume of the new rows of a raw table, of which the first was captured at `since`."""
    if table not in MEASURED:
        return []
    claim, query = MEASURED[table]
    moments = {"since": _moment(since), "from_": _moment(since - HISTORY)}
    return [never(claim, query.format(**moments), severity="warning")]


def _moment(moment: datetime) -> str:
    return f"timestamptz '{moment.isoformat()}'"
