"""A sign-in that connects nobody: which one reason is told and kept, and that nothing else is."""

from typing import Any

import pytest

from storykeep.accounts.diagnosis import diagnose
from storykeep.accounts.goodbye.disconnect import disconnect
from storykeep.accounts.registry import account_id_of, list_accounts
from storykeep.accounts.signin.attempts import tries
from storykeep.accounts.signin.trouble import SignInError
from storykeep.accounts.states import Reason, State, condition
from storykeep.errors import StorykeepError
from storykeep.settings import FLAVOURS, Flavour

from .conftest import Scene

pytestmark = pytest.mark.integration


def told(scene: Scene, error: SignInError, person: dict[str, str], reason: Reason) -> None:
    """The error, the attempt and the list say the same, and no connection was made."""
    assert error.trouble.reason is reason
    assert error.where == f"@{person['username']}"
    assert error.remedy.endswith(condition(State.NEEDS_ACTION, reason).remedy)
    tried = tries(scene.conn, account_id_of(person["ig_user_id"]))
    assert tried is not None
    assert (tried.status, tried.reason, tried.detail or "") == (State.NEEDS_ACTION, reason, error.trouble.detail)
    (_, last) = diagnose(scene.conn, scene.vault, {}, person["username"], scene.now)
    assert (last.check, last.is_well) == ("sign-in number 1", False)
    assert last.what.startswith(f"needs_action ({reason}")
    listed = {one.username: (one.status, one.reason) for one in list_accounts(scene.conn)}
    assert listed[person["username"]] == ("needs_action", reason)
    assert scene.one("select count(*) from app.connections") == 0
    scene.conn.rollback()
    assert scene.one("select reason from app.sign_ins") == reason, "it was committed"


def fails(scene: Scene, person: dict[str, str], who: dict[str, str] | None = None, **answer: Any) -> SignInError:
    """`person` is invited and `who` comes, the same person by default."""
    scene.known(person)
    flavour: Flavour = "facebook" if person["login_flavour"] == "facebook" else "instagram"
    started = scene.invite(flavour, person["username"])
    with pytest.raises(SignInError) as caught:
        arrival = scene.arrive(scene.browse(started.url, who or person, **answer), started.sign_in_id)
        scene.connect(arrival, *(one.ig_user_id for one in arrival.found))
    return caught.value


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_who_turns_away_has_denied_access(scene: Scene, flavour: Flavour) -> None:
    person = scene.person(flavour)
    told(scene, fails(scene, person, refuse=True), person, Reason.ACCESS_DENIED)


@pytest.mark.parametrize(
    ("flavour", "scope"),
    [
        ("facebook", "instagram_basic"),
        ("facebook", "pages_show_list"),
        ("facebook", "pages_read_engagement"),
        ("instagram", "instagram_business_basic"),
    ],
)
def test_a_permission_that_is_declined_is_named(scene: Scene, flavour: Flavour, scope: str) -> None:
    person = scene.person(flavour)
    error = fails(scene, person, declined=[scope])
    told(scene, error, person, Reason.MISSING_SCOPE)
    assert scope in str(error)


def test_an_optional_permission_that_is_declined_changes_nothing(scene: Scene) -> None:
    person = scene.person("facebook")
    started = scene.invite("facebook")
    arrival = scene.arrive(scene.browse(started.url, person, declined=["pages_manage_metadata"]))
    assert scene.connect(arrival, person["ig_user_id"])[0].status is State.CONNECTED


@pytest.mark.parametrize(
    ("pages", "ticked", "reason"),
    [
        ([], [], Reason.NO_PAGE),
        ([], ["1784"], Reason.PROFILE_NOT_PAGE),
        ([{"instagram_business_account": None}], ["1784"], Reason.PAGE_NOT_LINKED),
        ([{"tasks": ["CREATE_CONTENT"]}], ["1784"], Reason.INSUFFICIENT_PAGE_ROLE),
        ([{"tasks": []}], ["1784"], Reason.INSUFFICIENT_PAGE_ROLE),
    ],
)
def test_what_is_wrong_on_the_way_through_the_page_is_told_apart(
    scene: Scene, pages: list[dict[str, Any]], ticked: list[str], reason: Reason
) -> None:
    person = scene.person("facebook")
    scopes = ["instagram_basic", "pages_show_list", "pages_read_engagement", "business_management"]
    granular = [{"scope": "instagram_basic", "target_ids": ticked}]
    facts = {"is_valid": True, "scopes": scopes, "user_id": "1", "granular_scopes": granular}
    shown = [scene.page(person, **page) for page in pages]
    scene.control(
        "POST",
        "faults",
        [scene.says(person, "debug_token", {"data": facts}), scene.says(person, "pages", {"data": shown})],
    )
    told(scene, fails(scene, person), person, reason)


def test_a_link_that_the_page_has_not_confirmed_is_told(scene: Scene) -> None:
    person = scene.person("facebook")
    link = {"id": person["ig_user_id"], "username": person["username"]}
    page = scene.page(person, instagram_business_account=None, connected_instagram_account=link)
    hidden = {"kind": "error_100_33", "endpoint": "profile", "ig_user_id": person["ig_user_id"]}
    scene.control("POST", "faults", [scene.says(person, "pages", {"data": [page]}), hidden])
    told(scene, fails(scene, person), person, Reason.PAGE_UNCONFIRMED)


def test_a_page_of_a_business_stays_hidden_without_its_permission(scene: Scene) -> None:
    person = scene.people[8]  # every tenth has such a Page
    error = fails(scene, person, declined=["business_management"])
    told(scene, error, person, Reason.MISSING_SCOPE)
    assert error.trouble.detail == "business_management"


