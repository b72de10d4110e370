"""Runs the dbt project in this process: one start of dbt costs seconds, whatever the number of its models."""

import json
import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from storykeep.errors import StorykeepError
from storykeep.quality import approval, landed
from storykeep.quality.work_dir import writing
from storykeep.settings import Settings
from storykeep.transform import last_build, publications
from storykeep.warehouse import connect

log = logging.getLogger(__name__)

BAD = ("error", "fail", "runtime error")
MODELS = ("model", "seed")
# Variables that only a run looks at. dbt reads the whole project again when another one is told, which takes seconds.
NOT_PARSED = ("as_of", "project", "landed_until", "known_at")


def build(settings: Settings, as_of: datetime, landed_until: Mapping[str, int] | None = None) -> dict[str, int]:
    """Build every model into its schema, the marts into `build`, and run every data test.

    It goes on from the last build that ended well if it can, and otherwise makes every table anew. What was approved
    for publication is so no longer. Raw rows with higher landing ids than `landed_until`, by table, are left out: those
    that land from now on. Returns how many nodes ended in which state. Raises StorykeepError naming each failed model
    and test.
    """
    approval.withdraw(settings)
    project = last_build.fingerprint(settings.dbt_dir, _kept(settings))
    with connect(settings.warehouse, "storykeep_transform") as conn:
        landed_until = landed_until or landed.newest(conn)
        publications.begin(conn, as_of, project, _variables(settings), landed_until)
    command = ["build", "--exclude-resource-type", "unit_test"]
    if not last_build.can_go_on(settings, as_of, project):
        log.info("dbt: full refresh")
        command.append("--full-refresh")
    states = _run(settings, as_of, command, project=project, landed_until=landed_until)
    last_build.keep(settings)
    return states


def rebuild(
    settings: Settings, as_of: datetime, landed_until: Mapping[str, int], suffix: str, **variables: str
) -> dict[str, int]:
    """Build every model anew into schemas whose names end in `suffix`, and test nothing.

    Of the standing build nothing is touched. `variables` are of the project, and go before the settings'. Raises
    StorykeepError naming each failed model.
    """
    command = ["build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test", "--full-refresh"]
    return _run(settings, as_of, command, schema_suffix=suffix, landed_until=landed_until, **variables)


def unit_test(settings: Settings, as_of: datetime) -> dict[str, int]:
    """Run dbt's unit tests only. They ask the warehouse for the types of the models' inputs, so build first."""
    return _run(settings, as_of, ["test", "--select", "test_type:unit"])


def freshness(settings: Settings, as_of: datetime) -> dict[str, int]:
    """Measure at `as_of` how old the newest row of each source is. Raises StorykeepError when one is too old."""
    return _run(settings, as_of, ["source", "freshness", "--output", str(_folder(settings) / "freshness.json")])


def docs(settings: Settings, as_of: datetime) -> Path:
    """Write what every model and column means, and what comes from what, as one page; returns the file. Build first."""
    _result(settings, as_of, ["docs", "generate", "--static"])
    return _folder(settings) / "target" / "static_index.html"


def warn_of_old_sources(settings: Settings, as_of: datetime) -> None:
    """Log when a source is too old, and no more: what was built of it is right all the same."""
    try:
        freshness(settings, as_of)
    except StorykeepError as error:
        log.warning("dbt source freshness: %s", error.what)


def _run(settings: Settings, as_of: datetime, command: Sequence[str], **variables: Any) -> dict[str, int]:
    """How many nodes ended in which state. Raises StorykeepError naming each one that failed."""
    results = list(_result(settings, as_of, command, **variables))
    failures = [_describe(result) for result in results if str(result.status) in BAD]
    if failures:
        raise _failure(settings, command[0], failures)
    for result in results:
        if str(result.status) == "warn":
            log.warning("dbt: %s", _describe(result))
    # The hook at the start of a run is an operation, and no node of the project.
    return dict(Counter(str(result.status) for result in results if result.node.resource_type != "operation"))


