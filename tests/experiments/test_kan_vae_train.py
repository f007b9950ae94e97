"""KAN-VAE: what is trained, on what, and at which learning rate."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from run_records import sealed_npz
from torch import nn

from kanpipe.config import kinds
from kanpipe.config.models import Plateau
from kanpipe.data.prepare import prepare
from kanpipe.errors import UserError
from kanpipe.experiments import stage
from kanpipe.experiments.kan_vae import problem
from kanpipe.experiments.kan_vae import train as training
from kanpipe.machine import Machine
from kanpipe.runs import FinishedRun, Run
from kanpipe.training.recipe import Settings

PLATEAU = {"factor": 0.5, "patience": 0}
PROBLEM = {"dataset": "digits", "threshold": 0.5}
TRAINING = {
    "epochs": 4,
    "batch_size": 32,
    "learning_rate": 0.03,
    "plateau": PLATEAU,
    "compile": False,
    "snapshot_epochs": [0, 2],
}
KAN = {"family": "kan", "hidden": [10], "latent": 3}
EPOCH = 44  # batches of 32 in the 1,437 training images
STEEP = 0.1


class SteepPlateau(Plateau):
    """Lowers the rate after an epoch that is not a tenth better, which a few epochs reach."""

    threshold: float = STEEP


RESULTS = ("weights.safetensors", "snapshots.safetensors", "history.csv")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The digits that scikit-learn brings along."""
    folder = tmp_path_factory.mktemp("data")
    prepare("digits", folder, folder / "digits.npz")
    return folder / "digits.npz"


