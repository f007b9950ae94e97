"""The results of layers.py as a table for people, in layers.md and between two marks of README.md."""

from pathlib import Path

import pandas as pd

from kanpipe.files import write_table

NAMES = {
    "mlp": "nn.Linear or nn.Conv2d",
    "floor": "floor",
    "cox_de_boor": "published B-spline algorithm",
    "kan": "**kanpipe KAN**",
    "kan_recompute": "**kanpipe KAN, recomputed**",
    "fastkan": "**kanpipe FastKAN**",
    "fasterkan": "**kanpipe FasterKAN**",
}


def render(table: pd.DataFrame) -> str:
    """Markdown: a table a set-up."""
    parts = []
    for setup, rows in table.groupby("setup", sort=False):
        text = pd.DataFrame([_cells(row) for _, row in rows.iterrows()])
        parts.append(f"`{setup}`\n\n{text.to_markdown(index=False, disable_numparse=True)}")
    first = table.iloc[0]
    made = f"{first['device']}, one thread, torch {first['torch']}, {first['rounds']:.0f} rounds."
    return "\n\n".join([*parts, made])


def _cells(row: pd.Series) -> dict[str, str]:
    return {
        "layer": NAMES.get(row["layer"], row["layer"]),
        "mode": _text(row["mode"]),
        "ms": _number(row["ms"], ".3g"),
        "/ ordinary": _number(row["over_mlp"], ".2f"),
        "/ floor": _interval(row),
        "saved MiB": _number(row["saved_mib"], ".1f"),
        "differs by": _number(row.get("difference"), ".0e"),
        "far away": _number(row.get("difference_far"), ".0e"),
        "note": _text(row["note"]),
    }


def _text(value: str | float) -> str:
    return "" if pd.isna(value) else str(value)


def _number(value: float | None, form: str) -> str:
    return "" if value is None or pd.isna(value) else f"{value:{form}}"


def _interval(row: pd.Series) -> str:
    if pd.isna(row["over_floor_low"]):
        return _number(row["over_floor"], ".2f")
    return f"{row['over_floor']:.2f} [{row['over_floor_low']:.2f}, {row['over_floor_high']:.2f}]"


def write(table: pd.DataFrame, folder: Path, name: str) -> None:
    """Write <name>.csv and <name>.md into the folder, and the table into its README.md if there is one."""
    write_table(folder / f"{name}.csv", table)
    text = render(pd.read_csv(folder / f"{name}.csv"))
    (folder / f"{name}.md").write_text(f"{text}\n")
    readme = folder / "README.md"
    if readme.exists():
        between_marks(readme, f"{name}.csv", text)


def between_marks(page: Path, name: str, text: str) -> None:
    """Put the text between the two marks of that name in a page."""
    begin, end = f"<!-- {name} begins -->", f"<!-- {name} ends -->"
    before, rest = page.read_text().split(begin)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.split(end)[1]}")
