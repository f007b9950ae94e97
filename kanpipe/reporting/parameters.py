"""The table of parameter counts."""

import pandas as pd

from kanpipe.reporting.claims import Claim
from kanpipe.reporting.tables import Table


def parameter_table(counts: dict[tuple[str, str], int], claims: list[Claim]) -> Table:
    """A row a variant, from {(experiment, variant): parameters} and the counts that the sources report."""
    reported = {
        (claim["experiment"], claim["test"]["variant"]): claim
        for claim in claims
        if claim["test"]["kind"] == "parameters"
    }
    rows = [_row(*key, count, reported.get(key)) for key, count in counts.items()]
    numbers = pd.DataFrame(rows, columns=["experiment", "variant", "parameters", "reported", "matches", "note"])
    numbers["reported"] = numbers["reported"].astype("Int64")
    text = numbers.assign(
        parameters=[f"{n:,}" for n in numbers["parameters"]],
        reported=[f"{n:,}" if pd.notna(n) else "" for n in numbers["reported"]],
    )
    return Table(numbers, text)


def _row(experiment: str, variant: str, count: int, claim: Claim | None) -> dict:
    row = {"experiment": experiment, "variant": variant, "parameters": count, "reported": None, "matches": ""}
    if claim is None:
        return row | {"note": "no count reported"}
    same = count == claim["reported"]
    return row | {"reported": claim["reported"], "matches": "yes" if same else "no", "note": claim["source"]}
