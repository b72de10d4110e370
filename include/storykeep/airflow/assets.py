"""The assets that join the stages."""

from airflow.sdk import Asset

RAW_STORIES = Asset("raw.stories", uri="x-storykeep://warehouse/raw/stories")
RAW_CONTENT = Asset("raw.content", uri="x-storykeep://warehouse/raw/content")
RAW_ENTRIES = Asset("raw.manual_entries", uri="x-storykeep://warehouse/raw/manual_entries")
MARTS = Asset("marts", uri="x-storykeep://warehouse/marts")
