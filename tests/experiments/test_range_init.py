"""Range against initialisation: what is trained, what is measured, what is shown."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from run_records import sealed_npz
from safetensors.torch import load_file

from kanpipe.config import effective, load_yaml
from kanpipe.config.kinds import blocks, parsed, trained
from kanpipe.errors import UserError
from kanpipe.experiments import stage
from kanpipe.experiments.protocol import Inputs
from kanpipe.experiments.range_init import evaluate as scoring
from kanpipe.experiments.range_init import problem
from kanpipe.experiments.range_init import train as training
from kanpipe.experiments.range_init.figures import _figure
from kanpipe.experiments.range_init.published import PARAMETERS
from kanpipe.machine import Machine
from kanpipe.models import parameter_count
from kanpipe.runs import FinishedRun, Run

BLOCKS = {
    "problem": {"dataset": "digits", "standardise": {"mean": 0.3, "sd": 0.3}},
    "training": {"epochs": 2, "batch_size": 50, "learning_rate": 0.001, "compile": False, "snapshot_epochs": [0, 1]},
}
KAN = {"family": "kan", "hidden": [4], "bias": True, "init": "pykan", "grid_range": [-1, 1]}
VARIANTS = {
    "pykan_range_1": KAN,
    "pykan_range_4": KAN | {"grid_range": [-4, 4]},
    "mlp": {"family": "mlp", "hidden": [4]},
}
SPEC = parsed("range_init", blocks(BLOCKS, "evaluate"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A dataset of 120 + 30 noisy images; the class is the place of a bright row."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, 150).astype(np.uint8)
    pixels = generator.integers(0, 100, (150, 28, 28), dtype=np.uint8)
    pixels[np.arange(150), labels] = 255
    pixels[np.arange(120), 20, 20] = np.arange(120)  # tells the training images apart
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    parts = {"train": slice(0, 120), "test": slice(120, 150)}
    arrays = {f"{part}_images": pixels[rows] for part, rows in parts.items()}
    sealed_npz(path, **arrays, **{f"{part}_labels": labels[rows] for part, rows in parts.items()})
    return path


def run(folder, data, variant="pykan_range_1", seed=0, **changes):
    recipe = BLOCKS["training"] | changes
    spec = trained("range_init", BLOCKS | {"training": recipe, "variant": VARIANTS[variant]})
    return Run("an_entry", "range_init", variant, seed, spec, "code", folder / variant / f"seed{seed}", data)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("runs")
    runs = [run(folder, data, variant, seed) for variant in VARIANTS for seed in (0, 1)]
    for each in runs:
        stage("range_init", "train")(each, Machine.prepare("cpu", threads=1))
    return [FinishedRun.read(each.folder) for each in runs]


@pytest.fixture(scope="module")
def frames(finished, data):
    return stage("range_init", "evaluate")(finished, SPEC, Inputs(data), Machine.prepare("cpu", threads=1))


def captured(monkeypatch, run, machine):
    """The function from step to batch that a training would use, and its settings."""
    seen = {}

    def fit(run, recipe, machine):
        seen.update(vars(recipe))

    monkeypatch.setattr(training, "fit", fit)
    training.train(run, machine)
    return seen


def test_an_epoch_shows_every_image_at_most_once_and_the_next_in_another_order(monkeypatch, machine, data, tmp_path):
    seen = captured(monkeypatch, run(tmp_path, data), machine)
    assert seen["settings"].steps == 4 and seen["settings"].snapshot_steps == (0, 2)  # 120 images: two batches of 50
    marks = [seen["batch"](step)[0][:, 20 * 28 + 20].mul(0.3).add(0.3).mul(255).round().int() for step in range(4)]
    first, second = torch.cat(marks[:2]), torch.cat(marks[2:])
    assert len(first.unique()) == len(second.unique()) == 100
    assert not torch.equal(first, second)
    again = captured(monkeypatch, run(tmp_path, data), machine)["batch"](3)
    assert all(torch.equal(a, b) for a, b in zip(seen["batch"](3), again, strict=True)), "a function of seed and step"
    other = captured(monkeypatch, run(tmp_path, data, seed=1), machine)["batch"](3)
    assert not torch.equal(again[1], other[1])


def test_batch_has_standardised_pixels_and_their_labels(monkeypatch, machine, data, tmp_path):
    x, labels = captured(monkeypatch, run(tmp_path, data), machine)["batch"](0)
    pixels = (x.view(50, 28, 28) * 0.3 + 0.3) * 255
    assert torch.equal(pixels[:, :10, 0].argmax(dim=1), labels), "the class is the place of the bright row"
    assert x.max().item() == pytest.approx((1 - 0.3) / 0.3, rel=1e-6)


def test_recipe_is_the_configured_one(monkeypatch, machine, data, tmp_path):
    optimizer = captured(monkeypatch, run(tmp_path, data, learning_rate=0.25), machine)["optimizer"]
    assert isinstance(optimizer, torch.optim.Adam) and optimizer.defaults["lr"] == 0.25


def test_dataset_smaller_than_a_batch_is_refused(machine, data, tmp_path):
    with pytest.raises(UserError, match="training.batch_size is 121, but the dataset has 120 images"):
        stage("range_init", "train")(run(tmp_path, data, batch_size=121), machine)


def test_images_of_another_size_are_refused(tmp_path):
    arrays = {"train_images": np.zeros((2, 8, 8), np.uint8), "test_images": np.zeros((2, 8, 8), np.uint8)}
    sealed_npz(tmp_path / "a.npz", **arrays, train_labels=np.zeros(2), test_labels=np.zeros(2))
    with pytest.raises(UserError, match=r"a.npz has images of 8 x 8; this experiment takes 28 x 28"):
        problem.images(tmp_path / "a.npz")


def test_place_of_the_data_is_no_part_of_a_run(data, tmp_path):
    elsewhere = Path(shutil.copy(data, tmp_path / "elsewhere.npz"))
    here, there = run(tmp_path, data), run(tmp_path, elsewhere)
    assert here.identity() == there.identity()


def test_seeds_give_different_networks_and_a_seed_the_same_one(finished, data, machine, tmp_path):
    weights = [run.tensors("weights.safetensors")["net.0.weight"] for run in finished[:2]]
    assert not torch.equal(*weights)
    again = run(tmp_path, data)
    stage("range_init", "train")(again, machine)
    assert torch.equal(load_file(again.folder / "weights.safetensors")["net.0.weight"], weights[0])


def test_accuracy_and_shares_are_those_of_the_weights(finished, frames, data, machine):
    arrays = np.load(data)
    x = problem.standardise(torch.from_numpy(arrays["test_images"]), SPEC.problem.standardise)
    for run, (_, row) in zip(finished[:4], frames["runs"].iterrows(), strict=False):
        reach = run.spec.variant.grid_range[1]
        at_end, at_start = (
            problem.restore(run, run.tensors("weights.safetensors"), machine),
            problem.build(run.spec.variant, run.seed),
        )
        guesses = at_end(x).argmax(dim=1).numpy()
        assert row["accuracy"] == pytest.approx(100 * (guesses == arrays["test_labels"]).mean(), rel=1e-12)
        for model, column in ((at_end, "outside_hidden"), (at_start, "outside_hidden_start")):
            expected = 100 * (model.net[0](x).abs() > reach).double().mean().item()
            assert row[column] == pytest.approx(expected, rel=1e-12)
        assert row["outside_pixels"] == pytest.approx(100 * (x.abs() > reach).double().mean().item(), rel=1e-12)
        assert row["hidden_sd_start"] == pytest.approx(at_start.net[0](x).std().item(), rel=1e-5)


def test_mlp_has_accuracies_and_no_ranges(frames):
    rows = frames["runs"][frames["runs"]["variant"] == "mlp"]
    assert rows["accuracy"].notna().all()
    assert rows[["outside_hidden", "outside_hidden_start", "range", "gain"]].isna().all(axis=None)


def test_epochs_have_a_row_for_every_stage_of_every_run(frames):
    assert len(frames["epochs"]) == 6 * 3
    assert frames["epochs"].groupby(["variant", "seed"])["epoch"].apply(list).tolist() == [[0, 1, 2]] * 6
    last = frames["epochs"].query("epoch == 2")["accuracy"].to_numpy()
    np.testing.assert_array_equal(last, frames["runs"]["accuracy"])


def test_gain_is_over_the_narrowest_range_of_the_same_start_and_seed(frames):
    accuracy = frames["runs"].set_index(["variant", "seed"])["accuracy"]
    gain = frames["runs"].set_index(["variant", "seed"])["gain"]
    for seed in (0, 1):
        assert gain["pykan_range_1", seed] == 0
        assert gain["pykan_range_4", seed] == accuracy["pykan_range_4", seed] - accuracy["pykan_range_1", seed]


def test_floors_are_the_nearest_mean_and_the_most_frequent_class(frames, data):
    arrays = np.load(data)
    train, test = (arrays[f"{part}_images"].reshape(-1, 784) / 255 for part in ("train", "test"))
    means = np.stack([train[arrays["train_labels"] == digit].mean(axis=0) for digit in range(10)])
    guesses = ((test[:, None] - means) ** 2).sum(axis=-1).argmin(axis=1)
    nearest = (guesses == arrays["test_labels"]).mean()
    floors = frames["floors"].set_index("name")["accuracy"]
    assert floors["nearest mean of a class"] == pytest.approx(100 * nearest, rel=1e-12)
    most = np.bincount(arrays["train_labels"]).argmax()
    assert floors["the most frequent class"] == pytest.approx(100 * (arrays["test_labels"] == most).mean(), rel=1e-12)


def test_diverged_run_is_a_row_without_scores(data, machine, tmp_path):
    each = run(tmp_path, data, learning_rate=1e38)
    stage("range_init", "train")(each, machine)
    frames = scoring.evaluate([FinishedRun.read(each.folder)], SPEC, Inputs(data), machine)
    row = frames["runs"].iloc[0]
    assert row["status"] == "diverged" and row[["accuracy", "outside_hidden", "gain"]].isna().all()
    assert row["outside_hidden_start"] > 0
    assert "diverged" in stage("range_init", "tables")(frames)[""].text.to_csv()
    stage("range_init", "figures")([], frames, SPEC, tmp_path)
    assert (tmp_path / "range_init.pdf").stat().st_size > 0


def test_table_has_means_and_published_numbers_of_the_published_network_alone(frames):
    tables = stage("range_init", "tables")(frames)
    row = tables[""].numbers.set_index("variant").loc["pykan_range_4"]
    values = frames["runs"].query("variant == 'pykan_range_4'")["accuracy"]
    assert row["accuracy_mean"] == pytest.approx(values.mean(), rel=1e-12)
    assert (tables[""].text["published %"] == "").all()
    as_published = frames | {"runs": frames["runs"].assign(dataset="mnist", parameters=PARAMETERS)}
    shown = stage("range_init", "tables")(as_published)[""].text
    assert list(shown["published %"][:3]) == ["92.38", "96.13", ""]
    assert "nan" not in shown.to_csv()


@pytest.mark.parametrize("dataset", ["digits", "mnist"])
def test_figure_is_drawn(frames, tmp_path, dataset):
    frames = frames | {"runs": frames["runs"].assign(dataset=dataset, parameters=PARAMETERS)}
    stage("range_init", "figures")([], frames, SPEC, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"range_init.png", "range_init.pdf"}


def test_middle_panel_is_the_course_of_the_accuracy(frames):
    kans = frames["epochs"].dropna(subset="range")
    figure = _figure(frames["runs"], frames["epochs"])
    drawn = [line for line in figure.axes[1].lines if line.get_marker() != "None"]
    means = kans.groupby(["init", "range", "epoch"], sort=False)["accuracy"].mean()
    assert sorted(y for line in drawn for y in line.get_ydata()) == pytest.approx(sorted(means))


def test_configured_variants_differ_in_range_and_start_alone():
    config = effective(load_yaml(Path(__file__).parents[2] / "config.yaml"))
    spec = parsed("range_init", blocks(config["experiments"]["range_init"], "models"))
    models = stage("range_init", "models")(spec)
    kans = {name: variant for name, variant in spec.variants.items() if variant.family == "kan"}
    assert {parameter_count(models[name]) for name in kans} == {PARAMETERS}
    assert len({(variant.init, *variant.grid_range) for variant in kans.values()}) == len(kans)
    assert (
        len(
            {
                variant.model_copy(update={"init": None, "grid_range": None, "role": None}).model_dump_json()
                for variant in kans.values()
            }
        )
        == 1
    )


@pytest.mark.parametrize(
    ("variant", "sentence"),
    [
        (
            {"family": "chebykan", "hidden": [4]},
            "chebykan has no range and start to compare: choose kan or mlp",
        ),
        (KAN | {"init": "fast_kan"}, "fast_kan is no start of B-splines: choose one of kaiming, pykan"),
    ],
)
def test_what_has_no_place_in_the_figure_is_refused(variant, sentence):
    with pytest.raises(ValidationError, match=sentence):
        trained("range_init", BLOCKS | {"variant": variant})


def test_many_ranges_and_two_mlps_are_drawn(frames):
    runs, epochs = frames["runs"], frames["epochs"]
    wider = [runs[runs["range"] == 4].assign(range=2.0**power) for power in range(3, 8)]
    other = runs[runs["variant"] == "mlp"].assign(variant="wide_mlp", accuracy=50.0, parameters=7)
    figure = _figure(pd.concat([runs, *wider, other]), epochs)
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sum("MLP" in each for each in words) == 2 and "MLP (7 parameters), mean of 2 seeds" in words
