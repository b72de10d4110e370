"""What nobody outside Meta knows for certain: each fact once, set to its likeliest value.

Tests replace these names to see how a client bears the other answer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

EXPIRED_STORY: Literal["missing", "readable", "not_found"] = "missing"
"""A story's node after 24 h: 400 100/33, readable with empty insights, or 400 24/2207006."""

NOT_ENOUGH_VIEWERS_STATUS: Literal[400, 403] = 400
"""HTTP status of code 10 "Not enough viewers"."""

NO_PERMISSION_STATUS: Literal[400, 403] = 403
"""HTTP status of code 10 "Application does not have permission"."""

MIXED_BREAKDOWN_STATUS: Literal[400, 500] = 500
"""HTTP status of code 1 when a breakdown meets a metric without one."""

NO_SUCH_OBJECT_WORDS: Literal["message", "error_user_msg"] = "message"
"""Where 100/33 carries its text; `message` is "Invalid parameter" when that is error_user_msg."""

NOT_SHARED_CODE = 100
"""The error code of facebook_views of media that was not shared to Facebook; the subcode is 2207086."""

NOT_SHARED_MESSAGE: Literal["Invalid parameter", "The metric facebook_views is not available for this media"] = (
    "Invalid parameter"
)
"""The words of the same."""

LINK_CLICKS = True
"""Whether there is a metric link_clicks on the facebook host."""

CORE_TOGETHER = True
"""Whether navigation may be asked for beside follows, profile_visits and reposts, as the usual call for all does."""

LEAST_IMPRESSIONS = 10
"""The impressions that the rate limit of a quiet account is reckoned from."""

MIN_VIEWERS = 5
"""Below so many viewers the insights of a story are withheld."""

MAX_PAGE = 100
"""The largest `limit`; a larger one is clamped."""

LINK_LIFE = timedelta(hours=24)
"""How long a CDN link to an image answers after the API gave it out."""

VIDEO_LINK_LIFE = timedelta(hours=24)
"""The same of a video; ten hours is the least that was ever measured."""

PAGE_TOKEN_READS = True
"""Whether a Page token may read the Instagram account of its Page."""

STRIP_MENTIONS = False
"""Whether captions lose their `@` on the facebook host, as they do for callers without an admin-level task on the Page.
A creator who connects an account of their own has such a task."""

STORY_PERMALINK_HOST: Literal["instagram.com", "www.instagram.com"] = "instagram.com"
"""Host of a story's permalink."""

PLAIN_METRIC: Literal["values", "total_value"] = "values"
"""Where a media metric without breakdown carries its value."""

UPPER_CASE_BREAKDOWN = False
"""Whether the values of a breakdown of media are in upper case, as documented, and not in lower case, as recorded."""

SILENT_INSIGHTS = False
"""Whether insights without permission are 200 with empty data, and not code 10."""

BAD_TOKEN_STATUS: Literal[400, 401] = 400
"""HTTP status of code 190."""

AFTER_DATA_ACCESS: Literal["permission", "token"] = "permission"
"""What Instagram data answer when the 90 days of data access are over: code 10, or code 190."""

PROOF_REQUIRED = False
"""Whether the app demands an appsecret_proof of every call to the facebook host with a person's or a Page's token."""

PROOF_ON_INSTAGRAM = True
"""Whether the instagram host looks at an appsecret_proof."""

ACCOUNT_SUBSCRIPTIONS = True
"""Whether an account has `subscribed_apps` on the facebook host, as Meta's SDK has it since 26.0.3."""

REFRESH_TOO_EARLY_CODE = 100
"""The error code of refreshing an Instagram token that is not a day old."""

REFRESH_TOO_EARLY_STATUS = 400
"""HTTP status of the same."""

CODE_ANSWER: Literal["flat", "wrapped"] = "flat"
"""What a code is exchanged for on Instagram: flat with a numeric user_id and a list of permissions, as clients read it,
or in `data` with texts, as documented."""

EXPIRES_IN_GIVEN = True
"""Whether answers with a new token say how long it lives."""

DEBUG_TOKEN_ON_INSTAGRAM = False
"""Whether the instagram host has `debug_token`."""

BATCH_ON_INSTAGRAM = False
"""Whether the instagram host has the Batch API."""
