"""The capture engine: plan, list, read, land, archive."""
