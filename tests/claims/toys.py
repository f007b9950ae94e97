"""Claims and rows as small as they can be, for the tests of verdicts."""

from typing import Any

import pandas as pd

from kanpipe.claims.judge import judge
from kanpipe.claims.model import OWN, Claim

PARAMETERS = pd.DataFrame({"experiment": "toy", "variant": ["kan", "mlp"], "parameters": [10, 20]})
COMPARED = {"metric": "loss", "left": "kan", "right": "mlp"}


def claim(test: dict[str, Any], **more: Any) -> Claim:
    head = {"id": "toy.claim", "experiment": "toy", "source": "a paper", "place": "table I", "statement": "something"}
    return Claim.model_validate(head | {"reported": "x", "because": "2020-01-01: a toy", "test": test} | more)


def compared(kind: str, **more: Any) -> Claim:
    bounds = {key: more.pop(key) for key in ("margin", "times", "by") if key in more}
    return claim(COMPARED | {"kind": kind} | bounds, **more)


def own(test: dict[str, Any], **more: Any) -> Claim:
    return claim(test, source=OWN, **more)


def rows(**columns: Any) -> pd.DataFrame:
    """Rows of runs, from the losses of each variant and from columns."""
    losses = {name: values for name, values in columns.items() if isinstance(values, list) and name in ("kan", "mlp")}
    rest = {name: values for name, values in columns.items() if name not in losses}
    table = pd.DataFrame(
        [(name, seed, loss) for name, values in losses.items() for seed, loss in enumerate(values)],
        columns=["variant", "seed", "loss"],
    )
    return table.assign(**{"status": "finished", "steps": 100} | rest)


def verdict(made: Claim, frame: pd.DataFrame | None) -> pd.Series:
    frames = {} if frame is None else {("toy", made.frame): frame}
    return judge([made], frames, PARAMETERS).numbers.iloc[0]
