"""Signing in: from the link that a creator opens to a connection, or to the one reason why there is none."""
