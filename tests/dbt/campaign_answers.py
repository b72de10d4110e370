"""What the campaigns of answers.py came to, as worked out on paper; see test_answers.py.

A line is a column of the mart, a column a row of it; `-` is unknown. Sums are written out in the order of the stories.
"""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

# glow counts 101, 102, 103, 105, 106, 110, 111, 202, j2, j4 and the post 501; one-day counts 102, 103, 104, 105, 106
# and 501; run counts 301, 302, 303, 304, 401.
PERFORMANCE = """
    campaign_id               glow      one-day   run
    brand_id                  aurora    aurora    borough
    stories                   10        5         5
    posts                     1         1         0
    creators                  2         1         2         # mila and jonas; mila; nora and otto
    stories_imported          8         5         5
    stories_manual            2         0         0         # j2, j4
    stories_live              0         0         2         # 303, 304
    stories_final             7         3         3         # 101 102 105 106 110 111 j2; 102 105 106; 301 302 401
    stories_missing           1         1         0         # no views of j4; of 104
    stories_withheld          1         1         1         # 102; 102; 304
    stories_unknown           1         1         0
    # 1000+400+600+870+250+320+100+500; 400+600+870; 3000+2400+40+500
    views                     4040      1870      5940
    views_upper               4044      1874      5944      # and 4 of what is withheld
    reach_lower               700       600       2000      # of 101; of 106; of 301
    # 700+3+300+450+600+200+220+80+400+120; 3+300+450+600; 2000+1500+30+4+400
    reach_upper               3073      1353      3934
    total_interactions        187       90        232       # 50+20+30+40+10+8+4+25; 20+30+40; 150+60+2+20
    total_interactions_upper  191       94        236
    replies                   3         3         10        # 2+1; 2+1; 10
    replies_upper             7         7         14
    link_clicks               7         -         -         # 110 alone was asked for them, and 102, which withheld them
    link_clicks_upper         11        4         -
    posts_views               2000      2000      -
    posts_views_upper         2000      2000      -
    posts_interactions        100       100       -
    posts_reach_lower         1500      1500      -
    posts_reach_upper         1500      1500      -
    engagement_rate           0.046287  0.048128  0.039057  # 187/4040; 90/1870; 232/5940: known of both in all of them
    emv                       132.80    91.70     116.38    # 40.40+37.40; 18.70+18.00; and 30+25 of 501; 65.34+51.04
    participants              2         2         1         # mila, who has two accounts, and jonas; both; nora
    potential_reach           12800     12000     7500      # 12000+800, and nothing known of jonas; 12000; 5000+2500
    cost                      900       -         1000
    currency                  EUR       EUR       USD
    fees                      500       -         400       # 300+50+150; 400
    cpm                       149.0066  -         168.3502  # 900000/(4040+2000); 1000000/5940
    cost_per_engagement       3.1359    -         4.3103    # 900/(187+100); 1000/232
    deliverables_promised     10        0         6
    deliverables_delivered    7         0         4
    deliverables_late         2         0         0
    deliverables_overdue      3         0         0
    share_final               0.7       0.6       1         # 7/10; 3/5; 3 of the 3 that have ended
"""

# glow on its three days: 101, 110; 102, 103, 105, 106, 202, j2, 501; 111, j4. All of one-day. run on its three days:
# 301; 302, 303, 401; 304. A day begins at 22:00 in Berlin up to the 25th and at 23:00 after it, in New York at 4:00 up
# to the 1st and at 5:00 after it.
DAYS = """
    campaign_id               glow        glow        glow        one-day     run         run         run
    date                      2026-10-24  2026-10-25  2026-10-26  2026-10-25  2026-10-31  2026-11-01  2026-11-02
    starts_at                 10-23T22    10-24T22    10-25T23    10-24T22    10-31T04    11-01T04    11-02T05
    ends_at                   10-24T22    10-25T23    10-26T23    10-25T23    11-01T04    11-02T05    11-03T05
    hours                     24          25          24          25          24          25          24
    stories                   2           6           2           5           1           3           1
    posts                     0           1           0           1           0           0           0
    creators                  1           2           2           1           1           2           1
    stories_imported          2           5           1           5           1           3           1
    stories_manual            0           1           1           0           0           0           0
    stories_live              0           0           0           0           0           1           1
    stories_final             2           4           1           3           1           2           0
    stories_missing           0           0           1           1           0           0           0
    stories_withheld          0           1           0           1           0           0           1
    stories_unknown           0           0           1           1           0           0           0
    views                     1250        2470        320         1870        3000        2940        -
    views_upper               1250        2474        320         1874        3000        2940        4
    reach_lower               700         600         220         600         2000        1500        0
    reach_upper               900         1833        340         1353        2000        1930        4
    total_interactions        60          119         8           90          150         82          -
    total_interactions_upper  60          123         8           94          150         82          4
    replies                   0           3           0           3           10          0           -
    replies_upper             0           7           0           7           10          0           4
    link_clicks               7           -           -           -           -           -           -
    link_clicks_upper         7           4           -           4           -           -           -
    posts_views               -           2000        -           2000        -           -           -
    posts_views_upper         -           2000        -           2000        -           -           -
    posts_interactions        -           100         -           100         -           -           -
    posts_reach_lower         -           1500        -           1500        -           -           -
    posts_reach_upper         -           1500        -           1500        -           -           -
    engagement_rate           0.048       0.048178    0.025       0.048128    0.05        0.027891    -
    emv                       24.50       103.50      4.80        91.70       66.00       50.38       -
    share_final               1           0.666667    0.5         0.6         1           1           -
"""

