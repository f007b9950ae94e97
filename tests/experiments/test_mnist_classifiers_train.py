"""Classifiers of digits: what is trained, on which images, and which weights are kept."""

import numpy as np
import pytest
import torch
from run_records import sealed_npz
from safetensors.torch import load_file
from small_mnist_classifiers import TRAINING, spec, train, write_images

from kanpipe.data.augmentation import Augmentation, augmented
from kanpipe.errors import UserError
from kanpipe.experiments.mnist_classifiers import problem
from kanpipe.experiments.mnist_classifiers.train import set_up
from kanpipe.files import read_table

AUGMENTATION = {"degrees": 10.0, "shift": 0.1, "interpolation": "nearest", "erase": 0.5}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("data") / "images.npz")


def test_kept_weights_are_those_of_the_least_loss_on_the_held_out_images(tmp_path, data, machine):
    run = train(tmp_path / "run", data, epochs=12, learning_rate=0.1)
    losses = read_table(run.folder / "validation.csv")["loss"]
    assert losses.idxmin() < len(losses) - 1  # else the last weights would do
    images = problem.images(data)
    held = problem.split(images, run.spec.problem).validation
    model = problem.restore(run, run.tensors("weights.safetensors"), machine)
    logits = problem.logits(model, torch.from_numpy(images.train_images[held]), run.spec.problem.standardise)
    found = problem.loss_and_accuracy(logits, torch.from_numpy(images.train_labels[held]).long())
    assert found["loss"] == pytest.approx(losses.min(), rel=1e-6)


def test_training_ends_after_as_many_epochs_without_a_better_score_as_are_let_pass(tmp_path, data):
    stopping = {"metric": "loss", "patience": 2}
    run = train(tmp_path / "run", data, epochs=50, learning_rate=0.1, stopping=stopping)
    losses = read_table(run.folder / "validation.csv")["loss"]
    assert len(losses) < 50 and losses.idxmin() == len(losses) - 3
    assert len(run.history()) == 2 * len(losses)  # two batches an epoch


def test_no_test_image_takes_part_in_a_training(tmp_path, data):
    arrays = dict(np.load(data))
    sealed_npz(
        tmp_path / "other.npz", **arrays | {name: arrays[name][::-1] for name in arrays if name.startswith("test")}
    )
    runs = [train(tmp_path / place, path) for place, path in (("a", data), ("b", tmp_path / "other.npz"))]
    for name in ("weights.safetensors", "history.csv", "validation.csv"):
        assert (runs[0].folder / name).read_bytes() == (runs[1].folder / name).read_bytes()


def test_images_that_are_held_out_are_in_no_batch(data, machine):
    images = problem.images(data)
    recipe = set_up(spec(), 0, images, machine, 60.0)
    split = problem.split(images, spec().problem)
    seen = torch.cat([recipe.batch(step)[0] for step in range(2)])
    scale = spec().problem.standardise
    known = [
        problem.standardised(problem.grey(torch.from_numpy(images.train_images[rows])), scale).flatten(1)
        for rows in (split.train, split.validation)
    ]
    distances = [torch.cdist(seen.flatten(1), rows).min(dim=1).values for rows in known]
    assert distances[0].max() < 0.1 < distances[1].min()


def test_batch_is_changed_as_the_augmentation_says_by_seed_and_step_alone(data, machine):
    images = problem.images(data)
    plain, changed, again = (
        set_up(spec(**given), 3, images, machine, 60.0)
        for given in ({}, {"augmentation": AUGMENTATION}, {"augmentation": AUGMENTATION})
    )
    again.batch(0)
    (x, labels), (y, _) = plain.batch(5), changed.batch(5)
    scale = spec().problem.standardise
    expected = augmented(x * scale.sd + scale.mean, machine.generator(3, "augmentation", 5), Augmentation())
    assert torch.allclose(y, problem.standardised(expected, scale), atol=1e-5)
    assert torch.equal(again.batch(5)[0], y) and torch.equal(again.batch(5)[1], labels)


def test_rate_follows_the_validation_loss(data, machine):
    schedule = set_up(spec(), 3, problem.images(data), machine, 60.0).schedule
    assert (schedule.score, schedule.scheduler.factor) == ("loss", TRAINING["plateau"]["factor"])


def test_own_training_of_a_variant_goes_before_that_of_all():
    assert spec("raw_mlp").recipe.learning_rate == TRAINING["learning_rate"]
    own = spec("raw_mlp_fast").recipe
    assert (own.learning_rate, own.epochs) == (0.1, TRAINING["epochs"])


def test_convolutional_net_trains_with_its_channels_last_and_keeps_plain_weights(tmp_path, data, machine):
    run = train(tmp_path / "run", data, "lean_linear")
    recipe = set_up(run.spec, 0, problem.images(data), machine, 60.0)
    kernel = recipe.model.extractor.stages[5].second[0].weight
    assert kernel.is_contiguous(memory_format=torch.channels_last) and not kernel.is_contiguous()
    assert all(value.is_contiguous() for value in load_file(run.folder / "weights.safetensors").values())
    assert len(run.history()) == 2


def test_other_images_are_refused(tmp_path):
    arrays = {
        f"{part}_{name}": np.zeros((3, 8, 8) if name == "images" else 3, np.uint8)
        for part in ("train", "test")
        for name in ("images", "labels")
    }
    sealed_npz(tmp_path / "small.npz", **arrays)
    with pytest.raises(UserError, match="28 x 28"):
        problem.images(tmp_path / "small.npz")
