"""The tables of the experiment: scores of all variants, and the published losses beside ours."""

import pandas as pd

from kanpipe.experiments.swiss_roll.published import printed_losses
from kanpipe.reporting.tables import FINISHED, Table, counts, mean_and_sd, measured, summarise, with_columns

OF_NETWORK = ["parameters", "diffusion_steps", "beta"]
SCORES = {
    "huber": "Huber loss",
    "huber_fresh": "on fresh data",
    "swd": "sliced Wasserstein",
    "nearest": "nearest",
    "coverage": "coverage",
}


def tables(frames: dict[str, pd.DataFrame]) -> dict[str, Table]:
    """The scores, and those at the printed `epochs`, from the frames that `evaluate` made."""
    runs, floors = (with_columns(frames[name], SCORES) for name in ("runs", "floors"))
    return {"": _scores(runs, floors), "epochs": _epochs(runs, floors)}


def _scores(runs: pd.DataFrame, floors: pd.DataFrame) -> Table:
    scale = ["steps", "common_sample", "generated", "sampling_seed", "device"]
    summary = summarise(runs, ["variant", "parameters"], [*SCORES, "minutes", "steps_per_second"])
    numbers = summary.join(_finished(runs).groupby("variant")[scale].first(), on="variant")
    text = pd.DataFrame(
        {
            "variant": summary["variant"],
            "parameters": [f"{n:,}" for n in summary["parameters"]],
            **measured(summary, {score: (title, ".4f") for score, title in SCORES.items()}),
            "minutes": mean_and_sd(summary, "minutes", ".1f"),
            "steps/s": mean_and_sd(summary, "steps_per_second", ".0f"),
            "n": counts(summary),
        }
    )
    return Table(numbers, pd.concat([text, _floor_rows(floors)]).fillna(""), _note(runs))


def _floor_rows(floors: pd.DataFrame) -> pd.DataFrame:
    """The scores without training, a row each, in the columns of the table."""
    cells = floors[list(SCORES)].map(lambda value: "" if pd.isna(value) else f"{value:.4f}")
    return cells.rename(columns=SCORES).assign(variant=[f"({name})" for name in floors["name"]])


def _finished(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that say at what scale the experiment ran: those that finished, or all where none did."""
    finished = runs[runs["status"] == FINISHED]
    return finished if len(finished) else runs


def _note(runs: pd.DataFrame) -> str:
    finished = _finished(runs)
    run = finished.iloc[0]
    steps = ", ".join(f"{n:,}" for n in sorted(finished["steps"].unique()))
    return (
        f"Mean ± standard deviation over n training seeds, {steps} steps each (published: 8,000). Huber loss: on "
        f"{run['common_sample']:,} noisy points, the same for all, made of the training points, and of fresh ones. Of "
        f"{run['generated']:,} generated points (noise of its own for every training seed) against as many fresh ones: "
        "the sliced Wasserstein distance; nearest, the mean distance from a generated point to the nearest fresh one, "
        "which sees blur and strays; coverage, the same from fresh to generated, which sees what is missing. In "
        "brackets: scores without a network, the best of which know the training points and nothing else, among them "
        "points that the sampler draws where the posterior mean takes a network's place. "
        f"Trained on {', '.join(runs['device'].unique())}."
    )


def _epochs(runs: pd.DataFrame, floors: pd.DataFrame) -> Table:
    """First-batch losses at the printed epochs, beside the noise of one batch and the loss on the common sample."""
    epochs = [int(c.rsplit("_", 1)[1]) for c in runs.columns if c.startswith("first_batch_loss_epoch_")]
    rows = pd.concat([_epoch(runs, epoch) for epoch in epochs], ignore_index=True)
    numbers = rows.sort_values(["order", "epoch"], kind="stable").drop(columns="order")
    text = pd.DataFrame(
        {
            "variant": numbers["variant"],
            "epoch": numbers["epoch"],
            "published, one batch": [f"{v:.5f}" if pd.notna(v) else "" for v in numbers["published"]],
            "first batch": mean_and_sd(numbers, "first_batch", ".4f"),
            "common sample": mean_and_sd(numbers, "on_common", ".4f"),
            "n": numbers["n"],
        }
    )
    floor = floors.set_index("name").loc["best for the Huber loss", "huber"]
    noise = runs["last_batches_sd"].mean()
    note = (
        f"Mean ± standard deviation over n seeds. From batch to batch the loss of one trained network has a standard "
        f"deviation of {noise:.4f}; the best predictor scores {floor:.4f} on the common sample."
    )
    return Table(numbers, text, note)


def _epoch(runs: pd.DataFrame, epoch: int) -> pd.DataFrame:
    names = {f"first_batch_loss_epoch_{epoch}": "first_batch", f"huber_epoch_{epoch}": "on_common"}
    rows = summarise(runs.rename(columns=names), ["variant", *OF_NETWORK], ["first_batch", "on_common"])
    printed = [printed_losses(row["variant"], *row[OF_NETWORK]).get(epoch) for _, row in rows.iterrows()]
    return rows.drop(columns=OF_NETWORK).assign(epoch=epoch, published=printed, order=range(len(rows)))
