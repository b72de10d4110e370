"""From a code to accounts: each answer of the API comes down to exactly one reason."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from pydantic import SecretStr
from tests.unit.graph.fake_api import Fake, batch_of, envelope, form, item, json_reply, proof_of, query

from storykeep.accounts.signin.discovery import Discovery, DiscoveryError, discover, why_not_found
from storykeep.accounts.signin.level import Level
from storykeep.accounts.signin.scopes import ESSENTIAL, asked_scopes
from storykeep.accounts.signin.trouble import Trouble
from storykeep.accounts.states import Reason

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BACK = "https://storykeep.test/back"
NORA, OMAR = "17841400000000001", "17841400000000002"
LONG = "EAAcanary-long"


def page(ig_user_id: str | None = NORA, tasks: Any = ("ANALYZE",), link: str = "instagram_business_account") -> Any:
    linked = {link: {"id": ig_user_id, "username": "nora"}} if ig_user_id else {}
    return {
        "id": f"21{(ig_user_id or '0')[-1]}",
        "name": "Nora's",
        "access_token": "EAApage",
        "tasks": [*tasks],
        **linked,
    }


class Facebook:
    """Who signed in, and what the API says; a whole reply may stand in the place of any step's."""

    def __init__(self, **instead: Any) -> None:
        self.pages: list[Any] = [page()]
        self.scopes: tuple[str, ...] = asked_scopes("facebook")
        self.ticked: list[str] = []
        self.handles: dict[str, Any] = {NORA: "nora", OMAR: "omar"}
        self.professional: set[str] = {"nora", "omar"}
        self.instead = instead
        self.fake = Fake(self.reply)

    def reply(self, request: requests.PreparedRequest) -> Any:
        step = self.step(request)
        return self.instead[step] if step in self.instead else getattr(self, f"_{step}")(request)

    @staticmethod
    def step(request: requests.PreparedRequest) -> str:
        path = urlsplit(request.url or "").path.removeprefix("/v26.0").strip("/")
        if path == "oauth/access_token":
            return "redeem" if "code" in query(request) else "exchange"
        known = {"debug_token": "debug", "me": "person", "me/accounts": "accounts", "": "probe"}
        return known.get(path, "discovery")

    def _redeem(self, _: Any) -> Any:
        return json_reply({"access_token": "EAAcanary-short", "expires_in": 5100})

    def _exchange(self, _: Any) -> Any:
        return json_reply({"access_token": LONG, "expires_in": 5183944})

    def _debug(self, _: Any) -> Any:
        granular = [{"scope": "instagram_basic", "target_ids": self.ticked}]
        times = {"expires_at": 1800400000, "data_access_expires_at": 1803000000, "issued_at": 1795216000}
        body = {"is_valid": True, "scopes": self.scopes, "user_id": "9001", "granular_scopes": granular, **times}
        return json_reply({"data": body})

    def _person(self, _: Any) -> Any:
        return json_reply({"id": "9001", "name": "Ada Agent"})

    def _accounts(self, _: Any) -> Any:
        return json_reply({"data": self.pages})

    def _probe(self, request: requests.PreparedRequest) -> Any:
        asked = [ig for ig in (NORA, OMAR) if ig in form(request)["batch"]]
        told = {ig: self.handles[ig] for ig in asked}
        return json_reply(
            [
                item({"id": ig, "username": of} if isinstance(of, str) else of, 200 if isinstance(of, str) else 400)
                for ig, of in told.items()
            ]
        )

    def _discovery(self, request: requests.PreparedRequest) -> Any:
        handle = query(request)["fields"].partition("(")[2].partition(")")[0]
        if handle in self.professional:
            return json_reply({"business_discovery": {"id": OMAR}, "id": NORA})
        return json_reply(envelope(110, 2207013, "Invalid user id"), 400)


def facebook(api: Facebook) -> Discovery:
    return discover(api.fake.client, SecretStr("canary-code"), BACK, NOW)


def fails(api: Facebook) -> Trouble:
    with pytest.raises(DiscoveryError) as caught:
        facebook(api)
    return caught.value.trouble


def test_a_facebook_sign_in_brings_the_account_its_page_and_who_granted_it() -> None:
    discovery = facebook(Facebook())
    [found] = discovery.found
    assert (found.ig_user_id, found.username, found.level, found.trouble) == (NORA, "nora", Level.INSIGHTS, None)
    assert found.page is not None
    assert (found.page.page_id, found.page.tasks) == ("211", ("ANALYZE",))
    granted = discovery.granted
    assert (granted.token.get_secret_value(), granted.granter_id, granted.granter_name) == (LONG, "9001", "Ada Agent")
    assert granted.expires_at == datetime.fromtimestamp(1800400000, UTC)
    assert granted.data_access_expires_at == datetime.fromtimestamp(1803000000, UTC)


