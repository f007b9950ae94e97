"""The claims as they are written: complete, of a known kind, and on columns that their rows have.

A claim that names a column which its rows do not have is a fault of the claims, not a verdict. Where a column is there
only in some settings, such as the error at a grid size or the distance in one layer's features, the claim says
`optional: true` and reads `not run` without it.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from kanpipe.config import load_yaml
from kanpipe.errors import UserError
from kanpipe.runs import FINISHED

Claim = dict[str, Any]
PLACE = ["setup", "mode", "precision"]  # the columns that the `where` of a ratio gives the values of
NEEDED = {  # kind of test: its keys
    "parameters": {"variant"},
    "above": {"metric", "left", "right"},
    "not_above": {"metric", "left", "right"},
    "ratio": {"phase", "left", "right", "where", "factor"},
    "level": {"metric", "variant"},
    "estimate": {"metric", "ends", "variant", "to"},
    "trend": {"metric", "variants"},
    "least": {"metric", "variant", "others"},
}


def load_claims(path: Path) -> list[Claim]:
    """The claims of a file; UserError for one that is incomplete, of an unknown kind, or named twice."""
    claims = load_yaml(path)
    if not isinstance(claims, list) or not all(isinstance(claim, dict) for claim in claims):
        raise UserError(f"{path} is not a list of claims")
    names = [claim.get("id") for claim in claims]
    for claim in claims:
        if fault := _fault(claim) or ("stands there twice" if names.count(claim["id"]) > 1 else ""):
            raise UserError(f"{path}: claim {claim.get('id')} {fault}")
    return claims


def _fault(claim: Claim) -> str:
    missing = {"id", "experiment", "source", "statement", "reported", "test"} - claim.keys()
    if missing:
        return f"lacks {', '.join(sorted(missing))}"
    test = claim["test"]
    if not isinstance(test, dict) or test.get("kind") not in NEEDED:
        return f"has no test of a kind among {', '.join(NEEDED)}"
    needed = NEEDED[test["kind"]] - test.keys()
    return f"lacks {', '.join(sorted(needed))} in its test" if needed else ""


def source(claim: Claim) -> str:
    """Where a claim is read from: "<experiment>", or "<experiment>/<frame>"."""
    return "/".join(claim[key] for key in ("experiment", "frame") if key in claim)


def named_columns(claim: Claim) -> set[str]:
    """The columns that a claim needs in its rows, whatever the settings: all but an optional metric."""
    test = claim["test"]
    named = {*claim.get("scale", {}), *claim.get("same", []), *test.get("ends", [])}
    named |= {*PLACE, f"{test['phase']}_ms"} if test["kind"] == "ratio" else set()
    return named | ({test["metric"]} if "metric" in test and not claim.get("optional") else set())


def check_columns(claim: Claim, rows: pd.DataFrame | None) -> None:
    """Raise UserError that names the claim and the columns which it needs and its rows, if there are any, lack."""
    if rows is None or rows.empty:
        return
    named = {"variant", *named_columns(claim)}
    if "status" in rows and FINISHED not in set(rows["status"]):
        named.discard(claim["test"].get("metric"))  # runs that have all diverged have no scores
    if missing := sorted(named - set(rows.columns)):
        have = ", ".join(sorted(rows.columns))
        raise UserError(f"claim {claim['id']}: {source(claim)} has no column {', '.join(missing)}; it has {have}")
