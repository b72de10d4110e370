"""`storykeep db backup` and `restore` as a person types them."""

import json
import re
import sys
from pathlib import Path

import pytest

from storykeep.backup.dump import backup
from storykeep.backup.manifest import beside
from storykeep.cli import main
from storykeep.clock import system_clock
from storykeep.local.postgres import uri
from storykeep.settings import Settings

pytestmark = pytest.mark.integration

KEYS = "its tokens are read with the STORYKEEP_TOKEN_KEYS of its time: they are not in a backup"


class Shell:
    """The command with the settings of one warehouse; what it said is in `out` and `err`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.out = self.err = ""

    def run(self, settings: Settings, *arguments: str) -> int:
        self._monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", uri(settings.warehouse))
        self._monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_ADMIN", uri(settings.warehouse_admin))
        self._monkeypatch.setattr(sys, "argv", ["storykeep", "db", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        self.out, self.err = self._capsys.readouterr()
        return int(ended.value.code or 0)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


def test_a_backup_says_what_it_holds_and_what_it_does_not(shell: Shell, warehouse: Settings, tmp_path: Path) -> None:
    file = tmp_path / "w.dump"
    assert shell.run(warehouse, "backup", str(file)) == 0, shell.err
    first, second = shell.out.splitlines()
    assert re.fullmatch(rf"{file} holds \d+ tables with 1 rows, at revision \d+", first)
    assert second == "the token keys are not in it: keep STORYKEEP_TOKEN_KEYS in another place"
    assert shell.run(warehouse, "backup", str(file)) == 1
    assert shell.err == (
        f"storykeep: {file}: this file is there already, and a backup overwrites none"
        " -> name another file, or move this one away\n"
    )


def test_a_restore_shows_every_table_and_that_all_are_equal(
    shell: Shell, warehouse: Settings, target: Settings, tmp_path: Path
) -> None:
    made = backup(warehouse, tmp_path / "w.dump", system_clock)
    assert shell.run(target, "restore", str(tmp_path / "w.dump")) == 0, shell.err
    head, *rows, verdict, keys = shell.out.splitlines()
    assert head.split() == ["table", "rows", "proof"]
    assert [row.split() for row in rows] == [[name, str(proof.rows), "equal"] for name, proof in made.tables.items()]
    assert verdict == f"equal: {len(made.tables)} tables with 1 rows"
    assert keys == KEYS


def test_a_restore_that_is_not_equal_names_each_table_that_differs(
    shell: Shell, warehouse: Settings, target: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "w.dump"
    backup(warehouse, file, system_clock)
    told = json.loads(beside(file).read_text())
    told["tables"]["app.brands"]["rows"] = 3
    told["tables"]["raw.stories"]["hash"] = "1"
    del told["tables"]["app.runs"]
    beside(file).write_text(json.dumps(told))
    assert shell.run(target, "restore", str(file)) == 1
    assert shell.err == (
        f"storykeep: {file}: app.brands had 3 rows; app.runs is not in the dump; raw.stories has other content"
        " -> do not use this database: drop it and restore again\n"
    )
    assert "equal:" not in shell.out


def test_an_older_revision_is_told_with_the_way_to_the_newest(
    shell: Shell, warehouse: Settings, target: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "w.dump"
    newest = backup(warehouse, file, system_clock).revision
    told = json.loads(beside(file).read_text())
    beside(file).write_text(json.dumps(told | {"revision": "0001"}))
    assert shell.run(target, "restore", str(file)) == 0, shell.err
    assert shell.out.splitlines()[-2] == (
        f"warehouse is at revision 0001, older than {newest} of this Storykeep; run: storykeep db upgrade"
    )
