"""Who may import whom, and who may ask the machine: the source is read, nothing is imported."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "include" / "storykeep"

# Each part with the other parts of storykeep that it may import. The ground (the modules beside them) is for all.
GROUND = {"causes", "settings", "clock", "errors", "warehouse"}
MAY_IMPORT: dict[str, set[str]] = {
    "graph": set(),
    "landing": set(),
    "migrations": set(),
    "access": {"migrations"},
    "quality": set(),
    "transform": {"landing", "quality"},
    "backup": {"migrations", "transform"},
    "maintenance": {"accounts", "capture", "entries", "graph", "landing", "quality", "transform"},
    "sandbox": set(),  # an oracle has to be independent of what it judges
    "accounts": {"graph", "landing"},
    "campaigns": {"landing"},
    "capture": {"accounts", "campaigns", "graph", "landing"},
    "content": {"accounts", "capture", "graph", "landing"},
    "entries": {"accounts", "campaigns", "landing"},
    "report": {"accounts", "capture"},
    "airflow": {
        *("accounts", "campaigns", "capture", "content", "entries", "graph", "landing", "maintenance"),
        *("quality", "report", "transform"),
    },
}
# These start the others, so they may import any of them.
STARTERS = {"cli", "commands", "local", "__main__"}
GROUND_MAY_IMPORT: dict[str, set[str]] = {
    "causes": set(),
    "errors": set(),
    "clock": {"errors"},
    "settings": {"errors"},
    "warehouse": {"errors", "settings"},
}


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def dags() -> list[Path]:
    return sorted((ROOT / "dags").rglob("*.py"))


def part(path: Path) -> str:
    """The part of storykeep that a file belongs to: its folder below the package, or the module itself."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, also inside a function, by its full name."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides where it leads"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_parts(path: Path) -> set[str]:
    names = [name.split(".") for name in imported(path)]
    return {name[1] for name in names if name[0] == "storykeep" and len(name) > 1}


def test_the_parts_that_are_walked_are_those_that_are_known() -> None:
    found = {part(path) for path in sources()} - {"__init__"}
    assert {"graph", "landing", "capture", "accounts", "campaigns", "sandbox", "airflow", "transform"} <= found
    assert found <= MAY_IMPORT.keys() | GROUND | STARTERS
    assert len(dags()) >= 3


def test_dependencies_run_one_way() -> None:
    wrong = []
    for path in sources():
        here = part(path)
        if here in STARTERS or here == "__init__":
            continue
        allowed = GROUND_MAY_IMPORT[here] if here in GROUND else MAY_IMPORT[here] | GROUND
        wrong += [f"{path.relative_to(ROOT)} imports {there}" for there in imported_parts(path) - allowed - {here}]
    assert wrong == []


def test_the_permissions_themselves_hold_no_circle() -> None:
    remaining = dict(MAY_IMPORT)
    while remaining:
        free = {name for name, needs in remaining.items() if not needs & remaining.keys()}
        assert free, f"a circle among {sorted(remaining)}"
        for name in free:
            del remaining[name]


def test_dags_are_wiring_over_storykeeps_airflow_part() -> None:
    wrong = [
        f"{path.name} imports {there}" for path in dags() for there in imported_parts(path) - {"airflow", "settings"}
    ]
    assert wrong == []


def test_airflow_is_imported_in_its_own_part_only() -> None:
    users = {part(path) for path in sources() if any(name.split(".")[0] == "airflow" for name in imported(path))}
    assert users == {"airflow"}


def attributes(path: Path) -> Iterator[str]:
    """What a file names with a dot (`os.environ`, `datetime.now`) and what it imports from a module by name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            yield f"{node.value.attr}.{node.attr}"
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def users_of(names: set[str]) -> set[str]:
    files = [*sources(), *dags()]
    found = [path for path in files if names & set(attributes(path))]
    return {str(path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else ROOT)) for path in found}


def test_only_the_settings_read_the_environment() -> None:
    readers = users_of({"os.environ", "os.getenv"})
    assert "settings.py" in readers
    # local/ starts programs: it hands on the environment, and is itself one of those programs in the deployment.
    # transform/dbt.py hands dbt its variables, in process.
    allowed = {"settings.py", "local/airflow.py", "local/airflow_database.py", "transform/dbt.py"}
    assert readers <= allowed


def test_only_the_clock_tells_the_time() -> None:
    # time.monotonic, which measures how long something takes, is nobody's "now".
    clocks = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
    assert users_of(clocks) == {"clock.py"}


def test_an_init_holds_a_docstring_at_most() -> None:
    inits = [path for path in sources() if path.name == "__init__.py"]
    assert len(inits) > 8
    assert [path for path in inits if len(ast.parse(path.read_text()).body) > 1] == []
