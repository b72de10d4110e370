"""The commands of the console script, one file for each group."""