@pytest.fixture(scope="module")
def told_apart(tmp_path_factory):
    """A hundred noisy images; the first seven pixels are the bits of the image's number, bright or dark."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (100, 28, 28), dtype=np.uint8)
    bits = np.arange(100)[:, None] >> np.arange(7) & 1
    pixels[:, 0, :7] = np.where(bits, 128, 127)  # the darkest ink and the brightest paper
    path = tmp_path_factory.mktemp("data") / "noise.npz"
    images, labels = {"train_images": pixels, "test_images": pixels[:5]}, np.zeros(100, np.uint8)
    sealed_npz(path, **images, train_labels=labels, test_labels=labels[:5])
    return path


def run(folder, data, variant=KAN, seed=0, **changes):
    spec = kinds.trained("kan_vae", {"problem": PROBLEM, "training": TRAINING | changes, "variant": variant})
    plateau = SteepPlateau(**spec.training.plateau.model_dump())
    steep = spec.model_copy(update={"training": spec.training.model_copy(update={"plateau": plateau})})
    return Run("my_vae", "kan_vae", "small", seed, steep, "code", folder, data)


def captured(monkeypatch, run, machine):
    """What the training of a run gives to the loop."""
    seen = {}

    def fit(run, recipe, machine):
        seen.update(vars(recipe))

    monkeypatch.setattr(training, "fit", fit)
    training.train(run, machine)
    return seen


class Killed(BaseException):
    """Ends a training like a signal: nothing in the code waits for it."""


def trained(folder, data, machine, **options):
    each = run(folder, data, **options)
    stage("kan_vae", "train")(each, machine, checkpoint_seconds=0)
    return FinishedRun.read(folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, data):
    return trained(tmp_path_factory.mktemp("run") / "whole", data, Machine.prepare("cpu", threads=1))


# The batches.


def numbers(x):
    """Which of the images that are told apart stand in a batch."""
    return (x[:, :7].int() << torch.arange(7)).sum(dim=1).tolist()


def test_an_epoch_shows_every_image_at_most_once_and_the_next_in_another_order(
    monkeypatch, machine, told_apart, tmp_path
):
    seen = captured(monkeypatch, run(tmp_path, told_apart, batch_size=30, epochs=2, snapshot_epochs=[0, 1]), machine)
    assert seen["settings"].steps == 6 and seen["schedule"].steps_per_epoch == 3  # three batches of 30 in 100 images
    assert seen["settings"].snapshot_steps == (0, 3)
    shown = [numbers(seen["batch"](step)[0]) for step in range(6)]
    first, second = sum(shown[:3], []), sum(shown[3:], [])
    assert len(set(first)) == len(set(second)) == 90 and set(first) | set(second) <= set(range(100))
    assert first != second and set(first) != set(second)


def test_batch_is_binary_at_the_threshold(monkeypatch, machine, told_apart, tmp_path):
    x, noise = captured(monkeypatch, run(tmp_path, told_apart), machine)["batch"](0)
    assert x.shape == (32, 784) and noise.shape == (32, 3) and x.dtype == noise.dtype == torch.float32
    pixels = np.load(told_apart)["train_images"][numbers(x)].reshape(32, -1)
    np.testing.assert_array_equal(x.numpy(), pixels >= 128)


def test_threshold_is_the_configured_one(told_apart, machine):
    pixels = np.load(told_apart)["train_images"]
    x = problem.binary(pixels, 0.25, machine)
    assert x.dtype == torch.uint8
    np.testing.assert_array_equal(x.numpy(), pixels.reshape(100, -1) > 63.75)


def test_batches_are_functions_of_seed_and_step(monkeypatch, machine, told_apart, tmp_path):
    first, again, other = (
        captured(monkeypatch, run(tmp_path, told_apart, seed=seed), machine)["batch"] for seed in (0, 0, 1)
    )
    first(5), first(0)  # what was asked before makes no difference
    assert all(torch.equal(a, b) for a, b in zip(first(4), again(4), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first(4), other(4), strict=True))
    assert not torch.equal(first(4)[1], first(5)[1])


def test_noise_is_standard_normal(monkeypatch, machine, told_apart, tmp_path):
    batch = captured(monkeypatch, run(tmp_path, told_apart), machine)["batch"]
    noise = torch.cat([batch(step)[1] for step in range(200)])
    n = noise.numel()
    assert abs(noise.mean().item()) < 5 / n**0.5
    assert abs(noise.var().item() - 1) < 5 * (2 / n) ** 0.5


def test_dataset_smaller_than_a_batch_is_refused(machine, told_apart, tmp_path):
    with pytest.raises(UserError, match="training.batch_size is 101, but the dataset has 100 images"):
        training.train(run(tmp_path, told_apart, batch_size=101), machine)


def test_images_of_another_size_are_refused(tmp_path):
    arrays = {"train_images": np.zeros((2, 8, 8), np.uint8), "test_images": np.zeros((2, 8, 8), np.uint8)}
    sealed_npz(tmp_path / "a.npz", **arrays, train_labels=np.zeros(2), test_labels=np.zeros(2))
    with pytest.raises(UserError, match=r"a.npz has images of 8 x 8; this experiment takes 28 x 28"):
        problem.images(tmp_path / "a.npz")


# The objective.


def test_objective_is_the_negative_elbo_in_nats_per_image(draw):
    model = problem.build(kinds.parsed("kan_vae", {"variants": {"small": KAN}}).variants["small"])
    x, noise = (torch.rand(20, 784, generator=draw) < 0.3).float(), torch.randn(20, 3, generator=draw)
    said = training.objective(model, x, noise)
    with torch.no_grad():
        mean, log_variance = model.encode(x)
        pixels = torch.sigmoid(model.decode(mean + noise * torch.exp(log_variance / 2))).double()
    errors = -(x * pixels.log() + (1 - x) * (1 - pixels).log()).sum(dim=1)
    divergences = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=1)
    assert said.keys() == {"loss", "reconstruction", "kl"}
    assert said["reconstruction"].item() == pytest.approx(errors.mean().item(), rel=1e-5)  # 784 terms in float32
    assert said["kl"].item() == pytest.approx(divergences.mean().item(), rel=1e-4)
    assert said["loss"].item() == (said["reconstruction"] + said["kl"]).item()


def test_training_lowers_the_loss(finished):
    history = finished.history()
    assert list(history.columns) == ["step", "loss", "reconstruction", "kl"] and len(history) == 4 * EPOCH
    # an image of 784 pixels costs 784 log 2 = 543 nats where nothing is known
    assert history["loss"][0] > 500 and history["loss"][-EPOCH:].mean() < 300


# The learning rate.


def test_optimiser_and_schedule_are_the_configured_ones(monkeypatch, machine, data, tmp_path):
    plateau = {"factor": 0.25, "patience": 7}
    seen = captured(monkeypatch, run(tmp_path, data, learning_rate=0.125, plateau=plateau), machine)
    assert isinstance(seen["optimizer"], torch.optim.Adam) and seen["optimizer"].defaults["lr"] == 0.125
    scheduler = seen["schedule"].scheduler
    assert isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
    assert (scheduler.factor, scheduler.patience, seen["schedule"].steps_per_epoch) == (0.25, 7, EPOCH)


def rates_by_torch(losses, rate, **plateau):
    """The learning rate of every epoch, were it torch's scheduler that is told the mean losses."""
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **plateau)
    rates = [rate]
    for loss in losses:
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def test_rate_is_halved_after_every_epoch_that_is_not_better(monkeypatch, machine, data, tmp_path):
    used, fit = [], training.fit

    def watched(run, recipe, machine):
        def noted(step):
            used.append(recipe.optimizer.param_groups[0]["lr"])
            return recipe.batch(step)

        fit(run, replace(recipe, batch=noted), machine)

    monkeypatch.setattr(training, "fit", watched)
    done = trained(tmp_path, data, machine)
    losses = done.history()["loss"].to_numpy().reshape(4, EPOCH).mean(axis=1)
    rates = rates_by_torch(losses, 0.03, threshold=STEEP, **PLATEAU)
    assert used == [rate for rate in rates[:-1] for _ in range(EPOCH)]
    assert done.record.last_learning_rate == rates[-1]
    assert rates[1] == 0.03 and rates[3] < 0.03, "the first epochs are better, a later one is not, before the last"


