"""The batches, the loss and the learning rate against their formulas, and that a killed training resumes exactly."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from run_records import sealed_npz

from kanpipe.config.kinds import trained
from kanpipe.diffusion import linear_schedule
from kanpipe.errors import UserError
from kanpipe.experiments.cifar10_ddim import problem
from kanpipe.experiments.cifar10_ddim.datasets import DATASETS
from kanpipe.experiments.cifar10_ddim.train import (
    Batches,
    antithetic_times,
    learning_rate,
    loss_weights,
    objective,
    train,
)
from kanpipe.runs import FinishedRun, Run
from kanpipe.training.recipe import Settings

PROBLEM = {
    "dataset": "photographs",
    "diffusion": {"steps": 100, "first": 1e-4, "last": 0.02},
    "network": {"channels": 8, "multipliers": [1, 2], "groups": 4, "dropout": 0.1},
}
TRAINING = {
    "steps": 12,
    "batch_size": 6,
    "learning_rate": 0.001,
    "decay": "cosine",
    "clip_norm": 1.0,
    "ema": {"decay": 0.99, "ramp": True},
    "precision": "float32",
    "compile": False,
    "cuda_graph": True,
    "micro_batches": 1,
    "probe_steps": [0, 11],
}
KAN = {"family": "kan", "spline_order": 2, "grid_size": 3, "scaler": False, "conv_norm": "instance"}


def spec(variant=KAN, **training):
    return trained("cifar10_ddim", {"problem": PROBLEM, "training": TRAINING | training, "variant": variant})


def images(n=20):
    return np.random.default_rng(0).integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)


def batches(machine, flips=True):
    return Batches(images(), spec().recipe, problem.schedule(spec().problem, machine), 0, machine, flips)


@pytest.mark.parametrize("count", [1, 6, 7])
def test_times_come_in_pairs_that_add_up_to_the_last(count):
    t = antithetic_times(count, 100, torch.Generator().manual_seed(0))
    half = count - count // 2
    assert len(t) == count and t.min() >= 0 and t.max() < 100
    assert (t[half:] + t[: count - half] == 99).all()


def test_times_are_spread_evenly():
    t = antithetic_times(20_000, 10, torch.Generator().manual_seed(0))
    counts = torch.bincount(t, minlength=10)
    assert (counts - 2000).abs().max() < 5 * math.sqrt(2000)  # five standard deviations of a Poisson count, or more


def test_batch_is_the_forward_process_of_images_and_their_mirror_images(machine):
    batch, schedule = batches(machine), linear_schedule(**PROBLEM["diffusion"])
    known = {image.tobytes() for image in images()}
    flipped = 0
    for step in range(4):
        x_t, t, epsilon, weights = batch(step)
        abar = schedule.alpha_bar[t + 1].view(-1, 1, 1, 1)
        x_0 = problem.to_bytes((x_t - (1 - abar).sqrt() * epsilon) / abar.sqrt()).permute(0, 2, 3, 1).numpy()
        for image in x_0:
            mirrored = np.ascontiguousarray(image[:, ::-1])
            assert (image.tobytes() in known) != (mirrored.tobytes() in known)
            flipped += mirrored.tobytes() in known
        assert (weights == 1).all()
    assert 0 < flipped < 24


def test_digits_are_not_mirrored(machine):
    batch, schedule = batches(machine, flips=False), linear_schedule(**PROBLEM["diffusion"])
    known = {image.tobytes() for image in images()}
    for step in range(4):
        x_t, t, epsilon, _ = batch(step)
        abar = schedule.alpha_bar[t + 1].view(-1, 1, 1, 1)
        x_0 = problem.to_bytes((x_t - (1 - abar).sqrt() * epsilon) / abar.sqrt()).permute(0, 2, 3, 1).numpy()
        assert {image.tobytes() for image in x_0} <= known


def test_batch_is_a_function_of_seed_and_step(machine):
    first, again = batches(machine), batches(machine)
    again(0)
    for a, b in zip(first(3), again(3), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first(3)[2], first(4)[2])


def test_weights_cut_the_signal_to_noise_ratio():
    schedule = linear_schedule(1000)
    snr = schedule.alpha_bar[1:] / (1 - schedule.alpha_bar[1:])
    weights = loss_weights(schedule, 5.0)
    torch.testing.assert_close(weights * snr, snr.clamp(max=5))
    assert loss_weights(schedule, None).unique().tolist() == [1]


def test_loss_is_a_sum_over_an_image_and_a_mean_over_the_batch():
    x, epsilon, weights = torch.randn(4, 3, 32, 32), torch.randn(4, 3, 32, 32), torch.tensor([1.0, 0.5, 0.0, 2.0])
    said = objective(lambda x, t: x, x, torch.zeros(4), epsilon, weights)
    sums = ((x - epsilon).double() ** 2).sum(dim=(1, 2, 3))
    torch.testing.assert_close(said["loss"].double(), (sums * weights).mean(), rtol=1e-5, atol=0)
    torch.testing.assert_close(said["error"].double(), sums.mean() / 3072, rtol=1e-5, atol=0)


def test_learning_rate_is_constant_or_half_a_cosine():
    assert learning_rate(7, spec(decay="constant").recipe) == 0.001
    rates = [learning_rate(step, spec().recipe) for step in range(13)]
    assert rates == pytest.approx([0.0005 * (1 + math.cos(math.pi * step / 12)) for step in range(13)])
    assert rates[0] == 0.001 and rates[12] == pytest.approx(0, abs=1e-18)


def run(folder, data, variant):
    return Run("mine", "cifar10_ddim", "net", 0, spec(variant), "code", folder, data)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "photographs.npz"
    nothing, labels = images(0), np.zeros(20, np.uint8)
    sealed_npz(path, train_images=images(), train_labels=labels, test_images=nothing, test_labels=labels[:0])
    return path


@pytest.mark.slow
@pytest.mark.parametrize("variant", [{"family": "mlp"}, KAN], ids=["ordinary", "kan"])
def test_killed_training_ends_with_the_same_bytes(variant, data, tmp_path, machine, monkeypatch):
    whole = run(tmp_path / "whole", data, variant)
    train(whole, machine, checkpoint_seconds=0)
    monkeypatch.setattr("kanpipe.experiments.cifar10_ddim.train.Settings", partial(Settings, check_every=4))
    killed = run(tmp_path / "killed", data, variant)
    drawn = Batches.__call__

    def dying(self, step):
        if step == 9:
            raise KeyboardInterrupt
        return drawn(self, step)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Batches, "__call__", dying)
        train(killed, machine, checkpoint_seconds=0)
    assert (killed.folder / ".checkpoint").exists()
    train(killed, machine, checkpoint_seconds=0)
    for name in ("weights.safetensors", "snapshots.safetensors", "history.csv"):
        assert (killed.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_finished_training_gives_a_net_back_and_what_its_probe_saw(data, tmp_path, machine):
    train(run(tmp_path, data, KAN), machine)
    finished = FinishedRun.read(tmp_path)
    model = problem.restore(finished, machine)
    assert torch.isfinite(model(torch.zeros(2, 3, 32, 32), torch.tensor([0, 99]))).all()
    assert finished.snapshots().keys() == {0, 11}
    assert "conv_in/outside_grid" in finished.snapshots()[0]
    assert finished.record.settings["clip_norm"] == 1.0
    assert finished.record.last_learning_rate == pytest.approx(learning_rate(11, spec().recipe))


def test_variant_has_settings_of_its_own():
    own = {"family": "mlp", "training": {"steps": 3, "probe_steps": [0], "ema": {"decay": 0.5, "ramp": False}}}
    expected = TRAINING | own["training"]
    assert spec(own).recipe.model_dump(exclude_none=True) == expected
    assert spec({"family": "mlp"}).recipe.model_dump(exclude_none=True) == TRAINING


def test_options_of_one_layer_lie_over_those_of_the_variant():
    bare = {"conv_norm": "none"}
    own = spec(KAN | {"conv_out": bare, "network": {"channels": 4}})
    model = problem.build(own.problem, own.variant)
    assert "InstanceNorm2d" in repr(model.conv_in) and "InstanceNorm2d" not in repr(model.conv_out)
    assert model.channels == 4


@pytest.mark.parametrize(("dataset", "shape", "channels"), [("digits", (28, 28), 1), ("cifar10", (32, 32, 3), 3)])
def test_images_stand_in_a_black_frame(dataset, shape, channels, tmp_path):
    stored = np.random.default_rng(0).integers(1, 256, (5, *shape), dtype=np.uint8)
    labels = np.zeros(5, np.uint8)
    sealed_npz(tmp_path / "data.npz", train_images=stored, train_labels=labels, test_images=stored, test_labels=labels)
    found, side = problem.images(tmp_path / "data.npz", DATASETS[dataset]), shape[0]
    edge = (32 - side) // 2
    assert found.shape == (5, 32, 32, channels) and found.dtype == np.uint8
    inner = slice(edge, 32 - edge)
    assert np.array_equal(found[:, inner, inner].reshape(stored.shape), stored)
    assert found.sum() == stored.sum()


def test_images_of_another_dataset_are_refused(tmp_path):
    stored, labels = np.zeros((5, 28, 28), np.uint8), np.zeros(5, np.uint8)
    sealed_npz(tmp_path / "data.npz", train_images=stored, train_labels=labels, test_images=stored, test_labels=labels)
    with pytest.raises(UserError, match="has images of 28 x 28; this experiment takes 32 x 32 x 3"):
        problem.images(tmp_path / "data.npz", DATASETS["cifar10"])


def test_bytes_and_values_are_each_other_s_inverse():
    pixels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(problem.to_bytes(problem.scaled(pixels)), pixels)
    assert problem.to_bytes(torch.tensor([-7.0, 7.0])).tolist() == [0, 255]
    with pytest.raises(FloatingPointError, match="not finite"):
        problem.to_bytes(torch.tensor([math.nan]))
