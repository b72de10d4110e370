"""`.env.example` names every setting that the code reads, shows its real default, and holds no secret."""

import ast
import re
from pathlib import Path

from storykeep.settings import Settings

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"(STORYKEEP|AIRFLOW_CONN)_[A-Z_]*[A-Z]")
LINE = re.compile(r"^(?P<unset># )?(?P<name>[A-Z][A-Z_]*)=(?P<value>.*)$", re.MULTILINE)
# Read by docker-compose.yaml alone, so that Storykeep itself has no such setting.
COMPOSE_ONLY = {"STORYKEEP_AIRFLOW_PORT", "STORYKEEP_POSTGRES_PORT"}


def listed() -> dict[str, re.Match[str]]:
    return {match["name"]: match for match in LINE.finditer((ROOT / ".env.example").read_text())}


def read_by_settings() -> set[str]:
    """The names that settings.py looks up: its string literals, and the connections' variables."""
    tree = ast.parse((ROOT / "include" / "storykeep" / "settings.py").read_text())
    literals = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    connections = {
        f"AIRFLOW_CONN_{name}" for name in ("WAREHOUSE", "WAREHOUSE_ADMIN", "GRAPH_FACEBOOK", "GRAPH_INSTAGRAM")
    }
    return {name for name in literals if NAME.fullmatch(name)} | connections


def test_every_setting_is_listed_and_no_other() -> None:
    assert len(read_by_settings()) > 8
    ours = {name for name in listed() if NAME.fullmatch(name)}
    assert ours - COMPOSE_ONLY == read_by_settings()


def test_nothing_that_is_to_be_filled_in_has_a_value() -> None:
    to_fill = [match for match in listed().values() if not match["unset"]]
    assert len(to_fill) > 8
    assert [match["name"] for match in to_fill if match["value"]] == []


def test_the_defaults_shown_are_the_defaults() -> None:
    shown = {match["name"]: match["value"] for match in listed().values() if match["unset"] and match["value"]}
    root = str(ROOT)
    told = {name: value if value[0] != "." and value != "dbt" else f"{root}/{value}" for name, value in shown.items()}
    assert {"STORYKEEP_TICK_SECONDS", "STORYKEEP_MEDIA_ROOT", "STORYKEEP_MEDIA_HOSTS"} <= told.keys()
    assert Settings.from_env(told) == Settings.from_env({})
