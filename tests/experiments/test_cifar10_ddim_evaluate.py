"""CIFAR-10 DDIM: scores against direct calls, and colours against closed forms."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from run_records import recorded, sealed_npz
from safetensors.torch import save_file

from kanpipe.config.kinds import parsed
from kanpipe.digests import sha256
from kanpipe.evaluation.feature_extractors import Extractor
from kanpipe.evaluation.few_samples import Score, few_sample_scores
from kanpipe.evaluation.fidelity import frechet_distance, statistics
from kanpipe.evaluation.inception_score import SPLITS
from kanpipe.experiments.cifar10_ddim import colours, image_scores, problem, scores
from kanpipe.experiments.cifar10_ddim import evaluate as scoring
from kanpipe.experiments.cifar10_ddim.datasets import DATASETS
from kanpipe.experiments.cifar10_ddim.floors import floors
from kanpipe.experiments.cifar10_ddim.samplers import Sampler
from kanpipe.experiments.protocol import Inputs
from kanpipe.machine import Machine
from kanpipe.runs import write_samples

CPU = Machine.prepare("cpu", threads=1)
PROBLEM = {
    "dataset": "photographs",
    "diffusion": {"steps": 1000, "first": 1e-4, "last": 0.02},
    "network": {"channels": 8, "multipliers": [1, 2], "groups": 4, "dropout": 0.1},
}
TRAINING = {"steps": 300, "batch_size": 4, "learning_rate": 1e-3, "decay": "constant", "clip_norm": 1.0}
TRAINING |= {"ema": {"decay": 0.9, "ramp": True}, "precision": "float32", "compile": False, "cuda_graph": False}
TRAINING |= {"micro_batches": 1, "probe_steps": [0, 200]}
VARIANTS = {
    "unet": {"family": "mlp"},
    "kan_unet": {"family": "kan", "grid_size": 3, "spline_order": 2, "network": {"channels": 4}},
}
SAMPLERS = {
    "quad_20": {"timesteps": "quadratic", "count": 20, "eta": 0, "images": 16},
    "uniform_10": {"timesteps": "uniform", "count": 10, "eta": 0.5, "images": 12},
    "ancestral": {"timesteps": "ancestral", "images": 10},
}
EVALUATION = {
    "reference_images": 24,
    "extractors": {"efficientnet_lite0": {"layers": [1280, "logits"], "compile": False}},
    "seed": 0,
}
SAMPLING = {"seed": 7, "batch_size": 8, "strip": {"images": 2, "states": 3}, "samplers": SAMPLERS}
SPEC = parsed("cifar10_ddim", {"problem": PROBLEM, "sampling": SAMPLING, "evaluation": EVALUATION})
EFFICIENTNET = Extractor("efficientnet_lite0", ("1280", "logits"))
PIXELS, KIND = (32, 32, 3), DATASETS["photographs"]


def photographs(seed, n):
    """Coloured noise on a coloured ground, uint8 (n, 32, 32, 3)."""
    generator = np.random.default_rng(seed)
    ground = generator.integers(0, 200, (n, 1, 1, 3))
    return (ground + generator.integers(0, 56, (n, *PIXELS))).astype(np.uint8)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    images, nothing = photographs(0, 50), np.zeros(0, np.uint8)
    sealed_npz(
        folder / "photographs.npz",
        train_images=images,
        train_labels=np.zeros(50, np.uint8),
        test_images=images[:0],
        test_labels=nothing,
    )
    return Inputs(folder / "photographs.npz", features=folder / "features")


def drawn(seed, n):
    """What a sampler leaves: images, and measures of results that are three times as far out as the images."""
    generator = np.random.default_rng(seed)
    start = generator.normal(scale=1 / 32, size=(n, 3)).astype(np.float32)
    return {
        "": photographs(seed + 100, n),
        "/start_means": start,
        "/end_means": (3 * start + 0.01 * generator.normal(size=(n, 3))).astype(np.float32),
        "/outside": generator.uniform(size=n).astype(np.float32),
        "/squares": generator.uniform(1, 2, size=n).astype(np.float32),
    }


def finished(folder, variant, seed=0, status="finished"):
    """A run's folder as training and sampling leave it."""
    run_spec = {"problem": PROBLEM, "training": TRAINING, "variant": VARIANTS[variant]}
    said = {"experiment": "mine", "kind": "cifar10_ddim", "variant": variant, "seed": seed, "status": status}
    folder.mkdir(parents=True, exist_ok=True)
    loss = np.linspace(1, 0.1, 300)
    pd.DataFrame({"step": range(300), "loss": loss}).to_csv(folder / "history.csv", index=False)
    pd.DataFrame({"step": [100, 200, 300], "loss": [4.0, 2.0, 1.5]}).to_csv(folder / "validation.csv", index=False)
    save_file(probes() if variant == "kan_unet" else {}, folder / "snapshots.safetensors")
    diverged = status == "diverged"
    arrays = {
        name + part: values[:0] if diverged and values.ndim else values
        for place, (name, options) in enumerate(SAMPLERS.items())
        for part, values in drawn(10 * seed + place, options["images"]).items()
    }
    arrays["strip"] = np.zeros((2, 3, *PIXELS), np.uint8)
    write_samples(folder / "samples.npz", arrays, dict.fromkeys(SAMPLERS, 0.5))
    return recorded(folder, **said, spec=run_spec)


