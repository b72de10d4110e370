"""The task in which a person looks at numbers that another person entered."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator

from storykeep.airflow import tasks
from storykeep.errors import StorykeepError

APPROVE, REJECT, LATER = "Approve", "Reject", "Later"
# So long the answer is waited for; then it is LATER.
PATIENCE = timedelta(days=3)


class ApproveNumbers(HITLOperator):
    """Asks whether the numbers that this run brought may count, and writes the answer down. Skips without any."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            subject="May these numbers count? Whoever entered them may not approve them.",
            options=[APPROVE, REJECT, LATER],
            defaults=LATER,
            response_timeout=PATIENCE,
            **kwargs,
        )

    def execute(self, context: Any) -> None:
        """Show the numbers, and wait."""
        self.body = tasks.numbers_to_approve()
        super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> dict[str, int]:
        """Write the answer down; returns on how many numbers. LATER leaves them to `storykeep entries approve`."""
        answer = super().execute_complete(context, event)
        (option,), user = answer["chosen_options"], answer["responded_by_user"]
        if option == LATER:
            return {}
        if not user:
            raise StorykeepError(
                "nobody knows who answered", where="approve", remedy="storykeep entries approve --by NAME"
            )
        return tasks.decide_on_numbers("approved" if option == APPROVE else "rejected", user["name"] or user["id"])
