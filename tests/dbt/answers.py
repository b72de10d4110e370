"""A world with an answer: what two brands' campaigns came to, worked out on paper in test_answers.py.

The clocks go back while the campaigns run: in Berlin on the 25th of October at 1:00 UTC, in New York on the 1st of
November at 6:00 UTC. Times are UTC here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from tests.dbt.content import post
from tests.dbt.entries_world import decided, entry
from tests.dbt.world import at, insert, landed, reading, withheld

AS_OF = at(2, 12)
FIRST_LISTING = datetime(2026, 10, 22, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# Account: who it belongs to, how it is connected, its followers as told later on.
ACCOUNTS = {
    "mila": ("Mila", "facebook", 12000),
    "mila.too": ("Mila", "instagram", 800),
    "jonas": ("Jonas", None, None),
    "nora": ("Nora", "instagram", 5000),
    "otto": ("Otto", "facebook", 2500),
}


def octo(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of October 2026."""
    return datetime(2026, 10, day, hour, minute, tzinfo=UTC)


@dataclass(frozen=True)
class Story:
    """A story that listings show from five minutes after its posting on, unless it is said otherwise."""

    story_id: str
    account: str
    posted_at: datetime
    caption: str | None
    seen_at: datetime | None = None
    gone_at: datetime | None = None

    @property
    def first_seen_at(self) -> datetime:
        return self.seen_at or self.posted_at + 5 * MINUTE

    def is_shown(self, moment: datetime) -> bool:
        return self.first_seen_at <= moment < (self.gone_at or self.posted_at + timedelta(hours=24))

    def after(self, hours: int, minutes: int = 0) -> datetime:
        return self.posted_at + timedelta(hours=hours, minutes=minutes)


STORIES = (
    Story("101", "mila", octo(24, 21, 30), "First look #AutumnGlow"),  # 23:30 in Berlin
    Story("102", "mila", octo(24, 22, 10), "＃ＡｕｔｕｍｎＧｌｏｗ by ＠ａｕｒｏｒａ．ｓｋｉｎ"),  # 0:10 # noqa: RUF001
    Story("103", "mila", octo(24, 23, 10), "and on: #autumnglw"),  # 60 minutes later to the second
    Story("104", "mila", octo(25, 0, 59), None, gone_at=octo(25, 6)),  # 2:59, and a minute later it is 2:00 again
    Story("105", "mila", octo(25, 1, 30), "thanks @aurora.skin."),
    Story("106", "mila", octo(25, 22, 30), "night #autumnglow"),  # 23:30
    Story("107", "mila", octo(25, 23), "#autumngl0w"),  # 0:00 of the 26th
    Story("109", "mila", octo(26, 23), "#autumnglow"),  # when the campaign ends
    Story("110", "mila", octo(24, 12), "a link sticker"),
    Story("111", "mila", octo(26, 8), "not a word of it"),
    Story("201", "mila.too", octo(24, 23, 50), "#autumnglow"),
    Story("202", "mila.too", octo(25, 5), "#autumnglow"),
    Story("203", "mila.too", octo(26, 0), "#autumnglow", seen_at=octo(26, 12)),
    Story("301", "nora", at(1, 3, 59), "at the start #BoroughRun"),  # 23:59 in New York, of October
    Story("302", "nora", at(1, 4), "#boroughrun"),  # 0:00 of the 1st
    Story("303", "nora", at(2, 4, 59), "#boroughrun"),  # 23:59, and still of the 1st
    Story("304", "nora", at(2, 5), "#boroughrun"),
    Story("401", "otto", at(1, 6, 30), "we saw the #boroughrun"),
    Story("402", "otto", at(1, 8), "#borouhgrun"),
    *(Story(f"49{n}", "otto", octo(22, 2 * n), "before all this") for n in range(1, 9)),
)
BY_ID = {story.story_id: story for story in STORIES}


def fill_answers(conn: psycopg.Connection) -> None:
    """Write the world into app and raw."""
    _people(conn)
    _campaigns(conn)
    for day in range((AS_OF - FIRST_LISTING).days + 1):
        date = (FIRST_LISTING + timedelta(days=day)).date()
        conn.execute(
            "select raw.ensure_partition(p, %s) from unnest(array['story_listings', 'story_insights']) as p", [date]
        )
    _listings(conn)
    _stories(conn)
    _readings(conn)
    _post(conn)
    _entries(conn)
    conn.commit()