def test_every_call_with_a_token_proves_the_app() -> None:
    api = Facebook()
    facebook(api)
    with_token = [request for request in api.fake.requests if "Authorization" in request.headers]
    assert [api.step(request) for request in with_token] == ["debug", "person", "accounts"]
    for request in with_token:
        token = str(request.headers["Authorization"]).removeprefix("Bearer ")
        assert query(request)["appsecret_proof"] == proof_of(token)
        assert token not in (request.url or "")
    [probe] = [request for request in api.fake.requests if api.step(request) == "probe"]
    assert all(proof_of(LONG) in one["relative_url"] for one in batch_of(probe)), "each item has a proof of its own"


def test_several_accounts_come_each_with_what_is_wrong_with_it() -> None:
    api = Facebook()
    api.pages = [page(), page(OMAR, ("CREATE_CONTENT",)), page(None)]
    nora, omar = facebook(api).found
    assert (nora.trouble, omar.username, omar.level) == (None, "omar", Level.CONTENT_ONLY)
    assert omar.trouble == Trouble(Reason.INSUFFICIENT_PAGE_ROLE, "Nora's (212)")


def test_of_two_pages_of_one_account_the_better_one_counts() -> None:
    api = Facebook()
    api.pages = [page(tasks=()), {**page(), "id": "2199"}]
    [found] = facebook(api).found
    assert (found.page and found.page.page_id, found.trouble) == ("2199", None)


def test_insights_that_were_not_allowed_leave_the_content() -> None:
    api = Facebook()
    api.scopes = ESSENTIAL["facebook"]
    [found] = facebook(api).found
    assert (found.level, found.trouble) == (Level.CONTENT_ONLY, None)


def without(*scopes: str) -> Callable[[Facebook], None]:
    def change(api: Facebook) -> None:
        api.scopes = tuple(scope for scope in api.scopes if scope not in scopes)

    return change


def shows(*pages: Any, ticked: tuple[str, ...] = ()) -> Callable[[Facebook], None]:
    def change(api: Facebook) -> None:
        api.pages, api.ticked = list(pages), list(ticked)

    return change


def says(step: str, reply: Any) -> Callable[[Facebook], None]:
    return lambda api: api.instead.update({step: reply})


def nobody_sees_business_pages(api: Facebook) -> None:
    shows(ticked=(NORA,))(api)
    without("business_management")(api)


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        (without("pages_show_list"), Reason.MISSING_SCOPE, "pages_show_list"),
        (
            without("instagram_basic", "pages_read_engagement"),
            Reason.MISSING_SCOPE,
            "instagram_basic, pages_read_engagement",
        ),
        (shows(), Reason.NO_PAGE, ""),
        (shows(ticked=(NORA,)), Reason.PROFILE_NOT_PAGE, ""),
        (nobody_sees_business_pages, Reason.MISSING_SCOPE, "business_management"),
        (shows(page(None)), Reason.PAGE_NOT_LINKED, "Nora's (210)"),
        (
            says("redeem", json_reply(envelope(100, 36007, "This authorization code has expired."), 400)),
            Reason.CODE_REFUSED,
            "This authorization code has expired.",
        ),
        (says("redeem", json_reply(envelope(101, None, "wrong app"), 400)), Reason.SIGN_IN_FAILED, "wrong app"),
        (says("exchange", json_reply(envelope(190, 459, "checkpoint"), 400)), Reason.CHECKPOINTED, ""),
        (says("debug", json_reply({"data": {"is_valid": False}})), Reason.TOKEN_INVALID, ""),
        (
            says("debug", json_reply({"data": {"is_valid": False, "error": {"code": 190, "subcode": 458}}})),
            Reason.APP_REMOVED,
            "",
        ),
        (says("accounts", json_reply(envelope(10), 403)), Reason.MISSING_SCOPE, "pages_show_list"),
        (says("accounts", json_reply(envelope(4, None, "limit"), 400)), Reason.SIGN_IN_FAILED, "limit"),
    ],
)
def test_a_facebook_sign_in_without_an_account_has_one_reason(
    change: Callable[[Facebook], None], reason: Reason, detail: str
) -> None:
    api = Facebook()
    change(api)
    assert fails(api) == Trouble(reason, detail)


@pytest.mark.parametrize(
    ("link", "answer", "reason"),
    [
        ("connected_instagram_account", envelope(100, 33), Reason.PAGE_UNCONFIRMED),
        ("connected_instagram_account", envelope(10), Reason.PAGE_UNCONFIRMED),
        ("connected_instagram_account", "nora", None),
        ("instagram_business_account", envelope(100, 33), Reason.ACCOUNT_GONE),
        ("instagram_business_account", envelope(10), Reason.MISSING_SCOPE),
        ("instagram_business_account", "no handle!", Reason.SIGN_IN_FAILED),
    ],
)
def test_an_account_that_does_not_answer_for_itself_has_its_reason(
    link: str, answer: Any, reason: Reason | None
) -> None:
    api = Facebook()
    api.pages, api.handles[NORA] = [page(link=link)], answer
    [found] = facebook(api).found
    assert (found.trouble.reason if found.trouble else None) is reason


