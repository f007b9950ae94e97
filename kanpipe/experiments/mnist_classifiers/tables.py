"""The tables of the experiment: scores, comparisons, learning rates, the printed layers, and times."""

import pandas as pd

from kanpipe.experiments.mnist_classifiers.published import (
    ACCURACY,
    EPOCHS,
    NETS,
    SECONDS_PER_EPOCH,
    TABLES,
    TOTAL_PARAMETERS,
)
from kanpipe.experiments.mnist_classifiers.speed_table import speed_table
from kanpipe.experiments.mnist_classifiers.words import VARIANTS
from kanpipe.reporting.style import short_name
from kanpipe.reporting.tables import NOT_RUN, Table, counts, measured, summarise

DESIGN = ["variant", "extractor", "head", "widths", "published_gradient", "learning_rate", "precision", "parameters"]
SCORES = {  # column of `best`: (its title, its digits)
    "accuracy": ("accuracy %", ".2f"),
    "nll": ("nats an image", ".4f"),
    "calibration_error": ("calibration error", ".4f"),
    "best_epoch": ("best epoch", ".1f"),
    "epochs": ("epochs", ".1f"),
    "seconds_per_epoch": ("s/epoch", ".1f"),
}
FOOTERS = {
    "total": "all parameters",
    "trainable": "trainable parameters",
    "input_size": "input, MiB",
    "pass_size": "forward and backward, MiB",
    "parameter_size": "parameters, MiB",
    "total_size": "all together, MiB",
}


def tables(frames: dict[str, pd.DataFrame]) -> dict[str, Table]:
    """All tables, from the frames that `evaluate` and `speed` made."""
    return {
        "": _scores(frames["best"]),
        "comparisons": _comparisons(frames["equivalence"], frames["comparisons"], frames["best"]),
        "rates": _rates(frames["rates"]),
        "layers": _layers(frames["layers"]),
        "speed": speed_table(frames["speed"]),
    }


def _scores(best: pd.DataFrame) -> Table:
    """A row a network, at the learning rate that it is given, and what was printed of the two of the source."""
    summary = summarise(best, DESIGN, [*SCORES, "low", "high", "errors", "minutes", "validation_accuracy"])
    nets = [_net(row) for _, row in summary.iterrows()]
    published = [_printed(net) for net in nets]
    text = pd.DataFrame(
        {
            "network": summary["variant"],
            "extractor": summary["extractor"],
            "head": [_head(row) for _, row in summary.iterrows()],
            "parameters": [f"{count:,}" for count in summary["parameters"]],
            "rate": [f"{rate:g}" for rate in summary["learning_rate"]],
            **measured(summary, SCORES, missing=""),
            "Wilson": [_interval(row) for _, row in summary.iterrows()],
            "n": counts(summary),
            "published": published,
        }
    )
    text = pd.concat([text, _not_run(nets, text.columns)], ignore_index=True)
    return Table(summary.assign(published=published), text, _scores_note(best))


def _not_run(nets: list[str], columns: pd.Index) -> pd.DataFrame:
    """A row for the one network of the source that has no runs where the other has some: what was printed of it."""
    rows = [
        dict.fromkeys(columns, NOT_RUN)
        | {"network": VARIANTS[net], "extractor": NETS[net][0], "head": NETS[net][1], "published": _printed(net)}
        | {"parameters": f"{TOTAL_PARAMETERS.get(net, TABLES[net].total):,}", "rate": "", "n": "0"}
        for net in NETS
        if net not in nets and any(nets)
    ]
    return pd.DataFrame(rows, columns=columns)


def _head(row: pd.Series) -> str:
    gradient = ", published gradient" if row["published_gradient"] else ""
    precision = "" if row["precision"] == "float32" else f", {row['precision']}"
    return f"{short_name(row['head'])} {row['widths']}{gradient}{precision}"


def _interval(row: pd.Series) -> str:
    return f"{row['low_mean']:.2f} to {row['high_mean']:.2f}" if row["n"] else ""


def _net(row: pd.Series) -> str:
    """Which of the two networks of the source a network is, by its name and its parts; nothing for any other."""
    for name, (extractor, head, hidden) in NETS.items():
        inner = "-".join(row["widths"].split("-")[1:-1])
        parts = (VARIANTS[name], extractor, head, "-".join(map(str, hidden)), head == "fasterkan")
        if (row["variant"], row["extractor"], row["head"], inner, bool(row["published_gradient"])) == parts:
            return name
    return ""


def _printed(net: str) -> str:
    """What the source printed of one of its networks."""
    return f"~{ACCURACY[net]:g} %, {EPOCHS[net]} epochs, {SECONDS_PER_EPOCH[net]} s/epoch" if net else ""


