"""What a stranger may try with somebody's sign-in, and what comes of it: nothing, and a clear word."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from storykeep.accounts.registry import account_id_of
from storykeep.accounts.signin.attempts import LIFE, take, tries
from storykeep.accounts.signin.dialog import read_callback
from storykeep.accounts.signin.trouble import SignInError
from storykeep.accounts.states import Reason, State
from storykeep.accounts.watch import watch_tokens
from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.warehouse import connect

from .conftest import BACK, Scene

pytestmark = pytest.mark.integration


def asked(scene: Scene) -> list[str]:
    """Which endpoints of the API were asked since the log was cleared."""
    return [row["endpoint"] for row in scene.control("GET", "log").json()["calls"]]


def refused(scene: Scene, address: str, match: str, expected: int | None = None) -> None:
    """The callback is refused before the API is asked anything, and nothing of it is quoted."""
    scene.control("DELETE", "log")
    with pytest.raises(StorykeepError, match=match) as caught:
        scene.arrive(address, expected)
    assert not isinstance(caught.value, SignInError)
    assert asked(scene) == []
    assert caught.value.where and caught.value.remedy
    for part in address.partition("?")[2].split("&"):
        assert len(part) < 30 or part.partition("=")[2] not in str(caught.value)


def test_a_state_is_good_for_one_use(scene: Scene) -> None:
    person = scene.person("facebook")
    address = scene.browse(scene.invite("facebook").url, person)
    arrival = scene.arrive(address)
    refused(scene, address, "was used already")
    scene.connect(arrival, person["ig_user_id"])
    refused(scene, address, "was used already")
    assert scene.one("select token_version from app.connections") == 1


def test_of_many_callbacks_with_one_state_one_wins(scene: Scene) -> None:
    callback = read_callback(scene.browse(scene.invite("facebook").url, scene.person("facebook")))
    together = threading.Barrier(6)

    def come(_: int) -> str:
        with connect(scene.settings.warehouse, "storykeep_ingest") as conn:
            together.wait()
            try:
                return str(take(conn, callback, scene.now).sign_in_id)
            except StorykeepError as error:
                return error.what

    with ThreadPoolExecutor(6) as threads:
        came = list(threads.map(come, range(6)))
    assert sorted("used already" in one for one in came) == [False, *[True] * 5]


def test_a_state_lives_for_minutes_and_then_was_abandoned(scene: Scene) -> None:
    person = scene.person("facebook")
    scene.known(person)
    address = scene.browse(scene.invite("facebook", person["username"]).url, person)
    scene.now += LIFE
    refused(scene, address, "more than 15 minutes ago")
    scene.invite("facebook")
    tried = tries(scene.conn, account_id_of(person["ig_user_id"]))
    assert tried is not None
    assert (tried.count, tried.status, tried.reason) == (1, State.NEEDS_ACTION, Reason.FLOW_ABANDONED)
    refused(scene, address, "more than 15 minutes ago")


def test_the_token_watch_ends_what_was_abandoned(scene: Scene) -> None:
    scene.invite("facebook")
    watch_tokens(scene.conn, scene.settings, fixed_clock(scene.now + LIFE - timedelta(seconds=1)))
    assert scene.one("select status from app.sign_ins") == "connecting"
    watch_tokens(scene.conn, scene.settings, fixed_clock(scene.now + LIFE))
    assert scene.one("select status, reason from app.sign_ins") == ("needs_action", "flow_abandoned")


def test_who_comes_in_the_last_second_is_in_time(scene: Scene) -> None:
    person = scene.person("instagram")
    address = scene.browse(scene.invite("instagram").url, person)
    scene.now += LIFE - timedelta(seconds=1)
    assert scene.arrive(address).found[0].username == person["username"]


@pytest.mark.parametrize("state", ["guessed", "' or true --", "\u0000", "é"])
def test_a_state_that_was_never_given_out_is_refused(scene: Scene, state: str) -> None:
    scene.invite("facebook")
    refused(scene, f"{BACK}?code=AQcode&state={state}", "belongs to no sign-in")


def test_a_state_of_somebody_elses_sign_in_is_refused_and_stays_theirs(scene: Scene) -> None:
    """An attacker hands over the end of a dialog of their own, so that a stranger's account is connected as theirs."""
    attacker, person = scene.person("instagram"), scene.person("instagram", 1)
    address = scene.browse(scene.invite("instagram", attacker["username"]).url, attacker)
    mine = scene.invite("instagram", person["username"])
    refused(scene, address, "belongs to no sign-in", mine.sign_in_id)
    assert scene.arrive(address).invited is not None


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/back", "http://storykeep.test/back", f"{BACK}/", "https://storykeep.test.evil.example/back"],
)
def test_a_code_that_arrived_elsewhere_is_refused(scene: Scene, elsewhere: str) -> None:
    address = scene.browse(scene.invite("facebook").url, scene.person("facebook"))
    refused(scene, address.replace(BACK, elsewhere, 1), "did not arrive at")


def test_a_link_whose_way_back_was_changed_brings_no_token(scene: Scene) -> None:
    """The API compares too: the code was given for another address than the one that the sign-in was begun with."""
    url = scene.invite("facebook").url.replace("storykeep.test", "evil.example")
    address = scene.browse(url, scene.person("facebook"))
    assert address.startswith("https://evil.example/back?")
    with pytest.raises(SignInError) as caught:
        scene.arrive(address.replace("https://evil.example/back", BACK))
    assert caught.value.trouble.reason is Reason.CODE_REFUSED
    assert scene.one("select count(*) from app.connections") == 0


def test_a_strangers_code_under_my_state_does_not_connect_the_strangers_account(scene: Scene) -> None:
    stranger, person = scene.person("instagram"), scene.person("instagram", 1)
    scene.known(person)
    theirs = scene.browse(scene.invite("instagram").url, stranger).split("code=")[1].split("&")[0]
    mine = scene.browse(scene.invite("instagram", person["username"]).url, person)
    arrival = scene.arrive(mine.replace(mine.split("code=")[1].split("&")[0], theirs))
    with pytest.raises(SignInError) as caught:
        scene.connect(arrival, stranger["ig_user_id"])
    assert caught.value.trouble.reason is Reason.WRONG_ACCOUNT
    assert scene.one("select count(*) from app.connections") == 0


def test_two_creators_who_sign_in_at_once_are_not_mixed_up(scene: Scene) -> None:
    one, other = scene.person("instagram"), scene.person("instagram", 1)
    links = [(person, scene.invite("instagram", person["username"])) for person in (one, other)]
    came = [(person, scene.browse(link.url, person), link.sign_in_id) for person, link in links]
    for person, address, sign_in_id in reversed(came):
        scene.connect(scene.arrive(address, sign_in_id), person["ig_user_id"])
    for person in (one, other):
        handle, granter = scene.one(
            "select username, granter_name from app.connections join app.accounts using (account_id)"
            " where ig_user_id = %s",
            person["ig_user_id"],
        )
        assert (handle, granter) == (person["username"], person["creator"])
    assert len(set(scene.tokens().values())) == 2