def _people(conn: psycopg.Connection) -> None:
    insert(conn, "app.listing_cadences", since=FIRST_LISTING, seconds=12 * 60 * 60)
    insert(conn, "app.brands", brand_id="aurora", name="Aurora", time_zone="Europe/Berlin", currency="EUR")
    insert(conn, "app.brands", brand_id="borough", name="Borough", time_zone="America/New_York", currency="USD")
    for name in sorted({name for name, _, _ in ACCOUNTS.values()}):
        insert(conn, "app.creators", creator_id=name.lower(), name=name)
    known_since = {"connected_at": FIRST_LISTING, "status": "connected", "status_since": FIRST_LISTING}
    for number, (account, (creator, flavour, followers)) in enumerate(ACCOUNTS.items()):
        who = {"account_id": account, "username": account, "ig_user_id": f"1784{number}"}
        insert(conn, "app.accounts", creator_id=creator.lower(), added_at=FIRST_LISTING, **who)
        if flavour is None:
            continue
        tasks = ["ANALYZE"] if flavour == "facebook" else None
        insert(conn, "app.connections", account_id=account, login_flavour=flavour, page_tasks=tasks, **known_since)
        for captured_at, count in ((octo(23, 6), 100), (at(2, 6), followers)):
            profile = {"username": account, "followers_count": count}
            landed(conn, "account_profiles", captured_at, account_id=account, payload=profile)
    # He never connected, and wishes not to.
    insert(conn, "app.capture_modes", account_id="jonas", since=FIRST_LISTING, mode="manual", author="jonas")


def _campaigns(conn: psycopg.Connection) -> None:
    # Three days of Berlin, of 24, 25 and 24 hours; the middle one of them; three of New York, 24, 25 and 24 hours.
    for campaign_id, brand_id, starts_at, ends_at, terms in (
        ("glow", "aurora", octo(23, 22), octo(26, 23), {"cost": 900, "currency": "EUR"}),
        ("one-day", "aurora", octo(24, 22), octo(25, 23), {"currency": "EUR"}),
        ("run", "borough", octo(31, 4), at(3, 5), {"cost": 1000, "currency": "USD", "scope": "all"}),
    ):
        dates = {"starts_at": starts_at, "ends_at": ends_at}
        insert(conn, "app.campaigns", campaign_id=campaign_id, brand_id=brand_id, name=campaign_id, **dates, **terms)
    for campaign_id, kind, value in (
        ("glow", "hashtag", "autumnglow"),
        ("glow", "mention", "aurora.skin"),
        ("glow", "link", "aurora.example/glow"),
        ("run", "hashtag", "boroughrun"),
    ):
        insert(conn, "app.match_rules", campaign_id=campaign_id, kind=kind, value=value)
    long = (octo(1, 0), at(30, 0))
    for campaign_id, account, (valid_from, valid_to), fee in (
        ("glow", "mila", long, 300),
        ("glow", "mila.too", (octo(25, 0), octo(26, 0)), 50),
        ("glow", "jonas", long, 150),
        ("one-day", "mila", long, None),
        ("one-day", "jonas", long, None),
        ("run", "nora", long, 400),
    ):
        valid = {"valid_from": valid_from, "valid_to": valid_to}
        insert(conn, "app.campaign_participants", campaign_id=campaign_id, account_id=account, fee=fee, **valid)
    for switched_at, is_on in ((octo(24, 10), True), (octo(26, 10), False)):
        insert(conn, "app.tracking_switches", campaign_id="glow", switched_at=switched_at, is_on=is_on, author="ann")
    for number, (campaign_id, account, kind, quantity, due_at) in enumerate(
        (
            ("glow", "mila", "story", 3, octo(24, 22)),
            ("glow", "mila", "story", 1, octo(27, 0)),
            ("glow", "jonas", "story", 3, octo(26, 11)),
            ("glow", None, "post", 1, octo(26, 0)),  # each of the three
            ("run", "nora", "story", 6, at(3, 5)),
        )
    ):
        promised = {"account_id": account, "kind": kind, "quantity": quantity, "due_at": due_at}
        insert(conn, "app.deliverables", campaign_id=campaign_id, deliverable_id=f"d{number}", **promised)


