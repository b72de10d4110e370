"""An empty file of one kind of entries: the header, what goes into each column, and an example."""

import io
from pathlib import Path

import pandas as pd

from storykeep.entries.kinds import COLUMNS, SHAPES, Kind
from storykeep.errors import StorykeepError


def template_text(kind: Kind) -> str:
    """The template as CSV. The rows that begin with # are left out when it is loaded."""
    return str(_frame(kind).to_csv(index=False))


def write_template(kind: Kind, path: Path) -> None:
    """Write the template as CSV or XLSX, by the suffix. Raises StorykeepError rather than overwrite a file."""
    if path.suffix.lower() not in (".csv", ".xlsx"):
        raise StorykeepError("a template is a .csv or an .xlsx file", where=str(path), remedy="name it like that")
    body = io.BytesIO()
    if path.suffix.lower() == ".xlsx":
        _frame(kind).to_excel(body, index=False, sheet_name=kind)
    else:
        body.write(template_text(kind).encode("utf-8-sig"))
    try:
        with path.open("xb") as file:
            file.write(body.getvalue())
    except FileExistsError:
        raise StorykeepError("is there already", where=str(path), remedy="name another file") from None


def _frame(kind: Kind) -> pd.DataFrame:
    shape = SHAPES[kind]
    meanings = [f"{COLUMNS[column][0]}{'' if column in shape.required else ' (optional)'}" for column in shape.columns]
    examples = [COLUMNS[column][1] for column in shape.columns]
    rows = [meanings, examples]
    for row in rows:
        row[0] = f"# {row[0]}"
    return pd.DataFrame(rows, columns=list(shape.columns))
