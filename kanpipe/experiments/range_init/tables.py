"""The tables of the experiment: scores of all variants, and how they came about epoch after epoch."""

import pandas as pd

from kanpipe.experiments.range_init.published import ACCURACY, DATASET, PARAMETERS
from kanpipe.reporting.tables import FINISHED, Table, counts, measured, summarise

SCORES = {  # column: (its title, its digits)
    "accuracy": ("accuracy %", ".2f"),
    "best_accuracy": ("best epoch %", ".2f"),
    "train_accuracy": ("training %", ".2f"),
    "hidden_sd_start": ("sd of hidden, start", ".2f"),
    "outside_hidden_start": ("outside grid, start %", ".1f"),
    "beyond_hidden_start": ("outside support, start %", ".1f"),
    "outside_hidden": ("outside grid, end %", ".1f"),
    "beyond_hidden": ("outside support, end %", ".1f"),
    "outside_pixels": ("pixels outside grid %", ".1f"),
}
COURSE = {
    "accuracy": ("accuracy %", ".2f"),
    "outside_hidden": ("outside grid %", ".1f"),
    "hidden_sd": ("sd of hidden", ".2f"),
}


def tables(frames: dict[str, pd.DataFrame]) -> dict[str, Table]:
    """The scores, and the course of the `epochs`, from the frames that `evaluate` made."""
    return {"": _scores(frames["runs"], frames["floors"]), "epochs": _epochs(frames["epochs"])}


def _scores(runs: pd.DataFrame, floors: pd.DataFrame) -> Table:
    by = ["variant", "init", "range", "parameters"]
    numbers = summarise(runs, by, [*SCORES, "gain", "minutes"])
    known = were_published(runs)
    published = [_published(row) if known else None for _, row in numbers.iterrows()]
    text = pd.DataFrame(
        {
            "init": numbers["init"].fillna("(MLP)").replace("", "(MLP)"),
            "range": [f"±{r:g}" if pd.notna(r) else "" for r in numbers["range"]],
            "parameters": [f"{n:,}" for n in numbers["parameters"]],
            **measured(numbers, SCORES, missing=""),
            "published %": [f"{mean:.2f}" if pd.notna(mean) else "" for mean in published],
            "n": counts(numbers),
        }
    )
    below = pd.DataFrame({"init": [f"({name})" for name in floors["name"]], "accuracy %": _two(floors["accuracy"])})
    numbers = numbers.assign(published=published)
    return Table(numbers, pd.concat([text, below]).fillna(""), _note(runs))


def _published(row: pd.Series) -> float | None:
    """The mean of the source's runs of this initialisation and range."""
    values = ACCURACY.get(row["range"]) if row["init"] == "pykan" else None
    return sum(values) / len(values) if values else None


def were_published(runs: pd.DataFrame) -> bool:
    """Whether the published accuracies may stand beside those of these runs: same images, and KANs of the same size."""
    sizes = runs.loc[runs["range"].notna(), "parameters"]
    return bool((runs["dataset"] == DATASET).all() and (sizes == PARAMETERS).all())


def _two(values: pd.Series) -> list[str]:
    return [f"{value:.2f}" for value in values]


def _note(runs: pd.DataFrame) -> str:
    finished = runs[runs["status"] == FINISHED]
    run = (finished if len(finished) else runs).iloc[0]
    words = (
        f"Mean ± standard deviation over n training seeds, {run['steps']:,} steps each, on {run['dataset']}. Accuracy "
        f"on {run['test_images']:,} test images at the end; the best epoch is the best of those whose weights were "
        "kept; training accuracy is that of the batches of the last epoch. Hidden values outside the grid have fewer "
        "bases than others, those outside the support have none. In brackets: the MLP, and scores without a network."
    )
    if not were_published(runs):
        return f"{words} Published numbers are of another dataset or another size."
    return f"{words} Published: github.com/yu-rp/KANbeFair, the best of 20 epochs, two runs."


def _epochs(epochs: pd.DataFrame) -> Table:
    numbers = summarise(epochs, ["variant", "init", "range", "epoch"], list(COURSE))
    text = pd.DataFrame(
        {
            "variant": numbers["variant"],
            "epoch": numbers["epoch"],
            **measured(numbers, COURSE, missing=""),
            "n": numbers["n"],
        }
    )
    note = "Mean ± standard deviation over n seeds, at the start of the epoch. Outside grid: of the hidden values."
    return Table(numbers, text, note)