def probes():
    """Two looks at two layers; the second layer has a PReLU and no bases."""
    shares = {0: 0.25, 200: 0.5}
    kan = {f"{step}/conv_in/outside_grid": share for step, share in shares.items()}
    kan |= {f"{step}/{layer}/place": place for step in shares for place, layer in enumerate(("conv_in", "conv_out"))}
    kan |= {f"{step}/conv_out/slope": 0.3 for step in shares}
    return {name: torch.tensor(float(value)) for name, value in kan.items()}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [finished(folder / name, name) for name in VARIANTS]


@pytest.fixture(scope="module")
def frames(runs, inputs):
    return scoring.evaluate(runs, SPEC, inputs, CPU)


def found_in(images, inputs):
    """What the network finds, from the folder in which it is kept by the images' content."""
    return statistics(images, EFFICIENTNET, CPU, inputs.features)


def test_scores_are_those_of_the_images_against_the_first_training_images(runs, frames, inputs):
    real = found_in(photographs(0, 50)[:24], inputs)
    for sampler in SAMPLERS:
        found = found_in(runs[1].samples()[sampler], inputs)
        rows = frames["scores"].query("variant == 'kan_unet' and sampler == @sampler")
        rows = rows[rows["n"] == SAMPLERS[sampler]["images"]].set_index("metric")
        assert rows.loc["fid", "value"] == pytest.approx(frechet_distance(real["1280"], found["1280"]), rel=1e-9)
        assert rows.loc["isc", ["value", "sd"]].tolist() == [found["logits"].mean, found["logits"].sd]
        assert set(rows.index) == {"fid", "isc", *scores.OF_FEW}
        few = few_sample_scores(found["1280"].rows, real["1280"].rows, EVALUATION["seed"])
        for name, score in few.items():
            expected = [score.value, score.n, score.n_reference]
            assert rows.loc[name, ["value", "n", "n_reference"]].tolist() == expected
        assert rows.loc["fid", "n_reference"] == 24 and np.isnan(rows.loc["isc", "n_reference"])
        assert rows["layer"].to_dict() == {"isc": "logits"} | dict.fromkeys(("fid", *scores.OF_FEW), "1280")


def test_scores_say_what_they_were_measured_with(frames):
    rows = frames["scores"]
    assert set(rows["weights"]) == {sha256(EFFICIENTNET.file)} and set(rows["reference"]) == {"train"}
    assert set(rows["dataset"]) == {"photographs"} and set(rows["scoring_seed"]) == {0}
    own = rows[rows["seed"].notna()]
    assert len(own) and (own["sampling_seed"] == own["seed"] + SAMPLING["seed"]).all()


def test_samplers_are_told_apart_by_what_they_are(frames):
    rows = frames["scores"].query("variant == 'unet' and metric == 'fid'").drop_duplicates("sampler")
    rows = rows.set_index("sampler")
    assert list(rows.index) == list(SAMPLERS)
    assert rows["count"].to_dict() == {"quad_20": 20, "uniform_10": 10, "ancestral": 1000}
    assert rows.loc[["quad_20", "uniform_10"], "eta"].tolist() == [0, 0.5] and np.isnan(rows.loc["ancestral", "eta"])
    assert (rows["extractor"] == "efficientnet_lite0").all() and (rows["experiment"] == "mine").all()


