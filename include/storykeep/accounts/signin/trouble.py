"""Why a sign-in connects nobody: what the API answers comes down to exactly one reason."""

from dataclasses import dataclass

from storykeep.accounts.states import AFTER_REFUSAL, Owner, Reason, State, condition
from storykeep.errors import StorykeepError
from storykeep.graph.errors import (
    GoneError,
    GraphError,
    PermissionMissingError,
    ReconnectError,
    RefusedError,
    RequestError,
)

# What instagram says of an app that is set up wrongly, with the code that a used-up sign-in has as well.
_OF_THE_APP = ("platform app", "client secret", "grant_type")


@dataclass(frozen=True)
class Trouble:
    """One reason, with what it is about: a permission, a Page, a handle. `detail` holds no secret."""

    reason: Reason
    detail: str = ""

    @property
    def state(self) -> State:
        """The state that the reason stands for."""
        return AFTER_REFUSAL.get(self.reason, State.NEEDS_ACTION)

    @property
    def owner(self) -> Owner:
        """Who has to act."""
        return condition(self.state, self.reason).owner

    @property
    def remedy(self) -> str:
        """What that person does."""
        return condition(self.state, self.reason).remedy

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else str(self.reason)


class SignInError(StorykeepError):
    """A sign-in that ended with `trouble`."""

    def __init__(self, trouble: Trouble, *, where: str) -> None:
        self.trouble = trouble
        super().__init__(str(trouble), where=where, remedy=f"{trouble.owner}: {trouble.remedy}")


def trouble_of(error: GraphError) -> Trouble:
    """What a failed call means for the account, or for the sign-in as a whole."""
    if isinstance(error, ReconnectError):
        return Trouble(Reason(error.reason))
    if isinstance(error, PermissionMissingError):
        return Trouble(Reason.MISSING_SCOPE, error.scope)
    if isinstance(error, GoneError):
        return Trouble(Reason.ACCOUNT_GONE)
    return Trouble(Reason.SIGN_IN_FAILED, error.message)


def trouble_of_code(error: GraphError) -> Trouble:
    """What it means that a code was not taken.

    Instagram answers code 400 to a code that is used up and to an app that is set up wrongly alike: only the text
    tells them apart.
    """
    of_the_app = any(words in error.message.lower() for words in _OF_THE_APP)
    is_about_the_code = isinstance(error, RefusedError) or (isinstance(error, RequestError) and error.code == 400)
    if is_about_the_code and not of_the_app:
        return Trouble(Reason.CODE_REFUSED, error.message)
    return trouble_of(error)
