"""Which learning rate each network is given: the best by the validation images.

Variants that differ in their learning rate alone are one network. It has the name of the variant that has the rate
of all, or of its first variant where that one is left out.
"""

import json
from collections.abc import Iterable, Mapping

import pandas as pd

from kanpipe.experiments.mnist_classifiers.config import Classifier


def networks(variants: Mapping[str, Classifier]) -> dict[str, str]:
    """The network of each variant, by the names of both."""
    alike: dict[str, list[str]] = {}
    for name, variant in variants.items():
        alike.setdefault(_but_for_rate(variant), []).append(name)
    return {name: _base(names, variants) for names in alike.values() for name in names}


def _but_for_rate(variant: Classifier) -> str:
    own = variant.model_dump(mode="json", exclude_none=True, exclude={"role": True, "training": {"learning_rate"}})
    own.pop("role", None)
    if not own.get("training"):
        own.pop("training", None)
    return json.dumps(own, sort_keys=True)


def _base(names: list[str], variants: Mapping[str, Classifier]) -> str:
    own = {name: variants[name].training for name in names}
    given = (name for name, training in own.items() if not (training and training.learning_rate))
    return next(given, names[0])


def chosen(runs: pd.DataFrame, metric: str) -> pd.Series:
    """Whether each of the runs has the learning rate that is taken for its network: bool, by the index of `runs`.

    That is the rate with the best mean of the validation score over the seeds that all rates of the network have. A
    rate with a diverged run among them is not taken; where there is no such seed, the network's own variant is.
    """
    best = {net: _best(rows, metric, str(net)) for net, rows in runs.groupby("net", sort=False)}
    return runs["variant"] == runs["net"].map(best)


def _best(rows: pd.DataFrame, metric: str, net: str) -> str:
    shared = _shared(set(found["seed"]) for _, found in rows.groupby("variant"))
    means = rows[rows["seed"].isin(shared)].groupby("variant", sort=False)[f"validation_{metric}"].agg(_mean).dropna()
    if means.empty:
        return net
    return str(means.idxmin() if metric == "loss" else means.idxmax())


def _mean(scores: pd.Series) -> float:
    """The mean; NaN where one is missing."""
    return scores.astype(float).mean(skipna=False)


def _shared(seeds: Iterable[set[int]]) -> set[int]:
    first, *others = seeds
    return first.intersection(*others)
