"""The Instagram Graph API client: both login flavours, batches, errors, paging, metrics and tokens."""