@pytest.mark.parametrize(
    ("instead", "invited", "expected"),
    [
        ({}, "omar", Trouble(Reason.WRONG_FACEBOOK_ACCOUNT, "it leads to @nora")),
        ({}, "zoe", Trouble(Reason.PERSONAL_ACCOUNT, "@zoe")),
        (
            {"discovery": json_reply(envelope(4), 400)},
            "zoe",
            Trouble(Reason.WRONG_FACEBOOK_ACCOUNT, "it leads to @nora"),
        ),
    ],
)
def test_an_invited_account_that_did_not_come_has_its_reason(
    instead: dict[str, Any], invited: str, expected: Trouble
) -> None:
    api = Facebook(**instead)
    assert why_not_found(api.fake.client, facebook(api), invited) == expected


class Instagram:
    """The same of the other flavour."""

    def __init__(self, **instead: Any) -> None:
        self.profile = {"id": "5", "user_id": NORA, "username": "Nora", "name": "Nora N", "account_type": "BUSINESS"}
        self.permissions = list(asked_scopes("instagram"))
        self.instead = instead
        self.fake = Fake(self.reply, "instagram")

    def reply(self, request: requests.PreparedRequest) -> Any:
        path = urlsplit(request.url or "").path.strip("/")
        step = {"": "redeem", "access_token": "exchange", "v26.0/me": "me"}[path]
        body = {
            "redeem": {"access_token": "IGAAcanary-short", "user_id": 5, "permissions": self.permissions},
            "exchange": {"access_token": "IGAAcanary-long", "expires_in": 5183944},
            "me": self.profile,
        }[step]
        return self.instead[step] if step in self.instead else json_reply(body)


def instagram(api: Instagram) -> Discovery:
    return discover(api.fake.client, SecretStr("canary-code#_"), BACK, NOW)


def test_an_instagram_sign_in_brings_the_one_account() -> None:
    discovery = instagram(Instagram())
    [found] = discovery.found
    assert (found.ig_user_id, found.username, found.level, found.page) == (NORA, "nora", Level.INSIGHTS, None)
    granted = discovery.granted
    assert (granted.token.get_secret_value(), granted.issued_at) == ("IGAAcanary-long", NOW)
    assert granted.expires_at == NOW + timedelta(seconds=5183944)
    assert granted.scopes == asked_scopes("instagram")
    assert (granted.granter_id, granted.granter_name) == ("5", "Nora N")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("This authorization code has been used.", Reason.CODE_REFUSED),
        ("Error validating client secret.", Reason.SIGN_IN_FAILED),
        ("Invalid platform app", Reason.SIGN_IN_FAILED),
    ],
)
def test_an_instagram_code_that_is_not_taken_and_an_app_that_is_wrong_are_told_apart(
    message: str, reason: Reason
) -> None:
    said = json_reply({"error_type": "OAuthException", "code": 400, "error_message": message}, 400)
    with pytest.raises(DiscoveryError) as caught:
        instagram(Instagram(redeem=said))
    assert caught.value.trouble == Trouble(reason, message)


@pytest.mark.parametrize(
    ("permissions", "profile", "expected"),
    [
        ([], {}, Trouble(Reason.MISSING_SCOPE, "instagram_business_basic")),
        (None, {"account_type": "PERSONAL"}, Trouble(Reason.PERSONAL_ACCOUNT, "@nora")),
        (None, {"username": None}, Trouble(Reason.SIGN_IN_FAILED, "/me answered without a handle")),
        (None, {"user_id": None}, Trouble(Reason.SIGN_IN_FAILED, "/me answered without a user_id")),
    ],
)
def test_an_instagram_sign_in_without_an_account_has_one_reason(
    permissions: list[str] | None, profile: dict[str, Any], expected: Trouble
) -> None:
    api = Instagram()
    api.permissions = api.permissions if permissions is None else permissions
    api.profile |= {"username": "nora", **profile}
    with pytest.raises(DiscoveryError) as caught:
        instagram(api)
    assert caught.value.trouble == expected


def test_somebody_elses_instagram_account_is_the_wrong_one() -> None:
    api = Instagram()
    trouble = why_not_found(api.fake.client, instagram(api), "omar")
    assert trouble == Trouble(Reason.WRONG_ACCOUNT, "signed in as @nora")


def test_no_repr_shows_a_token() -> None:
    assert "canary" not in repr(facebook(Facebook())) + repr(instagram(Instagram()))
