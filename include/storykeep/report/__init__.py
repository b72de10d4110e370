"""The tables that `storykeep report` and `storykeep status` print."""
