"""Brands, campaigns, who takes part in them and what counts as theirs."""
