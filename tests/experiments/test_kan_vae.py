"""KAN-VAE: what is sampled, how it is scored, and what the tables say."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from run_records import sealed_npz
from small_kan_vae import EVALUATION, PROBLEM, SAMPLING, TIMING, TRAINING, VARIANTS

from kanpipe.config import kinds
from kanpipe.digests import of_tensors
from kanpipe.evaluation.degradations import DEGRADATIONS
from kanpipe.evaluation.feature_statistics import Statistics
from kanpipe.evaluation.fidelity import frechet_distance
from kanpipe.evaluation.image_judge import judge, train_judge
from kanpipe.experiments import stage
from kanpipe.experiments.kan_vae import evaluate as scoring
from kanpipe.experiments.kan_vae import form_distances, problem
from kanpipe.experiments.kan_vae.config import Extractors
from kanpipe.experiments.kan_vae.outputs import OUTPUTS
from kanpipe.experiments.protocol import Inputs
from kanpipe.layers import kan_layer
from kanpipe.machine import Machine
from kanpipe.runs import FinishedRun, Run

CPU = Machine.prepare("cpu", threads=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A dataset of 150 + 60 noisy images; the class is the place of a bright row."""
    generator = np.random.default_rng(0)
    labels = np.resize(np.arange(10, dtype=np.uint8), 210)
    pixels = generator.integers(0, 140, (210, 28, 28), dtype=np.uint8)
    pixels[np.arange(210), labels * 2 + 3] = 255
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    parts = {"train": slice(0, 150), "test": slice(150, 210)}
    arrays = {f"{part}_images": pixels[rows] for part, rows in parts.items()}
    sealed_npz(path, **arrays, **{f"{part}_labels": labels[rows] for part, rows in parts.items()})
    return path


def trained(folder, data, variant, seed, **changes):
    values = {"problem": PROBLEM, "training": TRAINING | changes, "variant": VARIANTS[variant]}
    spec = kinds.trained("kan_vae", values)
    stage("kan_vae", "train")(Run("my_vae", "kan_vae", variant, seed, spec, "code", folder, data), CPU)
    run = FinishedRun.read(folder)
    sampled(run, data, folder / "samples.npz")
    return run


def sampled(run, data, out, **changes):
    spec = kinds.parsed("kan_vae", {"sampling": SAMPLING | changes})
    stage("kan_vae", "sample")(run, spec, Inputs(data), CPU, out)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("runs")
    return [trained(folder / f"{name}{seed}", data, name, seed) for name in VARIANTS for seed in (0, 1)]


@pytest.fixture(scope="module")
def spec():
    return kinds.parsed("kan_vae", {"problem": PROBLEM, "sampling": SAMPLING, "evaluation": EVALUATION})


