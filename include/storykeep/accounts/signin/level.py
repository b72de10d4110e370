"""How much of an account a sign-in lets Storykeep see."""

from collections.abc import Collection
from enum import StrEnum

from storykeep.accounts.connections import INSIGHTS_SCOPE
from storykeep.accounts.diagnosis import ANALYZE
from storykeep.accounts.signin.scopes import lacking
from storykeep.settings import Flavour


class Level(StrEnum):
    """From the least to the most: whose it is, its stories and posts, their numbers too."""

    VERIFIED_ONLY = "verified_only"
    CONTENT_ONLY = "content_only"
    INSIGHTS = "insights"


def level_of(flavour: Flavour, scopes: Collection[str] | None, page_tasks: Collection[str] | None = None) -> Level:
    """What a token with these permissions reaches. On facebook numbers also need a task on the linked Page.

    What is not known (None) is believed to be there, until the API refuses it.
    """
    if lacking(flavour, scopes):
        return Level.VERIFIED_ONLY
    may_analyze = flavour == "instagram" or page_tasks is None or bool(ANALYZE & set(page_tasks))
    if may_analyze and (scopes is None or INSIGHTS_SCOPE[flavour] in scopes):
        return Level.INSIGHTS
    return Level.CONTENT_ONLY