def test_main_sampler_is_scored_with_as_few_images_as_the_others_too(runs, frames, inputs):
    rows = frames["scores"].query("variant == 'unet' and metric == 'fid' and sampler == 'quad_20'")
    assert rows["n"].tolist() == [16, 10]
    real, few = (found_in(part, inputs) for part in (photographs(0, 50)[:24], runs[0].samples()["quad_20"][:10]))
    assert rows["value"].iloc[1] == pytest.approx(frechet_distance(real["1280"], few["1280"]), rel=1e-9)


def test_scores_of_few_images_among_many_are_those_of_the_run_too(runs, inputs, monkeypatch):
    few = {"kid": Score(0.5, 0.1, 7, 7), "precision": Score(0.25, np.nan, 9, 9), "recall": Score(0.75, np.nan, 9, 9)}
    monkeypatch.setattr("kanpipe.experiments.cifar10_ddim.image_scores.few_sample_scores", lambda *_: few)
    row = scoring.evaluate(runs[:1], SPEC, inputs, CPU)["runs"].iloc[0]
    assert (row["efficientnet_kid"], row["efficientnet_precision"], row["efficientnet_recall"]) == (0.5, 0.25, 0.75)


def test_floor_is_the_training_images_after_the_reference(frames, inputs):
    rows = frames["scores"].query("variant == 'floor'").set_index("metric")
    images = photographs(0, 50)
    real, others = (found_in(part, inputs) for part in (images[:24], images[24:40]))
    assert rows.loc["fid", "value"] == pytest.approx(frechet_distance(real["1280"], others["1280"]), rel=1e-9)
    assert rows.loc["isc", "value"] == others["logits"].mean
    assert set(rows["n"]) == {16}


def test_images_of_no_network_are_made_of_those_after_the_reference_too(frames, inputs):
    row = frames["scores"].query("variant == 'floor: one colour' and metric == 'fid'")
    images = photographs(0, 50)
    plain = floors(images[24:40], 0.3, 0)["floor: one colour"]
    real, made = (found_in(part, inputs) for part in (images[:24], plain))
    assert row["value"].item() == pytest.approx(frechet_distance(real["1280"], made["1280"]), rel=1e-9)


def test_without_images_beside_the_reference_the_floor_is_one_half_against_the_other(inputs):
    images = photographs(0, 50)
    rows = {
        row["metric"]: row
        for row in image_scores.ImageScores(images[:42], SPEC.evaluation, KIND, inputs, CPU).floor(images[42:])
    }
    assert len(images[42:]) < SPLITS
    first, second = (found_in(part, inputs) for part in (images[:21], images[21:42]))
    assert rows["fid"]["value"] == pytest.approx(frechet_distance(first["1280"], second["1280"]), rel=1e-9)
    assert (rows["fid"]["n"], rows["fid"]["n_reference"]) == (21, 21)
    assert rows["isc"]["value"] == second["logits"].mean


def test_run_has_the_scores_of_its_main_sampler_and_nan_for_what_was_not_measured(frames):
    row = frames["runs"].set_index("variant").loc["kan_unet"]
    main = frames["scores"].query("variant == 'kan_unet' and sampler == 'quad_20' and n == 16").set_index("metric")
    assert row["efficientnet_fid"] == main.loc["fid", "value"]
    assert row[["efficientnet_isc", "efficientnet_isc_sd"]].tolist() == main.loc["isc", ["value", "sd"]].tolist()
    assert row[["fid_64", "fid_192", "fid_768", "fid_2048", "isc", "isc_sd"]].isna().all()
    assert row[["sampler", "samples", "reference_images"]].tolist() == ["quad_20", 16, 24]
    assert row[["dataset", "family", "channels"]].tolist() == ["photographs", "kan", 4]
    assert frames["runs"].set_index("variant").loc["unet", "channels"] == 8


def test_inception_scores_have_names_of_their_own():
    layers = ("64", "192", "768", "2048")
    rows = [{"extractor": "inception", "layer": name, "metric": "fid", "value": float(name)} for name in layers]
    rows += [{"extractor": "inception", "layer": "logits_unbiased", "metric": "isc", "value": 5.0, "sd": 0.5}]
    found = image_scores.summary(rows)
    assert [found[name] for name in scores.INCEPTION] == [64, 192, 768, 2048, 5, 0.5]
    assert math.isnan(found["efficientnet_isc"]) and list(found) == list(scores.SCORES)


