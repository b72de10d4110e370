"""The link to the dialog, and the address that it leads back to."""

from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr
from tests.unit.graph.fake_api import SECRET, settings

from storykeep.accounts.signin.dialog import authorize_url, check_redirect_uri, leads_to, read_callback
from storykeep.errors import StorykeepError
from storykeep.settings import FLAVOURS, Flavour

BACK = "https://storykeep.test/back?brand=aurora"
STATE = SecretStr("marker-state")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_link_asks_for_a_code_with_the_state_and_the_exact_way_back(flavour: Flavour) -> None:
    url = authorize_url(settings(flavour), BACK, STATE)
    asked = parse_qs(urlsplit(url).query)
    assert url.startswith("http://dialog.test?")
    assert {name: asked[name] for name in ("client_id", "redirect_uri", "response_type", "state")} == {
        "client_id": ["111"],
        "redirect_uri": [BACK],
        "response_type": ["code"],
        "state": ["marker-state"],
    }
    assert SECRET not in url


@pytest.mark.parametrize(
    ("flavour", "scopes"),
    [
        (
            "facebook",
            {
                *("instagram_basic", "instagram_manage_insights", "pages_show_list", "pages_read_engagement"),
                *("business_management", "pages_manage_metadata"),
            },
        ),
        ("instagram", {"instagram_business_basic", "instagram_business_manage_insights"}),
    ],
)
def test_nothing_is_asked_for_with_which_one_could_post_or_comment(flavour: Flavour, scopes: set[str]) -> None:
    asked = parse_qs(urlsplit(authorize_url(settings(flavour), BACK, STATE)).query)["scope"][0].split(",")
    assert set(asked) == scopes


def test_facebook_is_to_ask_again_for_what_was_declined_and_to_renew_the_data_access() -> None:
    asked = parse_qs(urlsplit(authorize_url(settings("facebook"), BACK, STATE)).query)
    assert asked["auth_type"] == ["rerequest,reauthorize"]
    assert "auth_type" not in authorize_url(settings("instagram"), BACK, STATE)


@pytest.mark.parametrize("tail", ["", "#_", "#_=_", "\n"])
def test_a_callback_is_read_whatever_the_dialog_appends(tail: str) -> None:
    callback = read_callback(f" {BACK}&code=marker-code&state=marker-state{tail}")
    assert callback.code is not None
    assert (callback.code.get_secret_value(), callback.state.get_secret_value()) == ("marker-code", "marker-state")
    assert leads_to(callback, BACK)


def test_a_refusal_is_read_with_its_words() -> None:
    callback = read_callback(f"{BACK}&error=access_denied&error_description=Permissions+error&state=s")
    assert (callback.code, callback.error, callback.error_text) == (None, "access_denied", "Permissions error")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "marker-code",
        BACK,
        f"{BACK}&code=marker-code",
        f"{BACK}&state=marker-state",
        f"{BACK}&code=&state=marker-state",
        f"{BACK}&code=marker-code&state=",
        f"{BACK}&code=marker-code&state=marker-state&state=other",
        f"{BACK}&code=marker-code&code=other&state=marker-state",
        f"{BACK}&code=marker-code&error=access_denied&state=marker-state",
        f"{BACK}#code=marker-code&state=marker-state",
        "https://[::1&code=marker-code&state=marker-state",
    ],
)
def test_what_is_no_callback_is_refused_without_being_quoted(address: str) -> None:
    with pytest.raises(StorykeepError) as caught:
        read_callback(address)
    assert "marker" not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://storykeep.test/back?brand=aurora",
        "https://storykeep.test.evil.example/back?brand=aurora",
        "https://evil.example/back?brand=aurora",
        "https://storykeep.test@evil.example/back?brand=aurora",
        "https://storykeep.test:8443/back?brand=aurora",
        "https://storykeep.test/back/?brand=aurora",
        "https://storykeep.test/other?brand=aurora",
        "https://storykeep.test/back?brand=other",
        "https://storykeep.test/back?",
    ],
)
def test_a_callback_that_arrived_elsewhere_is_told_apart(elsewhere: str) -> None:
    assert not leads_to(read_callback(f"{elsewhere}&code=c&state=s"), BACK)


@pytest.mark.parametrize("uri", [BACK, "https://localhost/", "http://localhost:8080/back", "http://127.0.0.1/"])
def test_a_code_may_be_sent_to_https_or_to_this_machine(uri: str) -> None:
    check_redirect_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        *("", "back", "http://storykeep.test/", "ftp://storykeep.test/", "https://", "https:///back", "https://[::1"),
        *(
            "https://storykeep.test/#top",
            "https://user:pw@storykeep.test/",
            "https://storykeep.test/a b",
            "javascript:1",
        ),
        *("https://storykeep.test/?state=mine", "https://storykeep.test/?code=", "http://localhost.evil.example/"),
    ],
)
def test_a_code_is_sent_nowhere_else(uri: str) -> None:
    with pytest.raises(StorykeepError, match="redirect URI"):
        check_redirect_uri(uri)


def test_no_repr_shows_code_or_state() -> None:
    assert "marker" not in repr(read_callback(f"{BACK}&code=marker-code&state=marker-state"))
