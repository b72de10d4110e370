"""The fields that are asked of each kind of node. One field that a host does not know fails its whole call."""

from storykeep.graph.metrics import Product
from storykeep.settings import Flavour

# What both hosts know of any media. ig_id is facebook's alone; the permalink ends in it.
STORY_FIELDS = (
    "id,media_type,media_product_type,media_url,thumbnail_url,permalink,shortcode,timestamp,caption,"
    "username,owner,like_count,comments_count"
)
_POST_FIELDS = f"{STORY_FIELDS},is_shared_to_feed"
_FACEBOOK_COUNTS = (
    "reposts_count,saved_count,shares_count,total_like_count,total_comments_count,total_views_count,media_audio_type"
)
# Media of somebody else: without what only an owner is told.
TAGGED_FIELDS = (
    "id,media_type,media_product_type,media_url,permalink,timestamp,caption,username,like_count,comments_count"
)
_PROFILE = "username,name,biography,website,profile_picture_url,followers_count,follows_count,media_count"
PROFILE_FIELDS: dict[Flavour, str] = {
    "facebook": f"id,ig_id,{_PROFILE}",
    "instagram": f"id,user_id,account_type,{_PROFILE}",
}


def media_fields(product: Product, flavour: Flavour) -> str:
    """The fields of media of one product."""
    if product == "STORY":
        return STORY_FIELDS
    return f"{_POST_FIELDS},{_FACEBOOK_COUNTS}" if flavour == "facebook" else _POST_FIELDS
