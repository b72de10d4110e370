"""Dumps of the warehouse, and their proof."""
