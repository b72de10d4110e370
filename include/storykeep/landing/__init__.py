"""Raw tables, their loader and the run ledger: where replies become rows."""
