"""Which permissions a sign-in asks for, and which of the granted ones nobody asked for.

What each is for stands in dbt/seeds/permissions.csv; a test holds the two together.
"""

from collections.abc import Collection

from storykeep.accounts.connections import INSIGHTS_SCOPE, READ_SCOPE
from storykeep.settings import Flavour

BUSINESS_SCOPE = "business_management"
# Without these there is nothing to connect. Without insights the content still is.
ESSENTIAL: dict[Flavour, tuple[str, ...]] = {
    "facebook": (READ_SCOPE["facebook"], "pages_show_list", "pages_read_engagement"),
    "instagram": (READ_SCOPE["instagram"],),
}
# Only needed for Pages of a business portfolio, and to hear of a story's end.
OPTIONAL: dict[Flavour, tuple[str, ...]] = {
    "facebook": (BUSINESS_SCOPE, "pages_manage_metadata"),
    "instagram": (),
}
# Facebook adds these to every sign-in.
UNASKED: dict[Flavour, tuple[str, ...]] = {"facebook": ("public_profile",), "instagram": ()}


def asked_scopes(flavour: Flavour) -> tuple[str, ...]:
    """What the dialog is to ask for: nothing with which one could post, follow, like or comment."""
    return (*ESSENTIAL[flavour], INSIGHTS_SCOPE[flavour], *OPTIONAL[flavour])


def lacking(flavour: Flavour, granted: Collection[str] | None) -> list[str]:
    """The essential permissions that were not granted; none while the granted ones are not known."""
    return [] if granted is None else [scope for scope in ESSENTIAL[flavour] if scope not in granted]


def surplus(flavour: Flavour, granted: Collection[str] | None) -> list[str]:
    """The permissions that were granted though this project never asks for them, such as earlier ones of the app."""
    wanted = (*asked_scopes(flavour), *UNASKED[flavour])
    return sorted(scope for scope in granted or () if scope not in wanted)
