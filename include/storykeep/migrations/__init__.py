"""Alembic migrations of the schemas app and raw."""
