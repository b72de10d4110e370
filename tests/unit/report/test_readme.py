"""The README's examples are what the programs take."""

import re
from pathlib import Path

import pytest
import typer

from storykeep.accounts.rows import read_accounts
from storykeep.campaigns.document import read_document
from storykeep.cli import app
from storykeep.report.finality import MEANINGS

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "include" / "storykeep" / "settings.py").read_text()


def block(start: str) -> str:
    """The fenced block whose first line begins so."""
    return next(body for body in re.findall(r"```\w*\n(.*?)```", README, re.DOTALL) if body.startswith(start))


def commands() -> set[str]:
    """Every command of the console script, as it is typed."""
    group = typer.main.get_command(app)
    found = set()
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        found |= {f"{name} {sub}" for sub in command.commands} if hasattr(command, "commands") else {name}
    return found


def test_the_accounts_file_can_be_imported() -> None:
    rows, faults = read_accounts(block("login_flavour"))
    assert faults == []
    assert [(row.username, row.token is not None) for row in rows] == [
        ("mila.berg", True),
        ("ben_runs", True),
        ("zoe.cooks", False),
    ]


def test_the_campaigns_file_can_be_imported(tmp_path: Path) -> None:
    file = tmp_path / "campaigns.yaml"
    file.write_text(block("brands:"))
    document = read_document(file)
    assert document.faults == ()
    assert [campaign.campaign_id for campaign in document.campaigns.values()] == ["aurora-autumn-glow"]


def test_every_command_is_listed_and_every_listed_one_exists() -> None:
    section = README.partition("### Commands")[2].partition("\n## ")[0]
    cells = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `storykeep")]
    listed = set()
    for cell in cells:
        first, *others = re.findall(r"`(?:storykeep )?([^`]+)`", cell)
        words = [word for word in first.split() if re.fullmatch("[a-z][a-z-]*", word)]
        listed |= {" ".join(words)} | {f"{words[0]} {other.split()[0]}" for other in others}
    assert listed == commands()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(STORYKEEP_[A-Z_]+)`", README))))
def test_every_setting_exists(name: str) -> None:
    assert f'"{name}"' in SETTINGS


def test_every_setting_is_listed() -> None:
    assert set(re.findall(r'"(STORYKEEP_[A-Z_]+)"', SETTINGS)) == set(re.findall(r"`(STORYKEEP_[A-Z_]+)`", README))


def test_every_finality_is_explained() -> None:
    section = README.partition("| finality |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z]+)`", "\n".join(line.split(" | ")[0] for line in section.splitlines()))) == set(
        MEANINGS
    )


def test_every_make_target_and_folder_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for path in re.findall(r"`((?:dags|dbt|include|\.ci)/[\w./]*)`", README):
        assert (ROOT / path).exists(), path
