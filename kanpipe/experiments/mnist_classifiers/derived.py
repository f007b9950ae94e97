"""What follows from the rows of all runs, whichever of them were scored together."""

from collections.abc import Mapping

import pandas as pd

from kanpipe.experiments.mnist_classifiers.comparison import JUDGED, judgements
from kanpipe.experiments.mnist_classifiers.config import Classifier, Evaluation, Experiment
from kanpipe.experiments.mnist_classifiers.rates import chosen, networks

RUN = ["experiment", "variant", "seed", "status"]
# Frames about single images: by the column of a network that of the variant which it was trained as.
RATE_OF = {"comparisons": {"net": "trained_as", "less": "less_trained_as"}, "confusion": {"variant": "trained_as"}}
CHOSEN_BY = ["learning_rate", "validation_loss", "validation_accuracy"]


def derived(frames: Mapping[str, pd.DataFrame], spec: Experiment) -> dict[str, pd.DataFrame]:
    """The frames that `of_runs` makes of the rows that are there, and of those about single images the rows that are
    of runs with the learning rates that are then taken.
    """
    found = of_runs(frames["runs"], spec.variants, spec.training.stopping.metric, spec.evaluation)
    for name in RATE_OF:
        rows = frames[name]
        taken = with_rates(rows, name, found["best"])
        found[name] = rows[(taken == rows[taken.columns]).all(axis=1)]
    return found


def with_rates(rows: pd.DataFrame, frame: str, best: pd.DataFrame) -> pd.DataFrame:
    """Of rows of a frame about single images, the columns that say which variants their networks are in `best`."""
    taken = best.drop_duplicates("variant").set_index("variant")["trained_as"]
    return pd.DataFrame({column: rows[side].map(taken) for side, column in RATE_OF[frame].items()}, index=rows.index)


def of_runs(
    runs: pd.DataFrame, variants: Mapping[str, Classifier], metric: str, evaluation: Evaluation
) -> dict[str, pd.DataFrame]:
    """Three frames from the rows of runs, whose index the first two keep.

    `rates`: a row a run, with its network and whether its learning rate is the one that the network is given, by the
    validation `metric`. `best`: the runs that have this rate, each called by its network. `equivalence`: networks in
    pairs, from the accuracies in `best`, in percentage points.
    """
    nets = networks(variants)
    rates = runs[[*RUN, *CHOSEN_BY]].assign(net=[nets.get(name, name) for name in runs["variant"]])
    rates["chosen"] = chosen(rates, metric)
    taken = rates["chosen"]
    best = runs[taken].assign(variant=rates.loc[taken, "net"], trained_as=runs.loc[taken, "variant"])
    order = {net: place for place, net in enumerate(dict.fromkeys(nets.values()))}
    best = best.sort_values("variant", key=lambda names: names.map(order), kind="stable")
    accuracies = {net: rows.tolist() for net, rows in best.dropna(subset="accuracy").groupby("variant")["accuracy"]}
    judged = pd.DataFrame(judgements(accuracies, evaluation.pairs, evaluation.margin), columns=JUDGED)
    # What it holds for is said in every row.
    return {"rates": rates, "best": best, "equivalence": judged.assign(dataset=", ".join(runs["dataset"].unique()))}