def _listings(conn: psycopg.Connection) -> None:
    """Twice a day, and when a story is first seen; mila.too is not listed from the 25th, 5:05, to the 26th, 12:00."""
    for account, (_, flavour, _) in ACCOUNTS.items():
        if flavour is None:
            continue
        stories = [story for story in STORIES if story.account == account]
        moments = {story.first_seen_at for story in stories}
        moments |= {FIRST_LISTING + timedelta(hours=12 * half) for half in range(24)}
        for moment in sorted(moments):
            if account == "mila.too" and octo(25, 5, 5) < moment < octo(26, 12):
                continue
            shown = {story.story_id: "h" for story in stories if story.is_shown(moment)}
            landed(conn, "story_listings", moment, account_id=account, status="ok", payload=shown)


def _stories(conn: psycopg.Connection) -> None:
    for story in STORIES:
        told = {"caption": story.caption} if story.caption else {}
        node = {"id": story.story_id, "timestamp": story.posted_at.isoformat(), "media_type": "IMAGE"} | told
        row = {"account_id": story.account, "story_id": story.story_id, "payload": node}
        landed(conn, "stories", story.first_seen_at, **row)


def _readings(conn: psycopg.Connection) -> None:
    # Views 15 and 5 minutes before the end; reach, interactions and replies at the later reading.
    for story_id, views_before, views, reach, total_interactions, replies in (
        ("101", 990, 1000, 700, 50, 0),
        ("105", 580, 600, 450, 30, 0),
        ("106", 796, 800, 600, 40, 1),
        ("107", 200, 200, 150, 5, 0),
        ("110", 248, 250, 200, 10, 0),
        ("111", 300, 300, 220, 8, 0),
        ("201", 90, 90, 70, 2, 0),
        ("301", 2990, 3000, 2000, 150, 10),
        ("302", 2400, 2400, 1500, 60, 0),
        ("401", 500, 500, 400, 20, 0),
        ("402", 60, 60, 50, 1, 0),
    ):
        _read(conn, story_id, 23, 45, views=views_before)
        told = {"reach": reach, "total_interactions": total_interactions, "replies": replies}
        _read(conn, story_id, 23, 55, views=views, **told)
    # Four hours before the end, and never again.
    _read(conn, "103", 20, views=400, reach=300, total_interactions=20, replies=2)
    _read(conn, "202", 20, views=100, reach=80, total_interactions=4, replies=0)
    _read(conn, "303", 6, 1, views=40, reach=30, total_interactions=2, replies=0)
    for story_id, hours, minutes, group in (
        ("102", 23, 55, "core"),
        ("102", 23, 55, "link_clicks"),
        ("104", 2, 0, "core"),
        ("304", 6, 30, "core"),
    ):
        story = BY_ID[story_id]
        withheld(conn, story_id, story.after(hours, minutes), account_id=story.account, metric_group=group)
    clicks = {"data": [{"name": "link_clicks", "period": "lifetime", "values": [{"value": 7}]}]}
    row = {"account_id": "mila", "story_id": "110", "metric_group": "link_clicks", "status": "ok", "payload": clicks}
    landed(conn, "story_insights", BY_ID["110"].after(23, 55), **row)
    # Read all along: after 20 hours each had 1,000 views; by the end, half of them gained a tenth and half a fifth.
    for n in range(1, 9):
        final = 1100 if n <= 4 else 1200
        for hours, minutes, views in ((5, 0, 300), (10, 0, 600), (15, 0, 800), (20, 0, 1000)):
            _read(conn, f"49{n}", hours, minutes, views=views)
        _read(conn, f"49{n}", 23, 45, views=final)
        _read(conn, f"49{n}", 23, 55, views=final)


def _read(conn: psycopg.Connection, story_id: str, hours: int, minutes: int = 0, **metrics: int) -> None:
    story = BY_ID[story_id]
    reading(conn, story_id, story.after(hours, minutes), story.account, **metrics)


