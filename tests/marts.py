"""What BI reads: the expected set, so that a missing mart is missed."""

MARTS = {
    "dim_accounts",
    "dim_brands",
    "dim_campaigns",
    "dim_creators",
    "fct_campaign_content",
    "fct_campaign_creators",
    "fct_campaign_daily",
    "fct_campaign_exclusions",
    "fct_campaign_near_misses",
    "fct_campaign_performance",
    "fct_capture_coverage",
    "fct_connection_health",
    "fct_consents",
    "fct_metric_audit",
    "fct_stories",
    "fct_story_readings",
    "fct_story_sequences",
}
