"""`make down` and `make clean`: stops what a demo left running, and with --remove deletes its data as well."""

import argparse
import shutil
import sys
from datetime import timedelta

from storykeep.errors import StorykeepError
from storykeep.local.stack import LocalStack


def main() -> int:
    """Stop everything that runs in the local folder; exit status 1 with one message if that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--remove", action="store_true", help="delete the data, wherever the server's user keeps it")
    remove = parser.parse_args().remove
    stack = LocalStack(tick=timedelta(0), say=print)
    try:
        stack.stop()
        if remove:
            stack.postgres.remove()
            shutil.rmtree(stack.folder, ignore_errors=True)
    except StorykeepError as error:
        print(f"storykeep: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
