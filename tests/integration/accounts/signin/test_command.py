"""`storykeep accounts connect` as a person meets it, with a browser that is played by the test."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from storykeep import cli
from storykeep.accounts.signin.trouble import SignInError
from storykeep.commands import connect as command
from storykeep.errors import StorykeepError
from storykeep.settings import FLAVOURS, Flavour, Settings

from .conftest import PRESENT, Scene

pytestmark = pytest.mark.integration

Run = Callable[..., Result]


@pytest.fixture
def run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command; `browser` is told the link and answers the address at which it ends."""
    monkeypatch.setattr(Settings, "from_env", lambda: scene.settings)
    monkeypatch.setattr(command, "system_clock", lambda: PRESENT)
    printed: list[str] = []
    show = command.console.print
    monkeypatch.setattr(command.console, "print", lambda text, **how: (printed.append(text), show(text, **how)))

    def command_line(*arguments: str, browser: Callable[[str], str] | None = None, keys: str = "") -> Result:
        def prompt(_: str, *, hide_input: bool, err: bool) -> str:
            assert hide_input, "the address holds a code"
            if browser is None:
                raise typer.Abort
            return browser(printed[-1])

        monkeypatch.setattr(typer, "prompt", prompt)
        return CliRunner().invoke(cli.app, ["accounts", "connect", *arguments], input=keys)

    return command_line


def lines(result: Result) -> list[str]:
    """What was printed after the link."""
    return [line for line in result.stdout.splitlines() if not line.startswith(("open this address", "http"))]


