"""Which campaigns there are, in a line each."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

import psycopg
from psycopg.rows import class_row

from storykeep.errors import StorykeepError


@dataclass(frozen=True)
class Listed:
    """One line of `storykeep campaigns list`."""

    campaign_id: str
    name: str
    brand_id: str
    brand: str
    starts_at: datetime
    ends_at: datetime
    cost: Decimal | None
    currency: str
    scope: Literal["participants", "all"]
    participants: int
    rules: list[str]
    manual_tracking: str


def list_campaigns(conn: psycopg.Connection) -> list[Listed]:
    """Every campaign with its brand, participants, rules and switch, by brand and start."""
    with conn.cursor(row_factory=class_row(Listed)) as cursor:
        return cursor.execute(
            """
            select campaign_id, campaigns.name, brand_id, brands.name as brand, starts_at, ends_at, cost,
                campaigns.currency, scope,
                (
                    select count(distinct account_id)
                    from app.campaign_participants as part
                    where part.campaign_id = campaigns.campaign_id
                ) as participants,
                array(
                    select case kind when 'hashtag' then '#' when 'mention' then '@' else '' end || value
                    from app.match_rules as rule
                    where rule.campaign_id = campaigns.campaign_id
                    order by kind, value
                ) as rules,
                coalesce(
                    (
                        select case when is_on then 'on' else 'off' end
                        from app.tracking_switches as switch
                        where switch.campaign_id = campaigns.campaign_id
                        order by switched_at desc, switch_id desc
                        limit 1
                    ),
                    'off'
                ) as manual_tracking
            from app.campaigns
            join app.brands using (brand_id)
            order by brand_id, starts_at, campaign_id
            """
        ).fetchall()


def no_such_campaign(campaign_id: str) -> StorykeepError:
    """What is said of an id that no campaign has."""
    return StorykeepError("there is no such campaign", where=campaign_id, remedy="see: storykeep campaigns list")
