"""What an answer may look at: the world, and the circumstances of one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from storykeep.sandbox.calls import Call
from storykeep.sandbox.cdn import Cdn
from storykeep.sandbox.errors import no_token
from storykeep.sandbox.fields import Field
from storykeep.sandbox.tokens import Grant, TokenBook
from storykeep.sandbox.world.accounts import Flavour, World
from storykeep.sandbox.world.pages import Pages
from storykeep.sandbox.world.posts import Posts
from storykeep.sandbox.world.sign_ins import SignIns
from storykeep.sandbox.world.stories import Stories
from storykeep.sandbox.world.subscriptions import Subscriptions

Params = Mapping[str, str]


@dataclass(frozen=True)
class State:
    """Everything that calls are answered from; `urls` is the base URL by host, for page links."""

    world: World
    stories: Stories
    posts: Posts
    tokens: TokenBook
    cdn: Cdn
    urls: Mapping[Flavour, str]

    @cached_property
    def pages(self) -> Pages:
        """The Pages of the world's people."""
        return Pages(self.world)

    @cached_property
    def sign_ins(self) -> SignIns:
        """The sign-in dialogs."""
        return SignIns(self.world, self.tokens)

    @cached_property
    def subscriptions(self) -> Subscriptions:
        """Which webhooks the app subscribed to."""
        return Subscriptions()


@dataclass(frozen=True, slots=True)
class View:
    """One call as an edge sees it.

    Args:
        grant: the caller's, None where the call needs no token.
        expand: the answer of an edge that is asked for as a field; None if the node has no such edge.
    """

    state: State
    call: Call
    now: datetime
    grant: Grant | None
    expand: Callable[[View, Any, Field], Any]

    @property
    def caller(self) -> Grant:
        """The caller's grant.

        Raises:
            ApiError: there is none.
        """
        if self.grant is None:
            raise no_token()
        return self.grant


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of call.

    Args:
        name: the endpoint, as the log and the faults call it.
        call: method and path; `{account}`, `{story}` stand for the id of such an object, `{name}` for any last part.
        answer: from the view, the object that the path names (None where it names none) and the parameters to a body.
        scope: the permission that it needs, by host.
        hosts: where it exists.
        needs_token: whether the token of the call is checked before `answer` is called.
        about: the parameter that holds the token which the call is about, where that is not the caller's own.
        pool: whose rate limit it counts against.
    """

    name: str
    call: str
    answer: Callable[[View, Any, Params], Any]
    scope: Mapping[Flavour, str] | None = None
    hosts: tuple[Flavour, ...] = ("facebook", "instagram")
    needs_token: bool = True
    about: str = ""
    pool: Literal["account", "app"] = "account"