def trouble(result: Result, kind: type[StorykeepError] = StorykeepError) -> str:
    assert isinstance(result.exception, kind), result.exception
    assert result.exception.where and result.exception.remedy
    return str(result.exception)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_creator_is_connected_in_one_run_and_no_secret_is_seen(
    scene: Scene, run: Run, flavour: Flavour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    person = scene.person(flavour)
    scene.known(person)
    addresses: list[str] = []

    def browser(url: str) -> str:
        addresses.append(scene.browse(url, person))
        return addresses[-1]

    options = ("--flavour", flavour, "--text-version", "2026-11", "--usage-rights", "internal use")
    result = run(f"@{person['username']}", *options, browser=browser)
    assert result.exit_code == 0, result.exception
    page = f", Page {person['creator']}" if flavour == "facebook" else ""
    assert lines(result) == [
        f"✓ @{person['username']} (insights{page})",
        f"@{person['username']}: connected as connected",
    ]
    assert scene.one("select text_version, usage_rights from app.consents") == ("2026-11", "internal use")
    (code,) = re.findall(r"code=([^&#]+)", addresses[0])
    (token,) = scene.tokens().values()
    secret = scene.settings.graph(flavour).app_secret.get_secret_value()
    for text in (result.output, caplog.text):
        assert [hidden for hidden in (code, token, secret) if hidden in text] == []


def test_a_second_run_goes_on_where_the_first_one_ended(scene: Scene, run: Run) -> None:
    person = scene.person("instagram")
    first = run("--flavour", "instagram")
    assert "storykeep accounts connect --callback" in trouble(first)
    (url,) = re.findall(r"^http\S+$", first.stdout, re.MULTILINE)
    result = run("--callback", scene.browse(url, person))
    assert lines(result)[-1] == f"@{person['username']}: connected as connected"
    assert scene.tokens().keys() == {person["username"]}


def test_what_is_wrong_is_one_message_with_item_reason_and_remedy(scene: Scene, run: Run) -> None:
    person = scene.person("facebook")
    result = run(person["username"], browser=lambda url: scene.browse(url, person, refuse=True))
    assert trouble(result, SignInError) == (
        f"@{person['username']}: access_denied -> brand contact: ask the creator whether the refusal was meant and,"
        " if not, to connect the account again"
    )


def several(scene: Scene) -> list[dict[str, str]]:
    """The first of three creators shows three accounts, the last of which cannot be connected."""
    people = [scene.person("facebook", number) for number in range(3)]
    shown = [scene.page(people[0]), scene.page(people[1], "2102"), scene.page(people[2], "2103", tasks=[])]
    told: list[dict[str, Any]] = [
        scene.says(people[0], "pages", {"data": shown}),
        scene.says(people[0], "profile", {"id": "1"}),
    ]
    scene.control("POST", "faults", told)
    return people


@pytest.mark.parametrize(
    ("options", "keys", "connected"),
    [
        (("--all",), "", {0, 1}),
        (("--choose", "1"), "", {1}),
        (("--choose", "0", "--choose", "1"), "", {0, 1}),
        ((), "n\ny\n", {1}),
    ],
)
def test_of_several_accounts_the_chosen_are_connected_and_the_others_are_explained(
    scene: Scene, run: Run, options: tuple[str, ...], keys: str, connected: set[int]
) -> None:
    people = several(scene)
    handles = [person["username"] for person in people]
    named = [f"@{handles[int(word)]}" if word.isdigit() else word for word in options]
    result = run(*named, browser=lambda url: scene.browse(url, people[0]), keys=keys)
    assert result.exit_code == 0, result.exception
    assert lines(result)[:4] == [
        f"✓ @{handles[0]} (insights, Page Page 2101)",
        f"✓ @{handles[1]} (insights, Page Page 2102)",
        f"✗ @{handles[2]} (content_only, Page Page 2103)",
        "  insufficient_page_role (Page 2103 (2103)); creator: get a role on the linked Facebook Page that may see its"
        " insights, then connect the account again",
    ]
    assert scene.tokens().keys() == {handles[number] for number in connected}


def test_nobody_there_to_choose_connects_nobody(scene: Scene, run: Run) -> None:
    people = several(scene)
    result = run(browser=lambda url: scene.browse(url, people[0]))
    assert "no account was chosen" in trouble(result, SignInError)
    assert scene.tokens() == {}


@pytest.mark.parametrize(("options", "keys"), [((), ""), ((), "n\n"), (("--all",), "")])
def test_another_account_than_the_invited_is_never_connected_by_itself(
    scene: Scene, run: Run, options: tuple[str, ...], keys: str
) -> None:
    person, other = scene.person("instagram"), scene.person("instagram", 1)
    result = run(
        person["username"], "--flavour", "instagram", *options,
        browser=lambda url: scene.browse(url, other), keys=keys,
    )  # fmt: skip
    assert "wrong_account" in trouble(result, SignInError)
    assert scene.tokens() == {}


@pytest.mark.parametrize("by_key", [True, False])
def test_it_is_connected_when_a_person_says_so(scene: Scene, run: Run, by_key: bool) -> None:
    person, other = scene.person("instagram"), scene.person("instagram", 1)
    options = () if by_key else ("--choose", other["username"])
    result = run(
        person["username"], "--flavour", "instagram", *options,
        browser=lambda url: scene.browse(url, other), keys="y\n" if by_key else "",
    )  # fmt: skip
    assert result.exit_code == 0, result.exception
    assert f"✗ @{person['username']} is not among them: wrong_account" in result.stdout
    assert scene.tokens().keys() == {other["username"]}


def test_the_named_account_of_a_callback_has_to_be_the_one_that_was_invited(scene: Scene, run: Run) -> None:
    person, other = scene.person("instagram"), scene.person("instagram", 1)
    first = run(person["username"], "--flavour", "instagram")
    (url,) = re.findall(r"^http\S+$", first.stdout, re.MULTILINE)
    address = scene.browse(url, person)
    assert "was begun for" in trouble(run(other["username"], "--callback", address))
    assert run(person["username"], "--callback", address).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("--flavour", "myspace"), "--flavour: 'myspace' is no login flavour"),
        (("--redirect-uri", "http://evil.example/"), "is no address to come back to"),
        (("--brand", "nobody"), "nobody: there is no such brand"),
        (("--callback", "https://localhost/"), "this is not where the dialog leads back to"),
    ],
)
def test_what_was_typed_wrong_is_told(run: Run, arguments: tuple[str, ...], match: str) -> None:
    assert match in trouble(run(*arguments))


def test_an_account_that_did_not_come_cannot_be_chosen(scene: Scene, run: Run) -> None:
    person = scene.person("instagram")
    result = run("--flavour", "instagram", "--choose", "nobody", browser=lambda url: scene.browse(url, person))
    assert "@nobody: it is not among the accounts that came" in trouble(result)
    assert scene.tokens() == {}
