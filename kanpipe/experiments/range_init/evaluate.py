"""Test accuracy of all runs, and where the inputs of their layers lay, from the start to the end of training."""

from contextlib import nullcontext
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from kanpipe.data.prepared import Images
from kanpipe.experiments.protocol import Inputs
from kanpipe.experiments.range_init import problem
from kanpipe.experiments.range_init.config import Classifier, Experiment
from kanpipe.layers.diagnostics import OutsideRecord, record_outside
from kanpipe.layers.kan_layer import KANLayer
from kanpipe.machine import Machine
from kanpipe.models.fully_connected import FullyConnected
from kanpipe.runs import FinishedRun

CHUNK = 100  # images whose features fit a processor's cache
OUTSIDE_GRID, OUTSIDE_SUPPORT = PLACES = ("outside", "beyond")  # what columns call the two, in this order
AT_THE_START = ("hidden_sd", "outside_hidden", "beyond_hidden")


def evaluate(runs: list[FinishedRun], spec: Experiment, inputs: Inputs, machine: Machine) -> dict[str, pd.DataFrame]:
    """Three tables: `runs`, a row a run, `epochs`, a row a run and epoch, and `floors`, scores without a network.

    All runs are scored on the test images of the dataset.
    """
    data = problem.images(inputs.data)
    x = problem.standardise(problem.to_device(data.test_images, machine), spec.problem.standardise)
    labels = problem.to_device(data.test_labels, machine).long()
    epochs = [_epochs(run, x, labels, machine) for run in runs]
    rows = [_row(run, course, len(labels)) for run, course in zip(runs, epochs, strict=True)]
    return {
        "runs": _with_gains(pd.DataFrame(rows)),
        "epochs": pd.concat(epochs, ignore_index=True),
        "floors": pd.DataFrame(_floors(data)),
    }


def _epochs(run: FinishedRun, x: Tensor, labels: Tensor, machine: Machine) -> pd.DataFrame:
    """A row for every epoch of which there are weights: what `_scores` says, over all hidden layers too."""
    head = run.record.entries("experiment", "variant", "seed", "status") | _design(run.spec.variant)
    rows = []
    for epoch, weights in problem.stages(run).items():
        model = problem.restore(run, weights, machine)
        rows.append(head | {"epoch": epoch} | _scores(model, x, labels))
    table = pd.DataFrame(rows)
    for place in PLACES:
        behind = [f"{place}_{number}" for number in range(2, len(run.spec.variant.hidden) + 2)]
        table[f"{place}_hidden"] = table.reindex(columns=behind).mean(axis=1)
    return table.assign(outside_1=table.get("outside_1", np.nan))


def _design(variant: Classifier) -> dict[str, Any]:
    """The two factors of the experiment, the range by its upper end; an MLP has neither."""
    layers = [layer for layer in problem.build(variant).modules() if isinstance(layer, KANLayer)]
    return {"init": layers[0].init, "range": layers[0].grid_range[1]} if layers else {"init": "", "range": np.nan}


@torch.no_grad()
def _scores(model: FullyConnected, x: Tensor, labels: Tensor) -> dict[str, float]:
    """Accuracy in per cent, the standard deviation of what the last layer is given, and the shares of `_shares`."""
    with record_outside(model) if _is_kan(model) else nullcontext(None) as record:
        hidden = torch.cat([model.last_hidden(rows) for rows in x.split(CHUNK)])
        right = (model.net[-1](hidden).argmax(dim=-1) == labels).double().mean()
    return {"accuracy": 100 * right.item(), "hidden_sd": hidden.std().item()} | (_shares(record) if record else {})


def _is_kan(model: FullyConnected) -> bool:
    return any(isinstance(module, KANLayer) for module in model.modules())


def _shares(record: OutsideRecord) -> dict[str, float]:
    """Per cent of the inputs of each layer, counted from 1, outside its grid and outside its support."""
    return {
        f"{place}_{number}": 100 * share
        for number, found in enumerate(record.fractions().values(), start=1)
        for place, share in ((OUTSIDE_GRID, found.grid), (OUTSIDE_SUPPORT, found.support))
    }


def _row(run: FinishedRun, course: pd.DataFrame, test_images: int) -> dict[str, Any]:
    """What the tables say of a run: its scores at the end, and its inputs at the start and at the end."""
    scale = {"dataset": run.spec.problem.dataset, "test_images": test_images}
    row = (
        run.row() | _design(run.spec.variant) | scale | {f"{name}_start": course[name].iloc[0] for name in AT_THE_START}
    )
    if run.diverged:
        return row | dict.fromkeys(["accuracy", "best_accuracy", "train_accuracy", "outside_pixels", *AT_THE_START])
    last_epoch = run.history()["accuracy"].tail(run.record.steps // run.spec.training.epochs)
    accuracy = {"accuracy": course["accuracy"].iloc[-1], "best_accuracy": course["accuracy"].max()}
    pixels = {"outside_pixels": course["outside_1"].iloc[-1], "train_accuracy": 100 * last_epoch.mean()}
    return row | accuracy | pixels | {name: course[name].iloc[-1] for name in AT_THE_START}


def _with_gains(runs: pd.DataFrame) -> pd.DataFrame:
    """Adds `gain`: the accuracy beyond that of the narrowest range with the same initialisation and seed."""
    kans = runs[runs["range"].notna()]
    narrowest = kans.sort_values("range").drop_duplicates(["init", "seed"]).set_index(["init", "seed"])["accuracy"]
    keys = zip(runs["init"], runs["seed"], strict=True)
    return runs.assign(gain=runs["accuracy"] - [narrowest.get(key, np.nan) for key in keys])


def _floors(data: Images) -> list[dict[str, Any]]:
    """Accuracies in per cent without a network."""
    train, test = (pixels.reshape(len(pixels), -1) / 255 for pixels in (data.train_images, data.test_images))
    means = np.stack([train[data.train_labels == digit].mean(axis=0) for digit in range(problem.CLASSES)])
    nearest = cdist(test, means).argmin(axis=1)
    most = np.bincount(data.train_labels).argmax()
    guesses = {"nearest mean of a class": nearest, "the most frequent class": np.full(len(test), most)}
    return [
        {"name": name, "n": len(test), "accuracy": 100 * float((guess == data.test_labels).mean())}
        for name, guess in guesses.items()
    ]