def _result(settings: Settings, as_of: datetime, command: Sequence[str], **variables: Any) -> Any:
    if not (settings.dbt_dir / "dbt_project.yml").is_file():
        raise StorykeepError(
            f"there is no dbt project in {settings.dbt_dir}",
            where="STORYKEEP_DBT_DIR",
            remedy="name the folder dbt/ of Storykeep",
        )
    with writing(settings), _environment(settings):
        told = {
            "as_of": as_of.isoformat(),
            **_variables(settings),
            **variables,
        }
        # The command itself writes down what was parsed.
        parse = ["parse", "--no-write-json"]
        manifest = _invoke(settings, parse, {name: told[name] for name in told if name not in NOT_PARSED})
        return _invoke(settings, command, told, manifest)


def _invoke(settings: Settings, command: Sequence[str], variables: Mapping[str, Any], manifest: Any = None) -> Any:
    """What a command of dbt comes to, with the parsed project where there is one."""
    from dbt.cli.main import dbtRunner  # imports for seconds

    outcome = dbtRunner(manifest=manifest, callbacks=[_tell]).invoke([*command, *_options(settings, variables)])
    if isinstance(outcome.exception, OSError):
        raise outcome.exception
    if outcome.exception is not None:
        raise _failure(settings, command[0], [str(outcome.exception)])
    return outcome.result


def _variables(settings: Settings) -> dict[str, str]:
    """The settings that make the rows of the marts what they are."""
    return {"keep": _kept(settings), "list_every_seconds": f"{settings.list_every.total_seconds():.0f}"}


def _kept(settings: Settings) -> str:
    """The part of the policy that makes the rows of the marts what they are."""
    return "matched" if settings.keep.matched_only else "all"


def _options(settings: Settings, variables: Mapping[str, Any]) -> list[str]:
    folder = _folder(settings)
    return [
        *("--project-dir", str(settings.dbt_dir), "--profiles-dir", str(settings.dbt_dir)),
        *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
        *("--vars", json.dumps(variables)),
        *("--log-level", "none", "--log-level-file", "info", "--no-use-colors", "--no-use-colors-file"),
        *("--no-version-check", "--no-send-anonymous-usage-stats"),
    ]


def _folder(settings: Settings) -> Path:
    return settings.work_dir / "dbt"


@contextmanager
def _environment(settings: Settings) -> Iterator[None]:
    """The variables that profiles.yml reads, for as long as dbt runs. dbt masks those named DBT_ENV_SECRET_."""
    warehouse = settings.warehouse
    told = {
        "STORYKEEP_DBT_HOST": warehouse.host,
        "STORYKEEP_DBT_PORT": str(warehouse.port),
        "STORYKEEP_DBT_USER": warehouse.user,
        "STORYKEEP_DBT_DATABASE": warehouse.database,
        **{f"STORYKEEP_DBT_{option.upper()}": value for option, value in warehouse.tls.items()},
        "DBT_ENV_SECRET_WAREHOUSE_PASSWORD": warehouse.password.get_secret_value(),
    }
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _tell(event: Any) -> None:
    """Log one line for each model as it finishes."""
    if event.info.name != "NodeFinished":
        return
    node, result = event.data.node_info, event.data.run_result
    level = logging.INFO if node.resource_type in MODELS else logging.DEBUG
    log.log(level, "dbt: %s %s: %s in %.1f s", node.resource_type, node.node_name, result.status, result.execution_time)


def _describe(result: Any) -> str:
    message = " ".join(str(result.message or result.status).split())
    return f"{result.node.resource_type} {result.node.name}: {message}"


def _failure(settings: Settings, command: str, failures: Sequence[str]) -> StorykeepError:
    return StorykeepError(
        "; ".join(failures),
        where=f"dbt {command}",
        remedy=f"the marts are as they were; the compiled SQL is below {_folder(settings) / 'target' / 'compiled'},"
        f" the log is {_folder(settings) / 'logs' / 'dbt.log'}",
    )
