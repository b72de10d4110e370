"""The Graph API of both hosts: from a call to its reply."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storykeep.sandbox import switches
from storykeep.sandbox.calls import VERSION, Call, Reply, to_json
from storykeep.sandbox.clock import VirtualClock
from storykeep.sandbox.edges.callers import authenticate, check_scope
from storykeep.sandbox.edges.posts import check_posted
from storykeep.sandbox.edges.profile import discovered
from storykeep.sandbox.edges.stories import check_in_sight
from storykeep.sandbox.errors import (
    ApiError,
    no_active_token,
    no_such_object,
    unknown_path,
    unsupported_method,
)
from storykeep.sandbox.faults import Fault, Faults, Struck, mar, spoil
from storykeep.sandbox.fields import Field
from storykeep.sandbox.journal import Journal
from storykeep.sandbox.log import Log
from storykeep.sandbox.routes import KINDS, ROUTES
from storykeep.sandbox.tokens import INSIGHTS_SCOPE, Grant
from storykeep.sandbox.usage import Usage
from storykeep.sandbox.versions import served
from storykeep.sandbox.view import Params, Route, State, View
from storykeep.sandbox.world.accounts import Account, Flavour
from storykeep.sandbox.world.pages import Page, sees
from storykeep.sandbox.world.posts import Child, Post
from storykeep.sandbox.world.stories import Story

FRESH = [
    ("Cache-Control", "private, no-cache, no-store, must-revalidate"),
    ("Expires", "Sat, 01 Jan 2000 00:00:00 GMT"),
    ("Pragma", "no-cache"),
    ("Access-Control-Allow-Origin", "*"),
    ("Vary", "Accept-Encoding"),
]
"""Headers of every good answer; its ETag comes with them."""
_METHODS = ("GET", "POST", "DELETE")
_TABLE: Mapping[tuple[Flavour, str], Route] = {(host, route.call): route for route in ROUTES for host in route.hosts}


@dataclass(frozen=True, slots=True)
class _Target:
    """What a call is for: its route, and the object that its path names. `problem` is why there is no route."""

    endpoint: str
    route: Route | None = None
    subject: Any = None
    problem: ApiError | None = None


class Api:
    """Answers calls to graph.facebook.com and graph.instagram.com."""

    def __init__(self, state: State, clock: VirtualClock) -> None:
        self.state, self.clock = state, clock
        self.log, self.journal, self.faults = Log(), Journal(), Faults(state.world.seed)
        self._usage = Usage(state.world)
        self._traces = itertools.count(1)

    def answer(self, call: Call, *, in_batch: bool = False) -> Reply:
        """The reply to a call; errors are replies too."""
        now = self.clock.now()
        target = self._target(call)
        account = self._account(call, target.route)
        ig_user_id = account.ig_user_id if account else None
        fault = self.faults.strike(target.endpoint, ig_user_id, now)
        reply, error = self._reply(call, target, fault, now)
        mar(reply, fault)
        reply.headers += self._usage_headers(call, target.route, account, error, now)
        self.log.count(target.endpoint, ig_user_id, len(reply.body), in_batch=in_batch)
        self.journal.note(call, target.endpoint, ig_user_id, now, reply, fault, error)
        return reply

    def refuse(self, error: ApiError, host: Flavour) -> Reply:
        """An error as a reply."""
        headers = [("Cache-Control", "no-store"), ("WWW-Authenticate", error.challenge)]
        return Reply(error.status, to_json(error.envelope(host, self._trace())), headers=headers)

    def _trace(self) -> str:
        return "A" + hashlib.blake2b(b"%d" % next(self._traces), digest_size=11).hexdigest()

    def _reply(self, call: Call, target: _Target, fault: Fault | None, now: datetime) -> tuple[Reply, ApiError | None]:
        try:
            spoiled = spoil(fault, Struck(call.host, call.path.partition("/")[0], now)) if fault else None
            body = spoiled or self._body(call, target, now)
        except ApiError as error:
            return self.refuse(error, call.host), error
        if not isinstance(body, Reply):
            text = to_json(body)
            body = Reply(200, text, headers=[*FRESH, ("ETag", _etag(text))])
        return body, None

    def _target(self, call: Call) -> _Target:
        """Find out what a call is for."""
        if served(call.version, self.clock.now()) is None:
            return _Target("unknown", problem=unknown_path(f"{call.version}/{call.path}"))
        first, *rest = call.segments or ("",)
        first = "me" if self._is_caller(call, first) else first
        subject = self._object(call, first)
        kind = KINDS.get(type(subject), first)
        path = "/".join([kind, *rest])
        for pattern in (path, "/".join([*path.split("/")[:-1], "{name}"])):
            route = _TABLE.get((call.host, f"{call.method} {pattern}"))
            if route:
                return _Target(route.name, route, subject)
        if any((call.host, f"{method} {path}") in _TABLE for method in _METHODS):
            return _Target("unknown", problem=unsupported_method(call.method))
        if first.isdecimal() and subject is None:
            return _Target(rest[0] if rest else "node", problem=no_such_object(first))
        return _Target("unknown", problem=unknown_path(call.path))

    def _is_caller(self, call: Call, name: str) -> bool:
        """Whether an id is that of the Facebook person whose token it is, who is `me`."""
        grant = self.state.tokens.find(call.token) if call.token and call.host == "facebook" else None
        return grant is not None and grant.kind == "USER" and grant.account.user_id == name

    def _object(self, call: Call, name: str) -> Any:
        """The object of an id; `me` is one on the instagram host, and the Page with a Page token."""
        if name == "me":
            grant = self.state.tokens.find(call.token) if call.token else None
            if grant is not None and grant.kind == "PAGE":
                return self.state.pages.find(grant.page_id)
            return grant.account if grant is not None and call.host == "instagram" else None
        if not name.isdecimal():
            return None
        state = self.state
        found = state.world.find(name) or state.stories.find(name) or state.posts.find(name)
        return found or (state.pages.find(name) if call.host == "facebook" else None)

    def _account(self, call: Call, route: Route | None) -> Account | None:
        token = call.params.get(route.about) if route and route.about else call.token
        grant = self.state.tokens.find(token) if token else None
        return grant.account if grant else None

    def _usage_headers(
        self, call: Call, route: Route | None, account: Account | None, error: ApiError | None, now: datetime
    ) -> list[tuple[str, str]]:
        """The account's pool on Instagram reads; on the facebook host, and where it is used up, also the app's."""
        headers = [("facebook-api-version", served(call.version, now) or VERSION)]
        of_account = route is not None and route.pool == "account"
        blocked = error is not None and error.code == 4
        if call.host == "facebook" or not of_account or blocked:
            headers.append(self._usage.app_header(now, counts=not of_account, blocked=blocked))
        if of_account and account is not None:
            minutes = error.retry_minutes if error is not None and error.code == 80002 else None
            headers.append(self._usage.pool_header(account, now, minutes))
        return headers

    def _body(self, call: Call, target: _Target, now: datetime) -> Any:
        """The body of a good answer.

        Raises:
            ApiError: everything else.
        """
        route = target.route
        if target.problem and call.host == "facebook" and target.endpoint == "unknown":
            raise target.problem  # the instagram host looks at the token first
        grant = None
        if route is None or route.needs_token:
            if not call.token and call.segments[:1] == ("me",):
                raise no_active_token()
            grant = authenticate(self.state.tokens, call.host, call.token, call.params.get("appsecret_proof"), now)
        if route is None:
            raise target.problem or unknown_path(call.path)
        if target.subject is not None and grant is not None and not self._reaches(grant, target.subject, now):
            raise no_such_object(call.segments[0])
        view = View(self.state, call, now, grant, self._expand)
        return self._answer(view, route, target.subject, call.params)

    def _reaches(self, grant: Grant, subject: Any, now: datetime) -> bool:
        """Whether an object is the caller's: a Page token's are its Page, and the account that is linked to it."""
        if isinstance(subject, Page):
            return sees(self.state.tokens, grant, subject, now)
        account = _owner(subject)
        if grant.kind == "PAGE" and not (switches.PAGE_TOKEN_READS and grant.page_id == account.page_id):
            return False
        return account.number == grant.account.number

    def _answer(self, view: View, route: Route, subject: Any, params: Params) -> Any:
        """Answer a call, or an edge that is nested in one, if the caller may."""
        if isinstance(subject, Story):
            check_in_sight(subject, view.now)
        elif isinstance(subject, Post | Child):
            check_posted(subject, view.now)
        if route.scope is INSIGHTS_SCOPE and _is_silent(view):
            return {"data": []}
        if route.scope:
            check_scope(view.caller, route.scope[view.call.host], view.now)
        return route.answer(view, subject, params)

    def _expand(self, view: View, subject: Any, field: Field) -> Any:
        """An edge as a field: the same answer without page links."""
        if field.name == "business_discovery" and view.call.host == "facebook" and isinstance(subject, Account):
            return discovered(view, field.params)
        kind = KINDS.get(type(subject), "me")
        route = _TABLE.get((view.call.host, f"GET {kind}/{field.name}"))
        if route is None:
            return None
        body = self._answer(view, route, subject, field.params)
        if "paging" in body:
            body["paging"] = {"cursors": body["paging"]["cursors"]}
        return body


def _is_silent(view: View) -> bool:
    """Whether a missing insights permission is not told."""
    return switches.SILENT_INSIGHTS and not view.caller.allows(INSIGHTS_SCOPE[view.call.host], view.now)


def _etag(body: str) -> str:
    return f'"{hashlib.blake2b(body.encode(), digest_size=20).hexdigest()}"'


def _owner(subject: Any) -> Account:
    return subject if isinstance(subject, Account) else subject.account
