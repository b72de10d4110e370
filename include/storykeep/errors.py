"""The one error that a person is meant to read."""


class StorykeepError(Exception):
    """Something went wrong that a person can mend.

    `what` says what happened, `where` names the item (a file and line, a setting, an account) and
    `remedy` says what to do. The three make one line, which is all that the console script prints.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f" -> {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{remedy}"