def _scores_note(best: pd.DataFrame) -> str:
    row = best.iloc[0]
    words = (
        f"Mean ± standard deviation over n training seeds, on {row['dataset']}: {row['training_images']:,} images to "
        f"learn from, {row['validation_images']:,} held out to choose weights, learning rate and the end of training "
        f"by, and {row['test_images']:,} test images, which are read once. Wilson: the mean ends of the 95 % intervals "
        "of the single runs, which know nothing of other seeds. Calibration error: a fraction. Best epoch: that whose "
        "weights are kept. Seconds an epoch are of trainings at different times, on machines that did other things "
        f"too: what takes how long is in the table of speed. Trained on {', '.join(best['device'].unique())}."
    )
    for precision, rows in best[best["precision"] != "float32"].groupby("precision"):
        words += f" With products of {precision}: {', '.join(rows['variant'].unique())}."
    return words if row["dataset"] == "mnist" else f"{words} Published numbers are of another dataset."


def _comparisons(equivalence: pd.DataFrame, comparisons: pd.DataFrame, best: pd.DataFrame) -> Table:
    """A row a pair of networks: the difference of their accuracies, over the seeds and seed by seed."""
    seeds = comparisons.groupby("variant", sort=False)
    text = pd.DataFrame(
        {
            "network": equivalence["net"],
            "less": equivalence["less"],
            "difference": [f"{value:+.2f}" for value in equivalence["difference"]],
            "90 % interval": [_range(row) for _, row in equivalence.iterrows()],
            "similar": [_similar(row) for _, row in equivalence.iterrows()],
            "resolvable": [f"{value:.2f}" if pd.notna(value) else "" for value in equivalence["resolvable"]],
            "n": [f"{row['n']} and {row['n_less']}" for _, row in equivalence.iterrows()],
            "seed by seed": [_by_seed(seeds, name) for name in equivalence["variant"]],
        }
    )
    return Table(equivalence, text, _comparisons_note(equivalence, best))


def _range(row: pd.Series) -> str:
    return f"{row['low']:+.2f} to {row['high']:+.2f}" if pd.notna(row["low"]) else ""


def _similar(row: pd.Series) -> str:
    if pd.isna(row["p_value"]):
        return "too few runs"
    return f"{'yes' if row['similar'] else 'not shown'} (p = {row['p_value']:.2g})"


def _by_seed(seeds: "pd.api.typing.DataFrameGroupBy", name: str) -> str:
    """The differences of the paired runs, each with the p-value of McNemar's test."""
    if name not in seeds.groups:
        return ""
    return ", ".join(
        f"{row['difference']:+.2f} (p = {row['p_value']:.2g})" for _, row in seeds.get_group(name).iterrows()
    )


def _comparisons_note(equivalence: pd.DataFrame, best: pd.DataFrame) -> str:
    if equivalence.empty:
        return "There are no runs of both networks of any pair."
    margin, images = equivalence["margin"].iloc[0], best["test_images"].iloc[0]
    return (
        "Accuracies in percentage points, each network at the learning rate that the held-out images choose. Similar: "
        f"two one-sided t-tests (Welch) with a margin of {margin:g} points, stated before any run, at 5 %. Resolvable: "
        "the difference that as many runs a side show on these images with a power of 80 %. Seed by seed: the same "
        f"{images:,} test images, McNemar's exact test, which is about these trained networks alone."
    )


def _rates(rates: pd.DataFrame) -> Table:
    """A row a network and learning rate: the scores of the held-out images, and which rate is taken."""
    scores = {"validation_loss": ("held out: nats", ".4f"), "validation_accuracy": ("held out: accuracy %", ".2f")}
    summary = summarise(rates, ["net", "variant", "learning_rate", "chosen"], list(scores))
    summary = summary.sort_values("learning_rate", kind="stable")
    order = {net: place for place, net in enumerate(dict.fromkeys(rates["net"]))}
    summary = summary.sort_values("net", key=lambda nets: nets.map(order), kind="stable")
    text = pd.DataFrame(
        {
            "network": summary["net"],
            "rate": [f"{rate:g}" for rate in summary["learning_rate"]],
            **measured(summary, scores, missing=""),
            "n": counts(summary),
            "taken": ["yes" if taken else "" for taken in summary["chosen"]],
        }
    )
    return Table(
        summary, text, "Mean ± standard deviation over n training seeds. No test image takes part in the choice."
    )


def _layers(layers: pd.DataFrame) -> Table:
    """The printed rows of both tables beside those of our networks, and what stands below them."""
    differs = layers[["row_differs", "footer_differs"]].sum(axis=1) > 0
    text = pd.DataFrame(
        {
            "network": layers["variant"],
            "layer": [FOOTERS.get(name, name) for name in layers["layer"]],
            "output, printed": layers["printed_shape"].fillna(""),
            "output": layers["shape"].fillna(""),
            "parameters, printed": [_number(value) for value in layers["printed"]],
            "parameters": [_number(value) for value in layers["ours"]],
            "same": ["no" if other else "yes" for other in differs],
        }
    )
    rows = layers["row_differs"].notna()
    equal = int((layers.loc[rows, "row_differs"] == 0).sum())
    note = (
        f"{equal} of {rows.sum()} printed rows are equal in name, shape and parameters. The source's tool counts "
        "neither the gate of the self-attention, one parameter, nor frozen centres."
    )
    return Table(layers, text, note)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
