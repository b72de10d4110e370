"""Runs dbt between the two checkpoints and publishes what passed."""
