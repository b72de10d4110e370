"""A sandbox of the Instagram Graph API: both login flavours and the CDN, over a virtual clock."""
