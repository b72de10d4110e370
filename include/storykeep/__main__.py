"""`python -m storykeep`: the console script."""

from storykeep.cli import main

main()
