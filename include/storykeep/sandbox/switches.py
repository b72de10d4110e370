"""What nobody outside Meta knows for certain: each fact once, set to its likeliest value.

Tests replace these names to see how a client bears the other answer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

EXPIRED_STORY: Literal["missing", "readable", "not_found"] = "missing"
"""A story's node after 24 h: 400 100/33, readable with empty insights, or 400 24/2207006."""

NOT_ENOUGH_VIEWERS_STATUS = 400
"""HTTP status of code 10 "Not enough viewers"."""

NO_PERMISSION_STATUS = 403
"""HTTP status of code 10 "Application does not have permission"."""

MIXED_BREAKDOWN_STATUS = 500
"""HTTP status of code 1 when a breakdown meets a metric without one."""

MIN_VIEWERS = 5
"""Below so many viewers the insights of a story are withheld."""

MAX_PAGE = 100
"""The largest `limit`; a larger one is clamped."""

LINK_LIFE = timedelta(hours=24)
"""How long a CDN link answers after the API gave it out."""

PAGE_TOKEN_READS = True
"""Whether a Page token may read the Instagram account of its Page."""
