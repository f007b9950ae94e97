"""The figures of the autoencoders: what is drawn is what was measured."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.text import Text
from run_records import recorded, sealed_npz
from small_kan_vae import TRAINING

from kanpipe.config import kinds
from kanpipe.data.classes import class_names
from kanpipe.experiments import stage
from kanpipe.experiments.kan_vae import figures
from kanpipe.experiments.kan_vae.figures.image_grids import posterior_samples, prior_samples
from kanpipe.experiments.kan_vae.figures.latent_space import CLASS_COLOURS, label_places, latent_space
from kanpipe.experiments.kan_vae.figures.likelihood import likelihood
from kanpipe.experiments.kan_vae.figures.parameter_efficiency import fidelity_against_parameters
from kanpipe.experiments.kan_vae.figures.training_curves import training_curves
from kanpipe.experiments.kan_vae.outputs import FIGURES
from kanpipe.experiments.kan_vae.published import CURVE_ENDS, FID
from kanpipe.experiments.kan_vae.words import kind, title
from kanpipe.reporting.mosaics import mosaic
from kanpipe.reporting.plots import house_style
from kanpipe.reporting.smoothing import smoothed
from kanpipe.reporting.variants import by_variant

VARIANTS = {  # name: (settings, parameters)
    "vae_h400_z20": ({"family": "mlp", "hidden": [400], "latent": 20}, 652_824),
    "kan_vae_h400_z20": ({"family": "kan", "hidden": [400], "latent": 20}, 6_512_000),
    "kan_vae_h35_z15": ({"family": "kan", "hidden": [35], "latent": 15}, 564_550),
    "kan_vae_h10_z5": ({"family": "kan", "hidden": [10], "latent": 5}, 158_300),
}
DIVERGED = "kan_vae_h400_z20"
PROBLEM = {"dataset": "mnist", "threshold": 0.5}
SPEC = kinds.parsed("kan_vae", {"problem": PROBLEM, "figures": {"variants": [*VARIANTS][:3]}})
DIGITS = class_names("mnist")
STEPS = 400


def make_run(folder, variant, seed, diverged=False):
    """A folder as training and sampling leave it, with noise for curves and images."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng([seed, len(variant)])
    steps = 30 if diverged else STEPS
    settings, parameters = VARIANTS[variant]
    parts = {
        "reconstruction": 60 + 480 * np.exp(-np.arange(steps) / 40),
        "kl": 25 - 24 * np.exp(-np.arange(steps) / 40),
    }
    history = pd.DataFrame(parts) * generator.uniform(0.9, 1.1, (steps, 2))
    history.assign(loss=history.sum(axis=1)).rename_axis("step").to_csv(folder / "history.csv")
    inputs = 255 * np.random.default_rng(9).integers(0, 2, (32, 784), dtype=np.uint8)
    count = 0 if diverged else 40
    prior = generator.integers(0, 256, (1 if diverged else 2, count, 784), dtype=np.uint8)
    posterior = generator.integers(0, 256, (0 if diverged else 32, 784), dtype=np.uint8)
    sealed_npz(folder / "samples.npz", prior=prior, inputs=inputs, posterior=posterior)
    return recorded(
        folder,
        experiment="my_vae",
        kind="kan_vae",
        variant=variant,
        seed=seed,
        status="diverged" if diverged else "finished",
        spec={"problem": PROBLEM, "training": TRAINING, "variant": settings},
        steps=steps,
        parameters=parameters,
        settings={"snapshot_steps": [150]},
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [make_run(folder / name / f"seed{n}", name, n, name == DIVERGED) for name in VARIANTS for n in (0, 1)]


@pytest.fixture(scope="module")
def frames(runs):
    generator = np.random.default_rng(1)
    rows = [run.record.entries("variant", "seed", "status", "parameters") for run in runs]
    table = pd.DataFrame(rows)
    sound = table["status"] == "finished"
    for column in ("reconstruction", "knn_accuracy", "silhouette", "judge_confidence", "judge_entropy", "iw_elbo"):
        table[column] = np.where(sound, generator.uniform(0.1, 99, len(table)), np.nan)
    points = [(run.variant, run.seed, digit) for run in runs if not run.diverged for digit in [*range(10)] * 6]
    latents = pd.DataFrame(points, columns=["variant", "seed", "label"])
    latents[["x", "y"]] = generator.normal(size=(len(latents), 2))
    sampled = [(run.variant, run.seed, draw) for run in runs if not run.diverged for draw in (0, 1)]
    sampled = [*sampled, ("floor", np.nan, np.nan)]
    forms = [("binary", "grey"), ("binary", "binary"), ("grey", "grey")]
    keys = ("variant", "seed", "sampling_seed", "feature", "reference", "reference_form", "sample_form")
    measured = [
        (*who, feature, split, *form)
        for who in sampled
        for feature in ("fid_64", "fid_192")
        for split in ("train", "test")
        for form in forms
    ]
    fidelity = pd.DataFrame(measured, columns=keys).assign(n=40)
    fidelity["fid"] = generator.uniform(0.1, 2, len(fidelity))
    return {"runs": table, "latents": latents, "fidelity": fidelity}


@pytest.fixture(scope="module")
def pictured(runs, frames):
    return by_variant(runs, frames["runs"])[:3]


@pytest.fixture(scope="module", autouse=True)
def style():
    with house_style():
        yield


def words(axes):
    return [text.get_text() for text in axes.texts]


def test_every_figure_is_written_and_no_other(runs, frames, tmp_path):
    stage("kan_vae", "figures")(runs, frames, SPEC, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{form}" for name in FIGURES for form in ("png", "pdf")
    }


def test_figures_of_another_dataset_name_its_classes_and_nothing_of_mnist(runs, frames, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(f"{figures.__name__}.draw", lambda found, out: drawn.extend(make() for make in found.values()))
    other = kinds.parsed(
        "kan_vae", {"problem": PROBLEM | {"dataset": "fashion_mnist"}, "figures": {"variants": [*VARIANTS][:3]}}
    )
    figures.figures(runs, frames, other, tmp_path)
    words = {text.get_text() for figure in drawn for text in figure.findobj(Text)}
    legend = [text.get_text() for text in drawn[FIGURES.index("latent_space")].legends[0].get_texts()]
    assert legend == [f"{label} {name}" for label, name in enumerate(class_names("fashion_mnist"))]
    assert not [text for text in words if re.search("mnist|digit|published|my_vae|figure", text, re.IGNORECASE)]


def test_figures_when_nothing_has_finished(tmp_path):
    lost = [make_run(tmp_path / "runs", "kan_vae_h35_z15", 0, diverged=True)]
    table = pd.DataFrame([lost[0].record.entries("variant", "seed", "status", "parameters")])
    empty = pd.DataFrame(columns=["variant", "seed", "label", "x", "y"])
    keys = ["variant", "seed", "n", "feature", "reference", "reference_form", "sample_form", "fid"]
    frames = {"runs": table, "latents": empty, "fidelity": pd.DataFrame(columns=keys)}
    stage("kan_vae", "figures")(lost, frames, SPEC, tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2 * len(FIGURES)


def test_curves_are_those_of_the_first_finished_seed(pictured):
    axes = training_curves(pictured, published=True).axes[0]
    history = pictured[0].runs[0].history()
    for line, part in zip(
        [line for line in axes.lines if line.get_label() in ("reconstruction", "kl")],
        ("reconstruction", "kl"),
        strict=True,
    ):
        assert np.allclose(line.get_ydata(), smoothed(history[part], 20)["mean"])
        assert f"{line.get_ydata()[-1]:.0f}" in words(axes)
    assert "150 updates" in words(axes)


def test_published_ends_are_marked_for_mnist_alone(pictured):
    def marks(published):
        panels = training_curves(pictured, published).axes
        return [
            (*line.get_xdata(), *line.get_ydata())
            for axes in panels
            for line in axes.lines
            if len(line.get_xdata()) == 1
        ]

    ends = [CURVE_ENDS[name] for name in ("vae_h400_z20", "kan_vae_h35_z15")]  # the third has diverged
    assert marks(True) == [(updates, value) for updates, *values in ends for value in values]
    assert marks(False) == []


def test_a_diverged_model_is_said_to_have_diverged(pictured, frames):
    for figure in (training_curves(pictured, published=True), latent_space(pictured, frames["latents"], DIGITS)):
        assert ["diverged" in words(axes) for axes in figure.axes] == [False, True, False]
    assert ["diverged" in words(axes) for axes in prior_samples(pictured).axes] == [False, False, True, False]
    names = [label.get_text() for label in posterior_samples(pictured).axes[0].get_yticklabels()]
    assert [name.split("\n")[-1] == "diverged" for name in names] == [False, False, True, False]


def test_points_of_the_latent_space_have_the_colours_of_their_digits(pictured, frames):
    axes = latent_space(pictured, frames["latents"], DIGITS).axes[0]
    own = frames["latents"].query("variant == 'vae_h400_z20' and seed == 0")
    cloud = axes.collections[0]
    drawn = {
        (*place, *colour)
        for place, colour in zip(cloud.get_offsets().tolist(), cloud.get_facecolors().tolist(), strict=True)
    }
    assert drawn == {(row.x, row.y, *to_rgba(CLASS_COLOURS[row.label])) for row in own.itertuples()}
    assert words(axes) == [str(digit) for digit in range(10)]
    row = frames["runs"].iloc[0]
    assert f"k-NN {row['knn_accuracy']:.1f} %, silhouette {row['silhouette']:.2f}" in axes.get_title(loc="left")


def test_a_latent_space_that_was_not_measured_is_said_to_be_missing(pictured, frames):
    axes = latent_space(pictured, frames["latents"].query("variant != 'vae_h400_z20'"), DIGITS).axes[0]
    assert words(axes) == ["not run"]


def test_a_digit_is_written_where_it_is_most_common():
    generator = np.random.default_rng(0)
    clusters = ((3, 0), (5, 0), (3, 50))  # 3 and 5 mixed around x = 0, 3 alone around x = 50
    parts = [
        pd.DataFrame(generator.normal((x, 0), 1, (40, 2)), columns=["x", "y"]).assign(label=d) for d, x in clusters
    ]
    points = pd.concat(parts, ignore_index=True)
    places = label_places(points)
    assert places[3][0] > 40
    assert abs(places[5][0]) < 5
    for label, place in places.items():
        assert place in set(points.loc[points["label"] == label, ["x", "y"]].itertuples(index=False, name=None))


def test_posterior_samples_stand_below_their_inputs(pictured):
    bands = posterior_samples(pictured).axes
    samples = pictured[2].runs[0].samples()
    for band, axes in enumerate(bands):
        shown = np.ma.filled(axes.images[0].get_array(), np.nan)
        for column in (0, 15):
            image, tiles = 16 * band + column, shown[:, 29 * column : 29 * column + 28]
            assert np.array_equal(tiles[:28].ravel(), samples["inputs"][image])
            assert np.isnan(tiles[58:86]).all()  # of the diverged model
            assert np.array_equal(tiles[87:115].ravel(), samples["posterior"][image])


def test_prior_samples_are_those_of_the_first_sampling_seed(pictured):
    figure = prior_samples(pictured)
    for place, arrays in ((0, "inputs"), (1, "prior")):
        samples = pictured[0].runs[0].samples()[arrays]
        expected = mosaic((samples if arrays == "inputs" else samples[0])[:32].reshape(-1, 28, 28), 8)
        assert np.array_equal(np.ma.filled(figure.axes[place].images[0].get_array(), np.nan), expected, equal_nan=True)


@pytest.fixture(scope="module")
def efficiency(frames, runs):
    kinds = {run.variant: kind(run.spec.variant) for run in runs}
    return lambda published: fidelity_against_parameters(frames, kinds, SPEC.figures.variants, published)


def marks(axes, filled):
    """The places of full or hollow markers."""
    single = [line for line in axes.lines if len(line.get_xdata()) == 1 and line.get_marker() not in (None, "None", "")]
    chosen = [line for line in single if (line.get_markerfacecolor() != "none") == filled]
    return {(line.get_xdata()[0], line.get_ydata()[0]) for line in chosen}


def test_points_are_means_at_their_parameters(efficiency, frames):
    axes = efficiency(True).axes
    found = frames["fidelity"].query("feature == 'fid_192' and reference == 'train' and sample_form == 'grey'")
    sound = [name for name in VARIANTS if name != DIVERGED]
    for panel, form in zip(axes, ("binary", "grey"), strict=False):
        means = found[found["reference_form"] == form].groupby("variant")["fid"].mean()
        expected = [(VARIANTS[name][1], means[name]) for name in sound]
        assert np.allclose(sorted(marks(panel, filled=True)), sorted(expected), rtol=1e-12)  # sums in another order
        floor = [line.get_ydata()[0] for line in panel.lines if line.get_linestyle() == "--"]
        assert floor == [means["floor"]]
        assert {"VAE", "KAN-VAE**"} == set(words(panel))
    elbo = frames["runs"].groupby("variant")["iw_elbo"].mean()
    expected = [(VARIANTS[name][1], elbo[name]) for name in sound]
    assert np.allclose(sorted(marks(axes[2], filled=True)), sorted(expected), rtol=1e-12)


def test_bars_are_the_deviation_of_the_training_seeds(efficiency, frames):
    bars = [bar.get_segments()[0] for bar in efficiency(True).axes[2].collections]
    deviations = frames["runs"].groupby("variant")["iw_elbo"].std(ddof=1).dropna()
    assert sorted(high[1] - low[1] for low, high in bars) == pytest.approx(sorted(2 * deviations), rel=1e-9)


def test_a_score_that_was_not_measured_has_no_panel(efficiency):
    titles = [axes.get_title(loc="left") for axes in efficiency(True).axes]
    assert [(title[0], title[3:].split("\n")[0]) for title in titles if title] == [
        ("a", "Binary real images, grey samples"), ("b", "Both grey"), ("c", "Likelihood of test images"),
    ]  # fmt: skip


def test_without_distances_of_inception_a_sentence_says_so(frames, runs):
    own = frames | {"fidelity": frames["fidelity"].query("feature == 'judge_fid'")}
    kinds = {run.variant: kind(run.spec.variant) for run in runs}
    (axes,) = fidelity_against_parameters(own, kinds, SPEC.figures.variants, True).axes
    assert words(axes) == ["No Fréchet distance in Inception's features was measured"]


def test_likelihoods_are_those_of_every_training_and_their_means(frames, runs):
    axes = likelihood(frames["runs"], {run.variant: kind(run.spec.variant) for run in runs}).axes[0]
    elbo = frames["runs"].query("variant != @DIVERGED").groupby("variant")["iw_elbo"]
    order = elbo.mean().sort_values(ascending=False)
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == [f"{title(name)} ({VARIANTS[name][1]:,})" for name in order.index]
    for place, name in enumerate(order.index):
        hollow, mean = axes.lines[2 * place : 2 * place + 2]
        assert sorted(hollow.get_xdata()) == sorted(elbo.get_group(name)) and set(hollow.get_ydata()) == {-place}
        assert mean.get_xdata()[0] == pytest.approx(order[name])
    assert "seeds each" in axes.get_title(loc="left") or "seed each" in axes.get_title(loc="left")


def test_long_names_of_rows_are_wrapped(pictured):
    shown = replace(pictured[2], name="kan_vae_h35_z15_norm")
    names = [label.get_text() for label in posterior_samples([shown]).axes[0].get_yticklabels()]
    assert names[1].split("\n")[:3] == ["KAN-VAE**, a", "norm before the", "splines"]


def test_published_distances_stand_in_the_first_panel_for_mnist_alone(efficiency):
    expected = {(VARIANTS[name][1], FID[name]) for name in VARIANTS}
    assert [marks(axes, filled=False) for axes in efficiency(True).axes] == [expected, *[set()] * 3]
    assert all(not marks(axes, filled=False) for axes in efficiency(False).axes)


def test_the_legend_names_what_diverged_and_says_what_the_bars_are(efficiency):
    legend = efficiency(True).legends[0]
    assert "diverged: KAN-VAE*" in [text.get_text() for text in legend.get_texts()]
    assert legend.get_title().get_text().startswith("Means of 2 training seeds")
