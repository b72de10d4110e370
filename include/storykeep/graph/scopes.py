"""Which permission the API wants for which path."""

from storykeep.settings import Flavour

# For nodes, and for every edge that is not named below.
_BASIC: dict[Flavour, str] = {"facebook": "instagram_basic", "instagram": "instagram_business_basic"}
# By the last segment of the path.
_SCOPES: dict[Flavour, dict[str, str]] = {
    "facebook": {
        "insights": "instagram_manage_insights",
        "tags": "instagram_manage_comments",
        "accounts": "pages_show_list",
        "subscribed_apps": "pages_manage_metadata",
    },
    "instagram": {
        "insights": "instagram_business_manage_insights",
        "tags": "instagram_business_manage_comments",
    },
}
# These need no permission of the creator.
_FREE = frozenset({"permissions", "debug_token", "access_token"})


def needed_scope(flavour: Flavour, path: str) -> str:
    """The permission without which the API refuses this path; "" when it needs none."""
    edge = path.rpartition("/")[2]
    return "" if edge in _FREE else _SCOPES[flavour].get(edge, _BASIC[flavour])
