"""The two networks of the source beside what it printed of them, row by row."""

from typing import Any

import pandas as pd

from kanpipe.experiments.mnist_classifiers.layer_rows import LayerTable, Row
from kanpipe.experiments.mnist_classifiers.layer_table import layer_table
from kanpipe.experiments.mnist_classifiers.problem import SIDE
from kanpipe.experiments.mnist_classifiers.published import NETS, TABLES
from kanpipe.models.classifier import DigitClassifier
from kanpipe.runs import FINISHED

FOOTERS = ("total", "trainable", "input_size", "pass_size", "parameter_size", "total_size")


def printed_layers() -> pd.DataFrame:
    """A row for each printed row of both tables and for each number below them.

    `row_differs` says of a row, and `footer_differs` of a number below them, whether ours is another: 1 or 0.
    """
    rows: list[dict[str, Any]] = []
    for net, arguments in NETS.items():
        ours, printed = layer_table(DigitClassifier(*arguments), (1, SIDE, SIDE)), TABLES[net]
        rows += [
            {"variant": net, "status": FINISHED} | row for row in (*_rows(ours, printed), *_footers(ours, printed))
        ]
    return pd.DataFrame(rows)


def _rows(ours: LayerTable, printed: LayerTable) -> list[dict[str, Any]]:
    """The rows of both; where one has more, nothing stands beside them."""
    missing = Row("", (), 0)
    count = max(len(ours.rows), len(printed.rows))
    pairs = zip(*(_filled(table.rows, count, missing) for table in (ours, printed)), strict=True)
    return [
        {
            "layer": theirs.name or own.name,
            "printed_shape": _words(theirs.output_shape),
            "shape": _words(own.output_shape),
            "printed": theirs.parameters,
            "ours": own.parameters,
            "row_differs": float(own != theirs),
        }
        for own, theirs in pairs
    ]


def _filled(rows: tuple[Row, ...], count: int, filling: Row) -> tuple[Row, ...]:
    return (*rows, *[filling] * (count - len(rows)))


def _words(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _footers(ours: LayerTable, printed: LayerTable) -> list[dict[str, Any]]:
    """What stands below the rows; sizes are in MiB."""
    pairs = {name: (getattr(ours, name), getattr(printed, name)) for name in FOOTERS}
    return [
        {"layer": name, "printed": theirs, "ours": own, "footer_differs": float(own != theirs)}
        for name, (own, theirs) in pairs.items()
    ]
