"""Feed posts and reels, profiles, account insights and audiences: read at their own cadence, without Airflow."""
