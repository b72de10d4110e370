"""Capture while Postgres is away: what a tick leaves on the disk, works from, and lands when it is back."""
