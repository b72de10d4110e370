"""The Graph API of both hosts: from a call to its reply."""

from __future__ import annotations

import hashlib
import itertools
from datetime import datetime
from typing import Any

from storykeep.sandbox import login, switches
from storykeep.sandbox.calls import Call, Reply, to_json
from storykeep.sandbox.cdn import Cdn
from storykeep.sandbox.clock import VirtualClock
from storykeep.sandbox.errors import ApiError, no_permission, no_such_object, unknown_path, unsupported_method
from storykeep.sandbox.faults import Faults, spoil
from storykeep.sandbox.insights import story_insights
from storykeep.sandbox.media import find_story, story_node, story_page
from storykeep.sandbox.profiles import me, profile
from storykeep.sandbox.stories import Stories
from storykeep.sandbox.tokens import INSIGHTS_SCOPE, READ_SCOPE, Grant, TokenBook, authenticate
from storykeep.sandbox.usage import Log, Usage
from storykeep.sandbox.world import Account, Flavour, World

_INSTAGRAM_READS = ("stories", "node", "insights", "profile")
_FIXED_ROUTES: dict[Flavour, dict[str, str]] = {
    "facebook": {
        "debug_token": "debug_token",
        "oauth/access_token": "exchange",
        "me": "me",
        "me/permissions": "permissions",
    },
    "instagram": {"refresh_access_token": "refresh", "me": "me"},
}
# which parameter names the account that a call is about, where it is not the calling token
_SUBJECT = {"debug_token": "input_token", "exchange": "fb_exchange_token"}
_FRESH = [
    ("Cache-Control", "private, no-cache, no-store, must-revalidate"),
    ("Expires", "Sat, 01 Jan 2000 00:00:00 GMT"),
    ("Pragma", "no-cache"),
    ("Access-Control-Allow-Origin", "*"),
]


class Api:
    """Answers calls to graph.facebook.com and graph.instagram.com.

    Args:
        urls: base URL by host, for page links.
    """

    def __init__(
        self,
        *,
        world: World,
        stories: Stories,
        clock: VirtualClock,
        cdn: Cdn,
        urls: dict[Flavour, str],
    ) -> None:
        self.world, self.stories, self.clock = world, stories, clock
        self.tokens = TokenBook(world)
        self.log, self.faults = Log(), Faults(world.seed)
        self._usage, self._cdn, self._urls = Usage(world), cdn, urls
        self._traces = itertools.count(1)

    def answer(self, call: Call, *, in_batch: bool = False) -> Reply:
        """The reply to a call; errors are replies too."""
        now = self.clock.now()
        endpoint, object_id = self._route(call)
        account = self._account(call, endpoint)
        ig_user_id = account.ig_user_id if account else None
        self.log.count(endpoint, ig_user_id, in_batch=in_batch)
        fault = self.faults.strike(endpoint, ig_user_id)
        error: ApiError | None = None
        try:
            reply = (spoil(fault) if fault else None) or Reply(
                200, to_json(self._body(call, endpoint, object_id, now)), headers=list(_FRESH)
            )
        except ApiError as problem:
            error, reply = problem, self.refuse(problem, call.host)
        reply.cut = fault is not None and fault.kind == "cut"
        reply.headers += self._usage_headers(call, endpoint, account, error, now)
        return reply

    def refuse(self, error: ApiError, host: Flavour) -> Reply:
        """An error as a reply."""
        headers = [("Cache-Control", "no-store"), ("WWW-Authenticate", error.challenge)]
        return Reply(error.status, to_json(error.envelope(host, self._trace())), headers=headers)

    def _trace(self) -> str:
        return "A" + hashlib.blake2b(b"%d" % next(self._traces), digest_size=11).hexdigest()

    def _route(self, call: Call) -> tuple[str, str]:
        """The endpoint of a call, as log and faults name it, and the id of the object that it reads."""
        fixed = _FIXED_ROUTES[call.host].get(call.path)
        if fixed:
            return fixed, ""
        match call.segments:
            case (object_id,) if object_id.isdecimal():
                return ("profile" if self.world.find(object_id) else "node"), object_id
            case (object_id, "stories" | "insights" as edge) if object_id.isdecimal():
                return edge, object_id
            case ("me", "stories") if call.host == "instagram":
                return "stories", "me"
        return "unknown", ""

    def _account(self, call: Call, endpoint: str) -> Account | None:
        token = call.params.get(_SUBJECT[endpoint]) if endpoint in _SUBJECT else call.token
        grant = self.tokens.find(token) if token else None
        return grant.account if grant else None

    def _usage_headers(
        self, call: Call, endpoint: str, account: Account | None, error: ApiError | None, now: datetime
    ) -> list[tuple[str, str]]:
        """The account's pool on Instagram reads; on the facebook host also the app's."""
        headers = [("facebook-api-version", call.version)]
        read = endpoint in _INSTAGRAM_READS
        if call.host == "facebook" or not read:
            blocked = error is not None and error.code == 4
            headers.append(self._usage.app_header(now, counts=not read, blocked=blocked))
        if read and account is not None:
            minutes = error.retry_minutes if error is not None and error.code == 80002 else 0
            headers.append(self._usage.pool_header(account, now, minutes))
        return headers

    def _body(self, call: Call, endpoint: str, object_id: str, now: datetime) -> dict[str, Any]:
        """The body of a good answer.

        Raises:
            ApiError: everything else.
        """
        if endpoint == "unknown" and call.host == "facebook":
            raise unknown_path(call.path)
        if call.method != "GET" and endpoint not in ("exchange", "unknown"):
            raise unsupported_method(call.method)
        match endpoint:
            case "debug_token":
                return login.debug_token(call, self.tokens, now)
            case "exchange":
                return login.exchange(call, self.tokens, now)
            case "refresh":
                return login.refresh(call, self.tokens, now)
        grant = authenticate(self.tokens, call.host, call.token, call.params.get("appsecret_proof"), now)
        match endpoint:
            case "unknown":  # the instagram host looks at the token first
                raise unknown_path(call.path)
            case "me":
                return me(grant.account, call.params.get("fields"), call.host)
            case "permissions":
                return login.permissions(grant, call.params.get("permission"), now)
            case "profile" | "stories":
                return self._of_account(call, endpoint, object_id, grant, now)
        return self._of_story(call, endpoint, object_id, grant, now)

    def _of_account(self, call: Call, endpoint: str, object_id: str, grant: Grant, now: datetime) -> dict[str, Any]:
        account = grant.account if object_id == "me" else self.world.find(object_id)
        if account is None or account.number != grant.account.number:
            raise no_such_object(object_id)
        if not grant.allows(READ_SCOPE[call.host], now):
            raise no_permission()
        if endpoint == "profile":
            return profile(account, call.params.get("fields"), call.host)
        return story_page(call, self._urls[call.host], self.stories.live(account, now), self._cdn, now)

    def _of_story(self, call: Call, endpoint: str, object_id: str, grant: Grant, now: datetime) -> dict[str, Any]:
        story = find_story(self.stories, object_id, grant.account, now)
        scope = READ_SCOPE if endpoint == "node" else INSIGHTS_SCOPE
        if not grant.allows(scope[call.host], now):
            raise no_permission()
        if endpoint == "node":
            return story_node(story, call.params.get("fields"), call.host, self._cdn, now)
        if now >= story.expires_at and switches.EXPIRED_STORY == "readable":
            return {"data": []}
        return story_insights(story, call.params, call.host, now)
