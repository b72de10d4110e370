"""Who may log in to read the marts of which brand."""
