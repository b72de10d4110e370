"""Writes the first page of the Data Docs: a link to the page of each table that was checked, the newest check first.

Great Expectations' own first page is empty without internet, since a script from elsewhere fills it; this one is not.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from storykeep.settings import Settings

# So many of the newest results are listed: those of about ten builds.
LISTED = 200

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Data Docs</title>
<style>
  body {{ font-family: sans-serif; margin: 2em; }}
  th, td {{ text-align: left; padding: .2em 1.5em .2em 0; }}
  .failed {{ color: #b00020; font-weight: bold; }}
</style>
<h1>Data Docs</h1>
<p>What was expected of the rows, and what was found: one page for each table of each check.</p>
<table>
<tr><th>Checked at (UTC)<th>Build as of<th>Check<th>Met<th>
{rows}
</table>
</html>
"""
ROW = '<tr><td>{time}<td>{build}<td><a href="{page}">{suite}</a><td>{met} of {all}<td class="{verdict}">{verdict}'


def write(settings: Settings) -> Path:
    """Write it anew, of the results that are there; returns where it is. OSError when the folder refuses."""
    page = (settings.work_dir / "data_docs" / "index.html").absolute()
    results = settings.work_dir / "validation_results"
    newest = sorted(sorted(results.rglob("*.json")), key=lambda path: path.parent.name, reverse=True)[:LISTED]
    page.parent.mkdir(parents=True, exist_ok=True)
    draft = page.with_suffix(".new")  # whoever reads the page meanwhile has all of the old one
    draft.write_text(PAGE.format(rows="\n".join(_rows(results, newest))), encoding="utf-8")
    draft.replace(page)
    return page


def _rows(root: Path, results: list[Path]) -> Iterator[str]:
    for path in results:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        run, counts = result["meta"]["run_id"], result["statistics"]
        told = {
            "time": f"{datetime.fromisoformat(run['run_time']):%Y-%m-%d %H:%M:%S}",
            "build": run["run_name"],
            "page": quote(f"validations/{path.relative_to(root).with_suffix('.html')}"),
            "suite": result["suite_name"],
            "met": counts["successful_expectations"],
            "all": counts["evaluated_expectations"],
            "verdict": "" if result["success"] else "failed",
        }
        yield ROW.format_map({name: escape(str(value)) for name, value in told.items()})
