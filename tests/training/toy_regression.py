"""A regression whose every step can be written out, for the tests of the training loop."""

import json
from functools import partial

import pytest
import torch
from torch import nn

from kanpipe.config.models import Section
from kanpipe.runs import Run
from kanpipe.training.loop import fit
from kanpipe.training.recipe import Recipe, Settings

RESULTS = ("weights.safetensors", "snapshots.safetensors", "history.csv", "validation.csv")
TARGET = torch.tensor([[1.0, -2.0]])


class Killed(BaseException):
    """Ends a training like a signal: nothing in the code waits for it."""


def toy_batch(step, dies_at=None, nan_at=None):
    if step == dies_at:
        raise Killed
    x = torch.randn(8, 2, generator=torch.Generator().manual_seed(step))
    return x, x @ TARGET.T * (float("nan") if step == nan_at else 1.0)


def toy_objective(model, x, y):
    loss = nn.functional.mse_loss(model(x), y)
    return {"loss": loss, "largest": x.abs().max()}


def toy_model():
    model = nn.Linear(2, 1)
    nn.init.constant_(model.weight, 0.1)
    nn.init.constant_(model.bias, -0.1)
    return model


class Toy(Section):
    """What the training of a toy depends on."""

    rate: float = 0.1


def fit_toy(
    folder,
    machine,
    steps=250,
    rate=0.01,
    dies_at=None,
    nan_at=None,
    objective=toy_objective,
    validation=None,
    average=None,
    elsewhere=False,
    **settings,
):
    """Train into the folder; `average` makes one of the model, and `elsewhere` lets it go on on another device."""
    model = toy_model()
    run = Run("toy", "toy", "line", 0, Toy(rate=rate), "code", folder, resumes_elsewhere=elsewhere)
    settings = Settings(steps=steps, **{"checkpoint_seconds": 0, "snapshot_steps": (0, 130)} | settings)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    batch, kept = partial(toy_batch, dies_at=dies_at, nan_at=nan_at), average and average(model)
    fit(run, Recipe(model, optimizer, objective, batch, settings, average=kept, validation=validation), machine)
    return folder


def fit_toy_until(folder, machine, step, **options):
    with pytest.raises(Killed):
        fit_toy(folder, machine, dies_at=step, **options)
    return folder


def plain_loop(steps=250):
    """The losses, and the weights at the start of every step and at the end."""
    model = toy_model()
    optimizer, losses, weights = torch.optim.Adam(model.parameters(), lr=0.01), [], []
    for step in range(steps):
        weights.append({name: value.clone() for name, value in model.state_dict().items()})
        optimizer.zero_grad()
        loss = toy_objective(model, *toy_batch(step))["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, [*weights, model.state_dict()]


def assert_equal(tensors, expected):
    assert {name: value.tolist() for name, value in tensors.items()} == {
        name: value.tolist() for name, value in expected.items()
    }


def contents(folder, names=RESULTS):
    return {name: (folder / name).read_bytes() for name in names}


def record(folder):
    return json.loads((folder / "run.json").read_text())