# A run that is killed.


def train_until(step, monkeypatch, folder, data, machine):
    """A sitting that ends when the noise of a step is asked for."""
    generator = Machine.generator

    def mortal(self, *key):
        if key[1:] == ("noise", step):
            raise Killed
        return generator(self, *key)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Machine, "generator", mortal)
        trained(folder, data, machine)


@pytest.mark.parametrize("kills", [[EPOCH], [2 * EPOCH + 13], [3 * EPOCH + 1], [101, 4 * EPOCH - 1]], ids=str)
def test_killed_and_resumed_over_the_ends_of_epochs_the_bytes_are_the_same(
    finished, data, machine, monkeypatch, tmp_path, kills
):
    # a checkpoint after a quarter of every epoch: between them and at their ends
    of_epochs = Settings.of_epochs
    often = lambda *recipe: replace(of_epochs(*recipe), check_every=EPOCH // 4)  # noqa: E731
    monkeypatch.setattr(training.Settings, "of_epochs", often)
    for step in kills:
        train_until(step, monkeypatch, tmp_path, data, machine)
        assert not (tmp_path / "run.json").exists()
    again = trained(tmp_path, data, machine)
    assert again.record.sittings == len(kills) + 1
    for name in RESULTS:
        assert (tmp_path / name).read_bytes() == (finished.folder / name).read_bytes()
    assert again.record.last_learning_rate == finished.record.last_learning_rate


def test_seeds_give_other_weights(finished, data, machine, tmp_path):
    other = trained(tmp_path, data, machine, seed=1, epochs=1, snapshot_epochs=[0])
    ours, theirs = (each.tensors("snapshots.safetensors")["0/encoder.0.weight"] for each in (finished, other))
    assert not torch.equal(ours, theirs)


def test_snapshots_are_of_the_epochs_that_are_asked_for(finished, machine):
    snapshots = finished.tensors("snapshots.safetensors")
    assert {name.split("/")[0] for name in snapshots} == {"0", str(2 * EPOCH)}
    start = problem.build(finished.spec.variant, seed=0).state_dict()
    assert all(torch.equal(snapshots[f"0/{name}"], start[name]) for name in start)


def test_restored_network_is_the_trained_one(finished, machine):
    weights = finished.tensors("weights.safetensors")
    model = problem.restore(finished, weights, machine)
    assert not model.training
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    del weights["encoder.0.weight"]
    with pytest.raises(UserError, match="has the weights of another network; delete it and run again"):
        problem.restore(finished, weights, machine)