# Of jonas's three stories due on the 26th at 11:00 j2 came before and j4 after. Of mila's three due on the 24th at
# 22:00 110 and 101 came before and 102 ten minutes late; 103 is the one due on the 27th. Each account owes a post, and
# 501 is that of mila's first. Two of nora's six are not there and not due yet.
CREATORS = """
    campaign_id               glow        glow        one-day     one-day     run         run
    creator_id                jonas       mila        jonas       mila        nora        otto
    is_participant            yes         yes         yes         yes         yes         no
    accounts                  1           2           1           1           1           1
    stories                   2           8           0           5           4           1
    posts                     0           1           0           1           0           0
    creators                  1           1           0           1           1           1
    stories_imported          0           8           0           5           4           1
    stories_manual            2           0           0           0           0           0
    stories_live              0           0           0           0           2           0
    stories_final             1           6           0           3           2           1
    stories_missing           1           0           0           1           0           0
    stories_withheld          0           1           0           1           1           0
    stories_unknown           1           0           0           1           0           0
    views                     500         3540        -           1870        5440        500
    views_upper               500         3544        -           1874        5444        500
    reach_lower               400         700         -           600         2000        400
    reach_upper               520         2553        -           1353        3534        400
    total_interactions        25          162         -           90          212         20
    total_interactions_upper  25          166         -           94          216         20
    replies                   -           3           -           3           10          0
    replies_upper             -           7           -           7           14          0
    link_clicks               -           7           -           -           -           -
    link_clicks_upper         -           11          -           4           -           -
    posts_views               -           2000        -           2000        -           -
    posts_views_upper         -           2000        -           2000        -           -
    posts_interactions        -           100         -           100         -           -
    posts_reach_lower         -           1500        -           1500        -           -
    posts_reach_upper         -           1500        -           1500        -           -
    engagement_rate           0.05        0.045763    -           0.048128    0.038971    0.04
    emv                       10.00       122.80      -           91.70       106.48      9.90
    potential_reach           -           12800       -           12000       5000        2500
    fee                       150         350         -           -           400         -
    currency                  EUR         EUR         EUR         EUR         USD         USD
    cpm                       300         63.1769     -           -           73.5294     -
    cost_per_engagement       6           1.3359      -           -           1.8868      -
    deliverables_promised     4           6           0           0           6           0
    deliverables_delivered    2           5           0           0           4           0
    deliverables_late         1           1           0           0           0           0
    deliverables_overdue      2           1           0           0           0           0
    share_final               0.5         0.75        -           0.6         1           1
"""


def rows_of(paper: str) -> list[dict[str, Any]]:
    """The rows of a mart that stand in such a table."""
    lines = [cells for line in paper.splitlines() if (cells := line.split("#")[0].split())]
    names = [name for name, *_ in lines]
    return [
        dict(zip(names, map(_value, cells), strict=True)) for cells in zip(*(cells for _, *cells in lines), strict=True)
    ]


def _value(cell: str) -> Any:
    if cell in ("-", "yes", "no"):
        return {"-": None, "yes": True, "no": False}[cell]
    if re.fullmatch(r"[0-9.]+", cell):
        return Decimal(cell)
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", cell):
        return date.fromisoformat(cell)
    if re.fullmatch(r"[0-9]{2}-[0-9]{2}T[0-9]{2}", cell):
        return datetime.fromisoformat(f"2026-{cell}:00+00:00")
    return cell