def test_who_logs_in_at_facebook_as_somebody_else_shows_somebody_elses_account(scene: Scene) -> None:
    person, other = scene.person("facebook"), scene.person("facebook", 1)
    scene.known(person)
    arrival = scene.sign_in(other, person["username"])
    assert arrival.trouble is not None
    assert (arrival.trouble.reason, arrival.invited) == (Reason.WRONG_FACEBOOK_ACCOUNT, None)
    with pytest.raises(SignInError) as caught:
        scene.connect(arrival)
    told(scene, caught.value, person, Reason.WRONG_FACEBOOK_ACCOUNT)


def test_a_handle_without_a_professional_account_is_a_personal_one(scene: Scene) -> None:
    other = scene.person("facebook")
    personal = {"ig_user_id": "17849999999999999", "username": "just.me", "login_flavour": "facebook"}
    scene.known(personal)
    arrival = scene.sign_in(other, "just.me")
    with pytest.raises(SignInError) as caught:
        scene.connect(arrival)
    told(scene, caught.value, personal, Reason.PERSONAL_ACCOUNT)


def test_a_personal_account_at_instagram_is_told(scene: Scene) -> None:
    person = scene.person("instagram")
    profile = {"id": "1", "user_id": person["ig_user_id"], "username": person["username"], "account_type": "PERSONAL"}
    scene.control("POST", "faults", [scene.says(person, "profile", profile)])
    told(scene, fails(scene, person), person, Reason.PERSONAL_ACCOUNT)


def test_another_account_than_the_invited_is_connected_only_if_that_is_confirmed(scene: Scene) -> None:
    person, other = scene.person("instagram"), scene.person("instagram", 1)
    told(scene, fails(scene, person, other), person, Reason.WRONG_ACCOUNT)
    arrival = scene.sign_in(other, person["username"])
    assert arrival.trouble is not None
    (done,) = scene.connect(arrival, other["ig_user_id"], confirmed=True)
    assert done.account_id == account_id_of(other["ig_user_id"])
    assert scene.tokens().keys() == {other["username"]}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_code_that_waited_too_long_is_refused(scene: Scene, flavour: Flavour) -> None:
    person = scene.person(flavour)
    scene.known(person)
    started = scene.invite(flavour, person["username"])
    address = scene.browse(started.url, person)
    scene.control("POST", "clock", {"advance": 3600})
    with pytest.raises(SignInError) as caught:
        scene.arrive(address)
    told(scene, caught.value, person, Reason.CODE_REFUSED)


def test_a_security_check_that_comes_between_is_the_creators(scene: Scene) -> None:
    person = scene.person("facebook")
    scene.control(
        "POST", "faults", [{"kind": "error_190_459", "endpoint": "pages", "ig_user_id": person["ig_user_id"]}]
    )
    told(scene, fails(scene, person), person, Reason.CHECKPOINTED)


def test_an_api_that_is_away_is_the_data_teams(scene: Scene) -> None:
    person = scene.person("instagram")
    scene.control("POST", "faults", [{"kind": "http_500", "endpoint": "exchange"}])
    error = fails(scene, person)
    told(scene, error, person, Reason.SIGN_IN_FAILED)
    assert error.trouble.owner == "data team"


def test_an_app_that_is_set_up_wrongly_is_the_data_teams(scene: Scene) -> None:
    person = scene.person("facebook")
    scene.known(person)
    address = scene.browse(scene.invite("facebook", person["username"]).url, person)
    scene.clients.pop("facebook")
    with pytest.raises(SignInError) as caught:
        scene.arrive(address)
    told(scene, caught.value, person, Reason.SIGN_IN_FAILED)


def test_who_chooses_nothing_has_abandoned_it(scene: Scene) -> None:
    person = scene.person("facebook")
    scene.known(person)
    with pytest.raises(SignInError) as caught:
        scene.connect(scene.sign_in(person, person["username"]))
    told(scene, caught.value, person, Reason.FLOW_ABANDONED)


def test_attempts_are_counted_and_a_failed_one_harms_no_connection(scene: Scene) -> None:
    person = scene.person("instagram")
    scene.connect(scene.sign_in(person), person["ig_user_id"])
    before = scene.tokens()
    for _ in range(2):
        started = scene.invite("instagram", person["username"])
        with pytest.raises(SignInError):
            scene.arrive(scene.browse(started.url, person, refuse=True))
    tried = tries(scene.conn, account_id_of(person["ig_user_id"]))
    assert tried is not None
    assert (tried.count, tried.reason) == (2, Reason.ACCESS_DENIED)
    assert [(one.status, one.reason) for one in list_accounts(scene.conn)] == [("connected", None)]
    assert scene.tokens() == before
    disconnect(scene.conn, person["username"], scene.now)
    assert [one.status for one in list_accounts(scene.conn)] == ["disconnected"]


def test_an_attempt_that_is_under_way_shows_as_connecting(scene: Scene) -> None:
    person = scene.person("facebook")
    scene.known(person)
    scene.invite("facebook", person["username"])
    assert [one.status for one in list_accounts(scene.conn)] == ["connecting"]


@pytest.mark.parametrize(
    ("more", "match"),
    [({"username": "no handle!"}, "is no Instagram handle"), ({"brand_id": "nobody"}, "there is no such brand")],
)
def test_an_invitation_that_cannot_be_is_refused(scene: Scene, more: dict[str, str], match: str) -> None:
    with pytest.raises(StorykeepError, match=match):
        scene.invite("facebook", **more)
    assert scene.one("select count(*) from app.sign_ins") == 0
