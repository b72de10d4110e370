"""Runs one Great Expectations checkpoint, writes its Data Docs and says what failed.

The context lives in memory, so that the warehouse's password is never written down; only the results and the
pages made of them are files.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import URL

from storykeep.errors import StorykeepError
from storykeep.quality import first_page
from storykeep.quality.work_dir import writing
from storykeep.settings import PostgresSettings, Settings

log = logging.getLogger(__name__)
# While it is imported, it tells of every decorator that it skips.
logging.getLogger("great_expectations").setLevel(logging.WARNING)

# Of the bad rows, so many are shown.
SAMPLES = 5


@dataclass(frozen=True)
class Batch:
    """Rows of one table (`schema.table`) that a query finds, and what is expected of them."""

    table: str
    query: str
    expectations: Sequence[Any]


def never(claim: str, query: str, *, severity: str = "critical") -> Any:
    """An expectation that `query` finds no row; `{batch}` in it is the batch. `claim` is what holds then."""
    import great_expectations.expectations as gxe

    return gxe.UnexpectedRowsExpectation(description=claim, unexpected_rows_query=query, severity=severity)


def run(settings: Settings, name: str, batches: Sequence[Batch], as_of: datetime) -> int:
    """Check `batches`; returns how many expectations were met.

    Those of severity warning are logged when they fail. Raises StorykeepError naming every other failed one with
    its table and samples of what was found.
    """
    from great_expectations.core.run_identifier import RunIdentifier

    with writing(settings):
        context = _context(settings)
        checkpoint = _checkpoint(context, settings.warehouse, name, batches)
        outcome = checkpoint.run(run_id=RunIdentifier(run_name=as_of.strftime("%Y-%m-%dT%H-%M-%SZ")))
        pages = [*outcome.run_results, *context.expectations_store.list_keys()]
        context.build_data_docs(resource_identifiers=pages, build_index=False)
        page = first_page.write(settings)
    log.info("%s checkpoint: every expectation, with what was found: %s", name, page.as_uri())
    results = [(suite.suite_name, result) for suite in outcome.run_results.values() for result in suite.results]
    fatal = []
    for suite, result in results:
        if result.success:
            continue
        failure = f"{suite}: {_describe(result)}"
        if result.expectation_config.severity == "warning":
            log.warning(failure)
        else:
            fatal.append(failure)
    if fatal:
        raise StorykeepError(
            "; ".join(sorted(fatal)),
            where=f"{name} checkpoint",
            remedy=f"the marts are as they were; see {page}",
        )
    return sum(bool(result.success) for _, result in results)


def _context(settings: Settings) -> Any:
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, ProgressBarsConfig

    names = {
        "expectations_store": "ExpectationsStore",
        "checkpoint_store": "CheckpointStore",
        "validation_definition_store": "ValidationDefinitionStore",
    }
    in_memory = {
        name: {"class_name": kind, "store_backend": {"class_name": "InMemoryStoreBackend"}}
        for name, kind in names.items()
    }
    results = {"class_name": "ValidationResultsStore", "store_backend": _files(settings, "validation_results")}
    pages = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": _files(settings, "data_docs"),
    }
    config = DataContextConfig(
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
        stores=in_memory | {"validation_results_store": results},
        expectations_store_name="expectations_store",
        checkpoint_store_name="checkpoint_store",
        validation_results_store_name="validation_results_store",
        data_docs_sites={"data_docs": pages},
    )
    return gx.get_context(project_config=config)


def _files(settings: Settings, folder: str) -> dict[str, str]:
    return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(settings.work_dir / folder)}


def _checkpoint(context: Any, warehouse: PostgresSettings, name: str, batches: Sequence[Batch]) -> Any:
    import great_expectations as gx

    source = context.data_sources.add_postgres("warehouse", connection_string=_url(warehouse), create_temp_table=False)
    definitions = []
    for batch in batches:
        suite = gx.ExpectationSuite(name=f"{name} of {batch.table}", expectations=batch.expectations)
        context.suites.add(suite)
        rows = source.add_query_asset(batch.table, query=batch.query).add_batch_definition_whole_table("all rows")
        definition = gx.ValidationDefinition(name=suite.name, data=rows, suite=suite)
        definitions.append(context.validation_definitions.add(definition))
    return context.checkpoints.add(
        gx.Checkpoint(
            name=name,
            validation_definitions=definitions,
            result_format="COMPLETE",  # less would leave out the rows that break an expectation
        )
    )


def _url(warehouse: PostgresSettings) -> str:
    url = URL.create(
        "postgresql+psycopg2",
        warehouse.user,
        warehouse.password.get_secret_value(),
        warehouse.host,
        warehouse.port,
        warehouse.database,
        query={"options": "-c role=storykeep_transform -c timezone=UTC", **warehouse.tls},
    )
    return url.render_as_string(hide_password=False)


def claim(config: Any) -> str:
    """What an expectation says, in words; of one without words of its own, what it is called."""
    return str(config.description or f"{config.kwargs.get('column', 'table')} {config.type.removeprefix('expect_')}")


def _describe(result: Any) -> str:
    said = claim(result.expectation_config)
    if errors := list(_errors(result)):
        return f"{said}: could not be checked: {errors[0]}"
    samples = result.result.get("partial_unexpected_list") or result.result.get("details", {}).get("unexpected_rows")
    if not samples:
        return f"{said}: found {result.result.get('observed_value')}"
    return f"{said}: found {', '.join(map(str, samples[:SAMPLES]))}"


def _errors(result: Any) -> Iterator[str]:
    """The first line of each error that kept an expectation from being checked at all."""
    info = result.exception_info or {}
    for error in (info, *info.values()):
        if isinstance(error, dict) and error.get("raised_exception"):
            yield str(error.get("exception_message")).splitlines()[0]
