"""Steps with all that depends on their number, and a training with all of it against being killed."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from toy_regression import Killed, Toy, contents

from kanpipe.evaluation.training_steps import next_step
from kanpipe.machine import seeded
from kanpipe.runs import Run
from kanpipe.training.average import MovingAverage
from kanpipe.training.loop import fit
from kanpipe.training.recipe import Recipe, Settings
from kanpipe.training.stepper import Stepper


def model(dropout=0.0):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(dropout), nn.Linear(8, 1)).double()


def batch(step):
    draw = torch.Generator().manual_seed(step)
    x = torch.randn(8, 3, generator=draw, dtype=torch.float64)
    return x, x.sum(dim=1, keepdim=True).square()


def objective(net, x, y):
    return {"loss": nn.functional.mse_loss(net(x), y)}


def sgd_recipe(dropout=0.0, **options):
    net = model(dropout)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    return Recipe(net, optimizer, objective, batch, Settings(steps=9), **options)


def test_step_draws_its_batch_and_sets_its_rate():
    recipe, twin = sgd_recipe(rate=lambda step: 0.1 / step), model()
    before = [parameter.detach().clone() for parameter in recipe.model.parameters()]
    said = Stepper(recipe, seed=0)(5)
    loss = objective(twin, *batch(5))["loss"]
    loss.backward()
    assert said["loss"] == loss and recipe.optimizer.param_groups[0]["lr"] == 0.02
    for old, new, other in zip(before, recipe.model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(new, old - 0.02 * other.grad, rtol=1e-12, atol=1e-15)


def test_average_has_the_decay_of_the_step():
    recipe = sgd_recipe()
    average = MovingAverage(recipe.model, 0.9, ramp=True)
    start = recipe.model[0].weight.detach().clone()
    Stepper(replace(recipe, average=average), seed=0)(2)
    expected = start.lerp(recipe.model[0].weight.detach(), 1 - 3 / 12)
    torch.testing.assert_close(average.weights["0.weight"], expected, rtol=1e-6, atol=1e-7)  # the rate is of float32


@pytest.mark.parametrize("kind", [nn.Dropout, nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_dropout_is_a_function_of_seed_and_step_and_the_generator_is_left_alone(kind, monkeypatch):
    monkeypatch.setattr(nn, "Dropout", kind)
    losses = {}
    for seed, step in ((0, 3), (0, 4), (1, 3)):
        take_step = Stepper(replace(sgd_recipe(0.5), batch=lambda step: batch(3)), seed)
        torch.manual_seed(seed + step)
        state = torch.get_rng_state()
        losses[seed, step] = take_step(step)["loss"].item()
        assert torch.equal(torch.get_rng_state(), state)
    net = model(0.5)
    with seeded(0, "dropout", 3):
        expected = objective(net, *batch(3))["loss"].item()
    assert losses[0, 3] == expected and len(set(losses.values())) == 3


class Noisy(nn.Module):
    """Adds noise without a module of dropout, as a layer that is brought may."""

    def forward(self, x):
        return nn.functional.dropout(x, 0.5, self.training)


def test_noise_without_a_module_of_dropout_is_a_function_of_seed_and_step(monkeypatch):
    monkeypatch.setattr(nn, "Dropout", lambda share: Noisy())
    recipe = sgd_recipe()
    take_step = Stepper(recipe, seed=0)
    take_step(0)
    twin = sgd_recipe()
    twin.model.load_state_dict(recipe.model.state_dict())
    assert Stepper(twin, seed=0)(3)["loss"] == take_step(3)["loss"] != Stepper(twin, seed=1)(3)["loss"]


def test_generators_are_set_no_longer_once_a_step_has_drawn_nothing(monkeypatch):
    take_step = Stepper(sgd_recipe(), seed=0)
    take_step(0)
    monkeypatch.setattr("kanpipe.training.stepper.seeded", None)
    take_step(1)


def test_timed_steps_are_those_of_the_training():
    timed, taken = sgd_recipe(0.5), sgd_recipe(0.5)
    work, take_step = next_step(timed, seed=7), Stepper(taken, seed=7)
    for step in range(4):
        work(lambda: None)
        take_step(step)
    assert all(map(torch.equal, timed.model.state_dict().values(), taken.model.state_dict().values()))


def fit_all(folder, machine, dies_at=None, seed=0):
    """A training with dropout, an average, a course of the learning rate in a tensor, clipping and parts."""
    net = model(dropout=0.5)
    optimizer = torch.optim.Adam(net.parameters(), lr=torch.tensor(0.1))
    options = {"clip_norm": 1.0, "micro_batches": 2, "snapshot_steps": (0, 30), "check_every": 10}
    settings = Settings(steps=60, checkpoint_seconds=0, **options)

    def drawn(step):
        if step == dies_at:
            raise Killed
        return batch(step)

    extras = {"rate": lambda step: 0.1 / (1 + step), "average": MovingAverage(net, 0.9, ramp=True)}
    recipe = Recipe(net, optimizer, objective, drawn, settings, **extras, snapshot=largest_weight)
    fit(Run("toy", "toy", "all", seed, Toy(), "code", folder), recipe, machine)
    return net, contents(folder)


def largest_weight(net):
    return {"largest": net[0].weight.abs().max()}


def test_killed_and_resumed_everything_has_the_same_bytes(tmp_path, machine):
    _, whole = fit_all(tmp_path / "whole", machine)
    for step in (15, 31, 59):
        with pytest.raises(Killed):
            fit_all(tmp_path / "killed", machine, dies_at=step)
    assert fit_all(tmp_path / "killed", machine)[1] == whole
    assert fit_all(tmp_path / "other", machine, seed=1)[1]["history.csv"] != whole["history.csv"]  # by dropout alone


def test_averaged_weights_and_the_snapshot_asked_for_are_what_is_kept(tmp_path, machine):
    net, _ = fit_all(tmp_path, machine)
    weights, snapshots = (load_file(tmp_path / f"{name}.safetensors") for name in ("weights", "snapshots"))
    assert not torch.equal(weights["0.weight"], net[0].weight)
    torch.testing.assert_close(weights["0.weight"], net[0].weight.detach(), rtol=0, atol=0.2)
    assert snapshots.keys() == {"0/largest", "30/largest"}