def test_colours_are_those_of_the_results(runs, frames):
    row, samples = frames["runs"].iloc[0], runs[0].samples()
    start, end = samples["quad_20/start_means"].astype(float), samples["quad_20/end_means"].astype(float)
    start, end = start - start.mean(axis=0), end - end.mean(axis=0)
    assert row["mean_slope"] == pytest.approx((start * end).sum() / (start**2).sum(), rel=1e-5)
    assert row["mean_slope"] == pytest.approx(3, rel=0.05)
    assert row["mean_slope_low"] < row["mean_slope"] < row["mean_slope_high"]
    assert row["mean_sd"] == pytest.approx(np.sqrt(np.cov(end.T).diagonal()).mean(), rel=1e-6)
    assert row["outside"] == pytest.approx(samples["quad_20/outside"].mean(), rel=1e-6)
    assert row["images_per_second"] == 16 / 0.5


def test_intervals_of_slope_and_spread_hold_the_truth_as_often_as_they_say():
    draw, held = np.random.default_rng(0), np.zeros(2)
    for _ in range(400):
        start = draw.normal(scale=1 / 32, size=(50, 1))
        found = colours.of_means(start, 8 * start + draw.normal(scale=0.2, size=start.shape))
        held += [
            found["mean_slope_low"] < 8 < found["mean_slope_high"],
            found["mean_sd_low"] < math.hypot(8 / 32, 0.2) < found["mean_sd_high"],
        ]
    assert (np.abs(held / 400 - 0.95) < 0.03).all()