def _post(conn: psycopg.Connection) -> None:
    told = {"media_product_type": "FEED", "media_type": "IMAGE", "caption": "#autumnglow, to stay"}
    post(conn, "501", octo(25, 12, 5), octo(25, 12), account_id="mila", **told)
    numbers = {"views": 2000, "reach": 1500, "total_interactions": 100}
    data = [{"name": name, "period": "lifetime", "values": [{"value": value}]} for name, value in numbers.items()]
    row = {"account_id": "mila", "media_id": "501", "metric_group": "core", "status": "ok", "payload": {"data": data}}
    landed(conn, "media_insights", at(1, 12), **row)


def _entries(conn: psycopg.Connection) -> None:
    # One minute before the switch is on; while it is; when it is off again; and an upload, which needs no switch.
    for number, kind, posted_at in (
        (1, "story_capture", octo(24, 9, 59)),
        (2, "story_capture", octo(25, 10)),
        (3, "story_capture", octo(26, 10)),
        (4, "creator_upload", octo(26, 12)),
    ):
        caption = {"caption": f"#autumnglow, {number}"}
        entry(conn, f"j{number}", kind, octo(26, 13), account_id="jonas", posted_at=posted_at, **caption)
    # 110, as it turns out, with the link that the API does not tell.
    link = {"link": "https://www.aurora.example/Glow/?by=mila"}
    entry(conn, "c-110", "story_capture", octo(26, 13), account_id="mila", posted_at=octo(24, 12, 4), **link)
    of_glow = {"account_id": "mila", "campaign_id": "glow"}
    entry(conn, "n-103", "confirm_match", octo(27, 9), story_id="103", decision="yes", **of_glow)
    entry(conn, "n-107", "confirm_match", octo(27, 9, 5), story_id="107", decision="no", author="ben", **of_glow)
    entry(conn, "a-111", "assign", octo(27, 9, 30), story_id="111", **of_glow)
    entry(conn, "a-109", "assign", octo(27, 9, 35), story_id="109", **of_glow)
    _edits(conn)


def _edits(conn: psycopg.Connection) -> None:
    def edit(entry_id: str, entered_at: datetime, account_id: str, metrics: dict[str, int], **values: object) -> None:
        entry(conn, entry_id, "story_metrics", entered_at, account_id=account_id, metrics=metrics, **values)

    edit("e-101", octo(27, 10), "mila", {"views": 1100}, story_id="101")  # nobody decides on it
    edit("e-102", octo(27, 10), "mila", {"reach": 3}, story_id="102")
    edit("e-105", octo(27, 10), "mila", {"views": 99999}, story_id="105")
    edit("e-105", octo(27, 12), "mila", {"views": 99999}, story_id="105", version=2, is_withdrawn=True)
    seen = {"story_id": "106", "observed_at": octo(26, 21, 30)}
    edit("e-106", octo(27, 10), "mila", {"views": 850}, **seen)
    edit("e-106", octo(27, 12), "mila", {"views": 870}, version=2, **seen)
    edit("e-107", octo(27, 10), "mila", {"views": 1}, story_id="107")
    # By its id, and by its time, two minutes off.
    edit("e-111", octo(27, 10), "mila", {"views": 310}, story_id="111")
    edit("e-111-too", octo(27, 11), "mila", {"views": 320}, posted_at=octo(26, 8, 2), author="cleo")
    numbers = {"views": 500, "reach": 400, "total_interactions": 25, "exits": 12}
    edit("e-j2", octo(27, 10), "jonas", numbers, story_id="manual:j2", observed_at=octo(26, 9))
    edit("e-j4", octo(27, 10), "jonas", {"reach": 120}, story_id="manual:j4")
    for entry_id in ("e-102", "e-105", "e-106", "e-111-too", "e-j2", "e-j4"):
        decided(conn, entry_id, octo(27, 11))
    decided(conn, "e-106", octo(27, 13), version=2)
    decided(conn, "e-111", octo(27, 13))  # approved last, and entered first
    decided(conn, "e-107", octo(27, 11), "rejected")
