"""The table of parameter counts."""

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd
from torch import nn

from kanpipe.claims.model import Claim
from kanpipe.claims.questions import Parameters
from kanpipe.config.kinds import parsed
from kanpipe.experiments import stage
from kanpipe.experiments.plan import Plan
from kanpipe.models.counting import parameter_count
from kanpipe.reporting.entries import entries_of
from kanpipe.reporting.tables import Table

AS_PUBLISHED = ", as published"  # behind the name of a variant: its network as `preset: paper` has it
NOTHING: Mapping[tuple[str, str], str] = MappingProxyType({})


def as_published(claims: list[Claim]) -> dict[tuple[str, str], nn.Module]:
    """The networks of published size that claims name, by (experiment, variant with `AS_PUBLISHED`)."""
    named = {(claim.experiment, name) for claim in claims for name in claim.test.variants() if AS_PUBLISHED in name}
    entries = entries_of("paper") if named else {}
    found: dict[tuple[str, str], nn.Module] = {}
    for experiment in sorted({experiment for experiment, _ in named}):
        plan = Plan(experiment, entries[experiment])
        models = stage(plan.kind, "models")(parsed(plan.kind, plan.blocks("models")))
        found |= {(experiment, name + AS_PUBLISHED): model for name, model in models.items()}
    return {key: model for key, model in found.items() if key in named}


def parameter_table(
    models: dict[tuple[str, str], nn.Module], claims: list[Claim], matched: Mapping[tuple[str, str], str] = NOTHING
) -> Table:
    """A row a variant, from {(experiment, variant): model} and the counts that the sources report.

    `matched` names the variants that others were made as large as.
    """
    reported = {(claim.experiment, claim.test.variant): claim for claim in claims if isinstance(claim.test, Parameters)}
    rows = [_row(*key, model, reported.get(key)) for key, model in models.items()]
    for row in rows:
        if like := matched.get((row["experiment"], row["variant"])):
            row["note"] = _nearness(row["parameters"], like, models.get((row["experiment"], like)))
    numbers = pd.DataFrame(rows, columns=["experiment", "variant", "parameters", "reported", "matches", "note"])
    numbers["reported"] = numbers["reported"].astype("Int64")
    text = numbers.assign(
        parameters=[f"{n:,}" for n in numbers["parameters"]],
        reported=[f"{n:,}" if pd.notna(n) else "" for n in numbers["reported"]],
    )
    return Table(numbers, text)


def _row(experiment: str, variant: str, model: nn.Module, claim: Claim | None) -> dict:
    count = parameter_count(model)
    row = {"experiment": experiment, "variant": variant, "parameters": count, "reported": None, "matches": ""}
    if claim is None:
        return row | {"note": "no count reported"}
    return row | {
        "reported": claim.reported,
        "matches": "yes" if count == claim.reported else "no",
        "note": claim.source,
    }


def _nearness(count: int, like: str, other: nn.Module | None) -> str:
    """How near a variant came to the one that it was to be as large as."""
    if other is None:
        return f"as many as {like}, which is left out here"
    wanted = parameter_count(other)
    return f"as many as {like}, {wanted:,}: {100 * (count / wanted - 1):+.2f} %"