@pytest.fixture(scope="module")
def inputs(data, tmp_path_factory):
    return Inputs(data, features=tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def frames(finished, spec, inputs, data):
    return stage("kan_vae", "evaluate")(finished, spec, inputs, CPU) | {"speed": timed(finished, data)}


def timed(runs, data, names=("kan_vae_h3_z2",)):
    spec = kinds.parsed("kan_vae", {"problem": PROBLEM, "timing": TIMING | {"variants": list(names)}})
    return stage("kan_vae", "speed")(runs, spec, Inputs(data), CPU)


def model_of(run):
    return problem.restore(run, run.tensors("weights.safetensors"), CPU)


@torch.no_grad()
def test_prior_samples_are_the_decoded_means_of_standard_normal_draws(finished):
    for run in finished:
        for place, seed in enumerate(SAMPLING["seeds"]):
            z = torch.randn(60, 2, generator=CPU.generator(run.seed, "prior", seed))
            expected = (torch.sigmoid(model_of(run).decode(z)) * 255).round().to(torch.uint8).numpy()
            np.testing.assert_array_equal(run.samples()["prior"][place], expected)


def test_weights_are_packed_once_for_all_prior_samples(finished, data, tmp_path, monkeypatch):
    packed, pack = [], kan_layer.packed
    monkeypatch.setattr(kan_layer, "packed", lambda *inputs: packed.append(inputs) or pack(*inputs))
    sampled(finished[2], data, tmp_path / "a.npz", images=900)
    # five layers once; three of the encoder and two of the decoder for the posterior samples
    assert len(packed) == 5 + 5


def test_every_seed_of_training_and_of_sampling_has_draws_of_its_own(finished, data, tmp_path):
    first = finished[0].samples()
    assert first["prior"].shape == (2, 60, 784) and first["prior"].dtype == np.uint8
    assert (first["prior"][0] != first["prior"][1]).any()
    twin = FinishedRun(finished[0].folder, replace(finished[0].record, seed=5))  # the same weights
    sampled(twin, data, tmp_path / "samples.npz")
    others = np.load(tmp_path / "samples.npz")
    for name in ("prior", "posterior"):
        assert (others[name] != first[name]).any()


def test_posterior_samples_follow_binarised_test_images(finished, data):
    arrays = finished[0].samples()
    inputs = (np.load(data)["test_images"][:5].reshape(5, 784) > 127.5) * 255
    np.testing.assert_array_equal(arrays["inputs"], inputs)
    assert arrays["posterior"].shape == (9, 784)
    seconds = finished[0].sampling_seconds()
    assert list(seconds) == [str(seed) for seed in SAMPLING["seeds"]] and min(seconds.values()) > 0


def test_decoder_that_is_not_finite_is_no_black_image(finished):
    model = model_of(finished[0])
    with torch.no_grad():
        model.decoder[-1].bias[0] = math.nan
    from kanpipe.experiments.kan_vae.sample import pixels

    with pytest.raises(FloatingPointError, match="not finite"):
        pixels(model, torch.zeros(1, 2))


def test_distances_are_those_of_the_judge_s_features(finished, frames, spec, data):
    images = problem.images(data)
    reader = train_judge(images, CPU, 0, steps=5)
    real = (images.train_images[:40] > 127.5).astype(np.uint8) * 255
    samples = finished[2].samples()["prior"][1].reshape(-1, 28, 28)
    features = [judge(reader, part).features.astype(float) for part in (real, samples)]
    expected = frechet_distance(*(Statistics(len(f), f.mean(axis=0), np.cov(f, rowvar=False), f) for f in features))
    chosen = frames["fidelity"].query(
        "variant == 'kan_vae_h3_z2' and seed == 0 and sampling_seed == 7 and reference == 'train'"
        " and reference_form == 'binary' and sample_form == 'grey'"
    )
    assert chosen["fid"].tolist() == pytest.approx([expected], rel=1e-6)
    assert (chosen[["n", "n_reference"]] == [60, 40]).all(axis=None)
    assert chosen["weights"].tolist() == [of_tensors(reader.state_dict())]


def test_every_pair_of_forms_and_split_is_compared(frames):
    found = frames["fidelity"].query("variant != 'floor'")
    assert len(found) == 4 * 2 * 3 * 2  # runs, sampling seeds, pairs of forms, splits
    pairs = set(zip(found["reference_form"], found["sample_form"], strict=True))
    assert pairs == set(form_distances.PAIRS.values())


def test_floors_are_test_images_against_training_images(frames):
    floors = frames["fidelity"].query("variant == 'floor'")
    assert len(floors) == 3 and (floors["n"] == 40).all()
    assert floors["fid"].max() < frames["fidelity"].query("variant != 'floor'")["fid"].max()


def test_scores_of_a_run_are_means_over_sampling_seeds(frames):
    row = frames["runs"].query("variant == 'vae_h8_z2' and seed == 1").iloc[0]
    rows = frames["fidelity"].query(
        "variant == 'vae_h8_z2' and seed == 1 and reference == 'train' and reference_form == 'binary'"
    )
    for pair, form in {"mixed": "grey", "binary": "binary"}.items():
        assert row[f"judge_fid_{pair}"] == pytest.approx(rows[rows["sample_form"] == form]["fid"].mean(), rel=1e-12)
    judged = frames["judgements"].query("variant == 'vae_h8_z2' and seed == 1 and form == 'grey'")
    assert len(judged) == 2 and row["judge_entropy"] == pytest.approx(judged["entropy"].mean(), rel=1e-12)
    assert row[["samples", "sampling_seeds", "reference_images"]].tolist() == [60, 2, 40]


def test_likelihood_bounds_are_ordered(frames):
    runs = frames["runs"]
    assert (runs["elbo"] == -(runs["reconstruction"] + runs["kl"])).all()
    assert (runs["iw_elbo"] > runs["elbo"]).all()
    assert (runs["kl"] > 0).all()


def test_what_splines_see_outside_their_grid_is_counted_of_hidden_values_and_latent_variables(finished, frames, data):
    runs = frames["runs"].set_index(["variant", "seed"])
    assert runs.loc["vae_h8_z2", ["outside_hidden", "outside_latent", "outside_decoded"]].isna().all(axis=None)
    run = next(run for run in finished if (run.variant, run.seed) == ("kan_vae_h3_z2", 1))
    model, images = model_of(run), torch.from_numpy(np.load(data)["test_images"] > 127.5).flatten(1).float()
    noise = torch.randn(len(images), 2, generator=CPU.generator(EVALUATION["seed"], 1, "outside"))
    with torch.no_grad():
        hidden = model.encoder(images)
        mean, log_variance = model.encode(images)
        latent = mean + noise * torch.exp(0.5 * log_variance)
        decoded = model.decoder[:-1](latent)
    for name, values in (("hidden", hidden), ("latent", latent), ("decoded", decoded)):
        expected = 100 * (values.abs() > 1).float().mean().item()
        assert runs.loc[("kan_vae_h3_z2", 1), f"outside_{name}"] == pytest.approx(expected)


def test_first_layer_behind_a_norm_has_no_affine_twin():
    values = {"problem": PROBLEM, "training": TRAINING, "variant": VARIANTS["kan_vae_h3_z2"] | {"input_norm": "layer"}}
    variant = kinds.trained("kan_vae", values).variant
    run = SimpleNamespace(spec=SimpleNamespace(variant=variant))
    assert scoring.Evaluation._affine(None, run, problem.build(variant)) == {}


@torch.no_grad()
def test_layers_before_a_norm_and_an_activation_are_found(data):
    """What stands behind the layers hides them from their names."""
    behind = {"linear_norm": "layer", "output_activation": "silu"}
    values = {"problem": PROBLEM, "training": TRAINING, "variant": VARIANTS["kan_vae_h3_z2"] | behind}
    variant = kinds.trained("kan_vae", values).variant
    images = torch.from_numpy(np.load(data)["test_images"] > 127.5).flatten(1)
    self = SimpleNamespace(test=images, machine=CPU, _draw=lambda *key: CPU.generator(*key))
    run = SimpleNamespace(spec=SimpleNamespace(variant=variant), seed=0)
    model = problem.build(variant).eval()
    assert scoring.Evaluation._affine(self, run, model)["affine_difference"] < 1e-10
    hidden = model.encoder(images.float())
    found = scoring.Evaluation._outside(self, run, model)
    assert found["outside_hidden"] == pytest.approx(100 * (hidden.abs() > 1).float().mean().item())


def test_stages_have_the_weights_of_their_updates(finished, frames):
    stages = frames["stages"].query("variant == 'vae_h8_z2' and seed == 0").set_index("updates")
    assert list(stages.index) == [5, 10]  # 150 images in batches of 30
    history = finished[0].history()
    assert stages.loc[5, "train_kl"] == pytest.approx(history["kl"][:5].mean(), rel=1e-9)
    assert stages.loc[10, "reconstruction"] == frames["runs"]["reconstruction"][0]
    assert stages.loc[5, "reconstruction"] > stages.loc[10, "reconstruction"]


def test_latents_are_drawn_for_the_figure_alone(frames, data):
    latents = frames["latents"]
    assert set(latents["variant"]) == {"kan_vae_h3_z2"} and len(latents) == 2 * 50
    assert latents.query("seed == 0")["label"].tolist() == np.load(data)["test_labels"][:50].tolist()


def test_speed_is_of_the_chosen_models_and_relative_to_the_first(finished, data, frames):
    alone = frames["speed"].set_index("variant")
    assert list(alone.index) == ["kan_vae_h3_z2"] and alone["step_ratio"].tolist() == [1]
    names = ["kan_vae_h3_z2", "vae_h8_z2"]
    both = timed(finished, data, names).set_index("variant")
    assert list(both.index) == names
    assert both.loc["kan_vae_h3_z2", ["step_ratio", "samples_ratio"]].tolist() == [1, 1]
    row = both.loc["vae_h8_z2"]
    assert row["step_low"] <= row["step_ratio"] <= row["step_high"]
    assert row["samples_ms"] > 0


def test_settled_share_is_where_the_loss_stays_near_its_end():
    loss = pd.Series([300.0] * 20 + [111.0] * 30 + [109.0] * 30 + [100.0] * 20)
    assert scoring.settled_share(loss) == 0.5
    assert scoring.settled_share(pd.Series([5.0] * 50)) == 0


def test_diverged_run_is_a_row_without_scores(tmp_path, data, spec, inputs, frames):
    run = trained(tmp_path / "run", data, "vae_h8_z2", 0, learning_rate=1e38)
    assert run.diverged and run.samples()["prior"].shape == (1, 0, 784)
    found = stage("kan_vae", "evaluate")([run], spec, inputs, CPU) | {"speed": timed([], data)}
    assert found["runs"]["status"].tolist() == ["diverged"] and "elbo" not in found["runs"]
    both = {name: pd.concat([frames[name], found[name]]) for name in frames}
    shown = {name: table.text.to_csv() for name, table in stage("kan_vae", "tables")(both).items()}
    assert "floor" in shown["fidelity"]
    alone = stage("kan_vae", "tables")(found)
    assert "diverged" in alone[""].text.to_csv()


def test_table_has_means_over_seeds_and_says_what_was_not_run(frames):
    tables = stage("kan_vae", "tables")(frames)
    assert tuple(tables) == OUTPUTS.tables
    row = tables[""].numbers.set_index("variant").loc["kan_vae_h3_z2"]
    assert row["iw_elbo_mean"] == pytest.approx(frames["runs"].query("family == 'kan'")["iw_elbo"].mean(), rel=1e-12)
    text = tables[""].text.set_index("model")
    assert "Not run: FID-64 mixed, FID-64 grey, FID-192 mixed" in tables[""].note
    assert "FID-192 mixed" not in text and text.loc["(test images)", "judge mixed"] != "not run"
    some = frames["runs"].assign(fid_192_mixed=np.where(frames["runs"]["family"] == "kan", 1.25, np.nan))
    partly = stage("kan_vae", "tables")(frames | {"runs": some})[""].text.set_index("model")["FID-192 mixed"]
    assert sorted(partly)[-1] == "not run" and sorted(partly)[0].startswith("1.250")
    assert "nan" not in "".join(table.text.to_csv() for table in tables.values())


def test_published_numbers_stand_beside_runs_on_mnist_alone(frames):
    # Nothing else names the dataset or the source either.
    renamed = {"vae_h8_z2": "vae_h400_z20"}
    known = {name: frame.replace({"variant": renamed}) for name, frame in frames.items()}
    known["runs"] = known["runs"].assign(parameters=652_824)
    shown = {
        dataset: stage("kan_vae", "tables")(known | {"runs": known["runs"].assign(dataset=dataset)})
        for dataset in ("mnist", "fashion_mnist")
    }
    assert shown["mnist"][""].text.set_index("model").loc["VAE", "published FID"] == "1.22"
    assert "59, 30" in shown["mnist"]["training"].text.to_csv()
    words = "".join(f"{table.text.to_csv()} {table.note}" for table in shown["fashion_mnist"].values()).lower()
    assert "training images of fashion_mnist" in words
    for word in ("published", "source", "figure 6", "digit", "59, 30", " mnist"):
        assert word not in words
    assert "published" not in shown["fashion_mnist"][""].numbers


def comparison_with(monkeypatch, inputs, images, **extractor):
    """A comparison by the Inception with these options, and what its statistics have been asked for."""
    seen = []

    def statistics(images, extractor, machine, cache, label):
        seen.append((len(images), bool(np.isin(images, (0, 255)).all()), extractor.layers))
        return {
            layer: Statistics(len(images), np.zeros(1), np.zeros((1, 1)), np.zeros((1, 1)))
            for layer in extractor.layers
        }

    monkeypatch.setattr(form_distances, "statistics", statistics)
    inception = {"layers": [192], "forms": ["grey"], "compile": False} | extractor
    given = replace(inputs, inception_weights=Path("weights.pth"))
    extractors = Extractors.model_validate({"inception": inception})
    measure = form_distances.measure_with(extractors, train_judge(images, CPU, 0, steps=1), given, CPU)
    return form_distances.FormDistances(images, 40, 0.5, measure), seen


def test_extractor_sees_the_samples_of_its_forms_and_the_real_images_that_belong_to_them(monkeypatch, inputs, data):
    images = problem.images(data)
    comparison, seen = comparison_with(monkeypatch, inputs, images)
    layers = ("192",)
    assert sorted(seen) == [(40, False, layers)] * 2 + [(40, True, layers)] * 2, "grey samples meet both forms"
    seen.clear()
    rows = comparison.rows(images.test_images[:9], {"variant": "vae"})
    assert seen == [(9, False, layers)]
    pairs = {(row["reference_form"], row["sample_form"]) for row in rows if row["extractor"] != "judge"}
    assert pairs == {("grey", "grey"), ("binary", "grey")}


def test_layer_that_is_for_some_variants_is_measured_of_theirs_and_of_real_images_alone(monkeypatch, inputs, data):
    images = problem.images(data)
    comparison, seen = comparison_with(monkeypatch, inputs, images, only={192: ["vae"]})
    assert len(seen) == 4
    for variant, found in (("vae", {"judge", "inception"}), ("kan_vae", {"judge"})):
        rows = comparison.rows(images.test_images[:9], {"variant": variant})
        assert {row["extractor"] for row in rows} == found
    assert len(seen) == 5


def test_judge_orders_what_is_known_to_be_worse(frames):
    found = frames["degradations"].set_index(["degradation", "strength"])["judge_fid"]
    assert set(frames["degradations"]["degradation"]) == {"none", *DEGRADATIONS}
    for name in ("blur", "noise", "faded", "missing classes"):
        assert found[name].iloc[-1] > found["none"].iloc[0]
