"""Great Expectations checkpoints on both sides of dbt: over what landed, and over what is about to be published."""
