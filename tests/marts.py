"""What BI reads: the expected set, so that a missing mart is missed."""

MARTS = {
    "dim_accounts",
    "dim_brands",
    "dim_campaigns",
    "dim_creators",
    "dim_dates",
    "fct_account_insights",
    "fct_account_silences",
    "fct_audience",
    "fct_campaign_blind_spots",
    "fct_campaign_content",
    "fct_campaign_performance",
    "fct_capture_coverage",
    "fct_connection_health",
    "fct_consents",
    "fct_posts",
    "fct_stories",
    "fct_story_readings",
}