def test_a_prelu_has_the_loss_and_the_shift_that_its_slope_leaves_of_perfect_noise():
    z = torch.randn(1000, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    seen = torch.nn.functional.prelu(z, torch.tensor([0.4]))
    found = colours.prelu([{"layer": "conv_out", "step": 9, "slope": 0.4}], 1024, 25.0)
    assert found["prelu_loss"] == pytest.approx((seen - z).square().sum(dim=(1, 2, 3)).mean().item(), rel=0.01)
    assert found["prelu_shift"] == pytest.approx(-25.0 * seen.mean().item(), rel=0.01)
    free = colours.prelu([{"layer": "conv_out", "step": 9, "slope": 0.4}], 1024, 25.0, behind_norm=False)
    assert free["prelu_slope"] == 0.4 and math.isnan(free["prelu_loss"])
    assert math.isnan(colours.prelu([{"layer": "conv_in", "step": 9, "slope": 0.4}], 1024, 25.0)["prelu_slope"])


def test_pixel_sd_is_that_of_all_values():
    x = np.random.default_rng(0).normal(0.3, 2, (6, 3, 32, 32))
    arrays = drawn(0, 6) | {"/end_means": x.mean(axis=(2, 3)), "/squares": (x**2).mean(axis=(1, 2, 3))}
    found = colours.colours({f"s{part}": values for part, values in arrays.items()}, "s", 1.0)
    assert found["pixel_sd"] == pytest.approx(x.std(), rel=1e-6)  # measures are kept in float32


def test_spread_of_real_colours_is_that_of_images_from_minus_one_to_one(frames):
    x = problem.scaled(torch.from_numpy(photographs(0, 50)[:24])).double()
    expected = x.mean(dim=(1, 2)).std(dim=0).mean()
    assert frames["runs"]["data_mean_sd"].tolist() == pytest.approx([expected.item()] * 2, rel=1e-6)


def test_predicted_spread_is_that_of_a_walk_by_noise_of_mean_zero():
    generator = torch.Generator().manual_seed(0)
    x_T = torch.randn(400, 3, 32, 32, generator=generator)

    def predict(x, t):
        noise = torch.randn(x.shape, generator=generator)
        return noise - noise.mean(dim=(2, 3), keepdim=True)

    for name, options in list(SPEC.sampling.samplers.items())[:2]:
        deterministic = options.model_copy(update={"eta": 0.0})
        schedule = problem.schedule(SPEC.problem, CPU)
        (x,) = Sampler(name, **deterministic.model_dump()).walk(predict, x_T, schedule, generator, 1)
        found = colours.mean_sd(x.mean(dim=(2, 3)).numpy())
        # 1,200 values have a standard deviation that is right to 1 / sqrt(2,400), 2 %
        assert found == pytest.approx(colours.predicted_mean_sd(deterministic, SPEC.problem.diffusion), rel=0.06)


def test_predicted_spread_at_the_published_setting_is_known():
    # alpha_bar = 0.00151 at time 800
    assert colours.predicted_mean_sd(SPEC.sampling.samplers["quad_20"], SPEC.problem.diffusion) == pytest.approx(
        0.804, abs=0.005
    )


def test_last_loss_is_the_mean_of_the_last_hundredth(frames):
    assert frames["runs"]["last_loss"][0] == pytest.approx(np.linspace(1, 0.1, 300)[-3:].mean(), rel=1e-9)


def test_held_out_loss_is_the_lowest_and_its_fall_that_of_the_last_tenth(frames):
    row = frames["runs"].iloc[0]
    assert row["held_out_loss"] == 1.5 and row["held_out_fall"] == pytest.approx(0.25)


def test_images_of_no_network_are_what_they_are_called():
    real = photographs(0, 40)
    made = {name.removeprefix("floor: "): images for name, images in floors(real, 0.3, 0).items()}
    means = {name: colours.channel_means(images) for name, images in made.items()}
    assert all(images.shape == real.shape and images.dtype == np.uint8 for images in made.values())
    np.testing.assert_allclose(means["one colour"], colours.channel_means(real), atol=0.01)
    assert colours.mean_sd(means["random colours"]) == pytest.approx(0.3, rel=0.25)
    assert (
        abs(means["random colours"].mean()) < 0.1 and (means["black"] == -1).all() and abs(means["noise"].mean()) < 0.01
    )


def test_knots_are_those_of_the_last_look_at_layers_with_bases(frames):
    runs = frames["runs"].set_index("variant")
    assert runs.loc["kan_unet", "outside_knots"] == 0.5
    assert np.isnan(runs.loc["unet", "outside_knots"])
    coverage = frames["coverage"]
    assert set(coverage["variant"]) == {"kan_unet"} and len(coverage) == 4
    assert coverage.query("step == 0 and layer == 'conv_in'")["outside_grid"].tolist() == [0.25]
    assert coverage.query("layer == 'conv_out'")["slope"].tolist() == pytest.approx([0.3, 0.3])


def test_channel_means_of_drawn_images_are_kept(runs, frames):
    means = frames["means"].query("variant == 'kan_unet'")
    assert len(means) == 16 * 3 and list(means.columns) == scoring.MEANS
    one = means.query("image == 7 and channel == 2").iloc[0]
    samples = runs[1].samples()
    assert one["start"] == samples["quad_20/start_means"][7, 2] and one["end"] == samples["quad_20/end_means"][7, 2]


def test_diverged_run_is_a_row_without_scores(tmp_path, inputs):
    run = finished(tmp_path / "run", "unet", status="diverged")
    found = scoring.evaluate([run], SPEC, inputs, CPU)
    row = found["runs"].iloc[0]
    assert row["status"] == "diverged" and row["samples"] == 0
    assert row[[*scores.SCORES, *colours.COLOURS, "last_loss"]].isna().all()
    assert found["scores"]["variant"].str.startswith("floor").all()
    for name in ("coverage", "means"):
        assert found[name].empty and len(found[name].columns) > 3


def test_run_without_images_of_a_sampler_has_no_rows_of_it(runs, inputs, tmp_path):
    arrays = runs[0].samples()
    (tmp_path / "run").mkdir()
    emptied = {
        name: values[:0] if name.startswith("quad_20") and values.ndim else values for name, values in arrays.items()
    }
    sealed_npz(tmp_path / "run" / "samples.npz", **emptied)
    for name in ("history.csv", "validation.csv", "snapshots.safetensors"):
        (tmp_path / "run" / name).write_bytes((runs[0].folder / name).read_bytes())
    run = replace(runs[0], folder=tmp_path / "run")
    found = scoring.evaluate([run], SPEC, inputs, CPU)
    assert set(found["scores"]["sampler"].dropna()) == {"uniform_10", "ancestral"}
    assert found["runs"]["efficientnet_fid"].isna().all() and np.isfinite(found["runs"]["last_loss"][0])
