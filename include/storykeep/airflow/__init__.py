"""Where Storykeep meets Airflow: provider info, hook, assets and the calls that tasks make."""
