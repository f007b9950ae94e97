"""The figures of the denoising diffusion: what is drawn is what was measured."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from small_cifar10_ddim import COVERAGE, DIVERGED, SLOPE, SPEC, STEPS, VARIANT_ROWS, VARIANTS, make_frames, make_runs

from kanpipe.experiments import stage
from kanpipe.experiments.cifar10_ddim.datasets import DATASETS
from kanpipe.experiments.cifar10_ddim.figures.channel_means import HUES, channel_means
from kanpipe.experiments.cifar10_ddim.figures.cost_and_quality import cost_and_quality
from kanpipe.experiments.cifar10_ddim.figures.image_grids import MISSING, denoising, pictures, samples
from kanpipe.experiments.cifar10_ddim.figures.knots import coverage
from kanpipe.experiments.cifar10_ddim.figures.prelu_slopes import prelu_slopes
from kanpipe.experiments.cifar10_ddim.figures.sampler_steps import samplers
from kanpipe.experiments.cifar10_ddim.figures.training_losses import training
from kanpipe.experiments.cifar10_ddim.outputs import FIGURES
from kanpipe.experiments.cifar10_ddim.published import PUBLISHED
from kanpipe.experiments.cifar10_ddim.words import Names
from kanpipe.reporting.mosaics import mosaic
from kanpipe.reporting.plots import house_style
from kanpipe.reporting.smoothing import smoothed, window_for
from kanpipe.reporting.variants import by_variant

NAMES, IMAGES, CHOSEN = Names(VARIANT_ROWS), DATASETS["cifar10"], SPEC.figures.variants


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return make_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def frames(runs):
    return make_frames(runs)


@pytest.fixture(scope="module")
def variants(runs, frames):
    return {variant.name: variant for variant in by_variant(runs, frames["runs"])}


@pytest.fixture(scope="module")
def named(variants):
    return [variants[name] for name in SPEC.figures.variants if name in variants]


@pytest.fixture(scope="module")
def drawn(named):
    return {variant.name: pictures(variant) for variant in named}


@pytest.fixture(scope="module", autouse=True)
def style_of_the_house():
    with house_style():
        yield


def words(axes):
    return [text.get_text() for text in axes.texts]


def entries(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def said(figure):
    """The sentence that stands in the place of a figure."""
    return "".join(words(figure.axes[0]))


def test_every_figure_is_written_and_no_other(runs, frames, tmp_path):
    stage("cifar10_ddim", "figures")(runs, frames, SPEC, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{form}" for name in FIGURES for form in ("png", "pdf")
    }


def test_figures_when_nothing_has_finished(runs, frames, tmp_path):
    lost = [run for run in runs if run.diverged]
    table = frames["runs"][frames["runs"]["variant"] == DIVERGED]
    empty = {name: frames[name].iloc[:0] for name in ("scores", "coverage", "means", "speed")}
    stage("cifar10_ddim", "figures")(lost, empty | {"runs": table, "variants": VARIANT_ROWS}, SPEC, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2 * len(FIGURES)


def test_samples_are_the_first_images_of_the_first_seed(named, drawn, frames):
    figure = samples(named, drawn, NAMES, "a walk")
    assert figure.get_suptitle() == "The first 64 samples of each network: training seed 0, 300 steps, a walk"
    panels = {axes.get_title(loc="left").split("\n")[0]: axes for axes in figure.axes if axes.get_title(loc="left")}
    assert list(panels) == [NAMES.title(variant.name) for variant in named]
    for variant in named:
        axes = panels[NAMES.title(variant.name)]
        if variant.name == DIVERGED:
            assert words(axes) == ["diverged"]
            continue
        expected = mosaic(variant.runs[0].samples()["quad_20"][:64], 8)
        shown = np.asarray(axes.images[0].get_array())
        assert np.array_equal((255 * shown[..., :3]).round(), np.nan_to_num(expected))
        fid = frames["runs"].query("variant == @variant.name and seed == 0")["fid_768"].iloc[0]
        assert f"FID-768 {fid:.3g}" in axes.get_title(loc="left")


def test_a_row_of_the_strip_has_the_states_of_one_image(named, drawn):
    axes = denoising(named, drawn, NAMES, "a walk").axes[0]
    shown = np.asarray(axes.images[0].get_array())
    for row, variant in enumerate(named):
        tiles = shown[33 * row : 33 * row + 32]
        if variant.name == DIVERGED:
            assert (tiles[..., 3] == 0).all()
            continue
        states = variant.runs[0].samples()["strip"][0]
        for column, state in enumerate(states):
            assert np.array_equal((255 * tiles[:, 33 * column : 33 * column + 32, :3]).round(), state)
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert [name.endswith("diverged") for name in names] == [variant.name == DIVERGED for variant in named]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["noise", "sample"]


def test_without_samples_a_sentence_says_so(variants):
    lost = [variants[DIVERGED]]
    nothing = {DIVERGED: pictures(variants[DIVERGED])}
    assert said(samples(lost, nothing, NAMES, "")) == said(denoising(lost, nothing, NAMES, "")) == MISSING
    assert said(samples([], {}, NAMES, "")) == MISSING


def test_channel_means_stand_against_those_of_their_noise(variants, frames):
    shown = [variants[name] for name in ("unet", DIVERGED)]
    first, second = channel_means(shown, frames["means"], NAMES, IMAGES).axes[:2]
    own = frames["means"].query("variant == 'unet' and seed == 0")
    cloud = first.collections[0]
    points = {(*place, *hue) for place, hue in zip(cloud.get_offsets().tolist(), _colours(cloud), strict=True)}
    hues = [to_rgba(hue, 0.7) for hue in [HUES[name] for name in DATASETS["cifar10"].channels]]
    assert {(row.start, row.end, *hues[row.channel]) for row in own.itertuples()} == points
    assert len(cloud.get_offsets()) == len(own)
    (line,) = first.lines
    assert np.allclose(np.diff(line.get_ydata()) / np.diff(line.get_xdata()), SLOPE)
    slope = frames["runs"].query("variant == 'unet' and seed == 0")["mean_slope"].iloc[0]
    title = first.get_title(loc="left")
    assert f"slope {slope:.1f}" in title and f"mean {own['end'].mean():.1f}" in title and f"{STEPS} steps" in title
    assert all(
        axes.get_xlim()[0] < own["start"].min() and own["start"].max() < axes.get_xlim()[1] for axes in (first, second)
    )
    assert all([label.get_text() for label in axes.get_xticklabels()] for axes in (first, second))
    assert words(second) == ["diverged"]


def test_no_point_of_the_channel_means_lies_beyond_its_axes(variants, frames):
    """As the norm and the PReLU of the kept runs do, whose samples lie far below black."""
    shifted = frames["means"].assign(end=frames["means"]["end"] - 6)
    axes = channel_means([variants["unet"]], shifted, NAMES, IMAGES).axes[0]
    assert axes.get_ylim()[0] < shifted.query("variant == 'unet'")["end"].min()


def _colours(cloud):
    return [tuple(hue) for hue in cloud.get_facecolors().tolist()]


def test_without_channel_means_a_sentence_says_so(variants, frames):
    assert said(channel_means(list(variants.values()), frames["means"].iloc[:0], NAMES, IMAGES)).startswith(
        "No samples"
    )


def test_the_heat_map_has_the_shares_of_layers_and_steps(variants, frames):
    figure = coverage(list(variants.values()), frames["coverage"], NAMES)
    kans = [name for name, (family, _) in VARIANTS.items() if family == "kan"]
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == len(kans)  # ordinary networks have none
    own = frames["coverage"].query("variant == 'kan_unet' and seed == 0")
    shown = np.asarray(panels[0].images[0].get_array())
    for row in own.itertuples():
        assert shown[row.place // 2, [0, 100, 299].index(row.step)] == row.outside_grid
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["time, in", "down", "out"]
    assert panels[0].get_yticks().tolist() == [0.5, 2.5, 4.0]
    assert [label.get_text() for label in panels[0].get_xticklabels()] == ["0", "100", "299"]
    assert panels[0].images[0].norm.vmax == pytest.approx(max(np.max(panel.images[0].get_array()) for panel in panels))
    assert len({axes.get_ylim() for axes in panels}) == 1  # a row is as high in all
    assert "diverged" in panels[kans.index(DIVERGED)].get_title(loc="left")


def test_layers_without_knots_are_left_out_of_the_heat_map(variants, frames):
    ordinary = pd.DataFrame([["unet", 0, 0, "conv_out", 9, *[np.nan] * 4, 0.25]], columns=COVERAGE)
    assert said(coverage(list(variants.values()), ordinary, NAMES)).startswith("No KAN layer")


def test_losses_are_smoothed_and_the_named_ones_have_their_colours(variants, frames):
    shown = [variants[name] for name in ("unet", "unet_instance_norm_out", "kan_unet", "kan_bare_ends", DIVERGED)]
    figure = training(shown, frames["coverage"], NAMES, ["unet", "kan_unet"], IMAGES)
    axes = figure.axes[0]
    assert entries(figure) == ["U-Net", NAMES.title("kan_unet"), "the other networks of the table: 2"]
    drawn = [variants[name] for name in ("unet", "kan_unet", "unet_instance_norm_out", "kan_bare_ends")]
    for line, variant in zip(axes.lines, drawn, strict=True):
        loss = variant.runs[0].history()["loss"]
        assert np.allclose(line.get_ydata(), smoothed(loss, window_for(len(loss)))["mean"])
    assert [line.get_color() for line in axes.lines[:2]] == [NAMES.look("unet")[0], NAMES.look("kan_unet")[0]]
    assert "degree 3 diverged" in axes.get_title(loc="left") and "training seed 0" in axes.get_title(loc="left")
    assert "3,072 values" in axes.get_ylabel()


def test_a_prelu_behind_a_norm_has_the_floor_of_its_slope(variants, frames):
    """A slope a leaves (1 - a)^2 / 2 of a noise of unit variance; what that is beside the curves is not drawn."""
    behind = replace(variants["kan_unet"], rows=variants["kan_unet"].rows.assign(prelu_loss=1.0))
    loss = float(behind.runs[0].history()["loss"].median())
    start = 1 - np.sqrt(2 * loss / 3072)
    slopes = frames["coverage"]["step"].map({0: -9.0, 100: start, 299: start})
    figure = training([behind], frames["coverage"].assign(slope=slopes), NAMES, ["kan_unet"], IMAGES)
    (floor,) = [line for line in figure.axes[0].lines if line.get_marker() == "_"]
    assert floor.get_xdata().tolist() == [100, 299]
    assert floor.get_ydata() == pytest.approx(loss)
    assert "least that a PReLU" in entries(figure)[-1]


def test_slopes_of_prelus_are_those_of_the_last_layer_and_what_follows_from_them(variants, frames):
    kan = variants["kan_unet"]
    behind = replace(kan, rows=kan.rows.assign(prelu_loss=1.0))
    looks = frames["coverage"].assign(slope=0.25 + frames["coverage"]["step"] / 1000)
    slope, floor, shift = prelu_slopes([behind, variants["unet"]], looks, NAMES, IMAGES).axes
    expected = np.array([0.25, 0.35, 0.549])
    assert slope.lines[0].get_ydata() == pytest.approx(expected)
    assert floor.lines[0].get_ydata() == pytest.approx((1 - expected) ** 2 / 2 * 3072)
    assert shift.lines[0].get_ydata() == pytest.approx(-(1 - expected) / np.sqrt(2 * np.pi) * SLOPE)
    assert slope.lines[0].get_xdata().tolist() == [0, 100, 299] and len(slope.lines) == len(kan.runs)
    alone = prelu_slopes([kan], looks, NAMES, IMAGES)  # no norm before it: no floor
    assert [len(axes.lines) for axes in alone.axes] == [len(kan.runs), 0, 0]


def test_without_prelus_a_sentence_says_so(variants, frames):
    assert said(prelu_slopes([variants["unet"]], frames["coverage"], NAMES, IMAGES)).startswith(
        "No network has a PReLU"
    )


def test_losses_are_of_the_seed_that_most_networks_have(variants, frames):
    kan = variants["kan_unet"]
    turned = replace(kan, runs=kan.runs[::-1])
    one = replace(variants["unet"], runs=variants["unet"].runs[:1])
    axes = training([turned, one], frames["coverage"], NAMES, ["unet", "kan_unet"], IMAGES).axes[0]
    loss = next(run for run in kan.runs if run.seed == 0).history()["loss"]
    assert np.allclose(axes.lines[0].get_ydata(), smoothed(loss, window_for(len(loss)))["mean"])
    assert "training seed 0" in axes.get_title(loc="left") and "(" not in axes.get_title(loc="left")


def marks(axes):
    """The places of markers, and their faces."""
    drawn = [line for line in axes.lines if line.get_marker() not in ("None", "_")]  # no caps of bars
    return {point: line.get_markerfacecolor() for line in drawn for point in zip(*line.get_data(), strict=True)}


def quality(frames, named, published=True, **changed):
    frames = frames | changed
    return cost_and_quality(frames["runs"], frames["scores"], frames["speed"], NAMES, named, published)


def test_trainings_of_the_usual_steps_stand_in_rows_and_means_against_costs(frames):
    usual = ["unet", "kan_unet", "unet_instance_norm_out"]
    figure = quality(frames, usual)
    above, *below = figure.axes
    runs = frames["runs"].query("status == 'finished'")
    rows = [label.get_text().split(" (")[0] for label in above.get_yticklabels()]
    assert sorted(rows) == sorted(map(NAMES.title, usual))
    for name in usual:
        row = [x for x, y in marks(above) if y == -rows.index(NAMES.title(name))]
        assert sorted(row) == sorted(runs.loc[runs["variant"] == name, "fid_768"])
    step = frames["speed"].set_index("variant")["step_ms"]
    costs = {"parameters": runs["parameters"], "GFLOP": runs["gflop_per_step"] * runs["steps"]}
    costs["minutes"] = runs["variant"].map(NAMES.base).map(step) * runs["steps"] / 60_000
    for axes, (unit, values) in zip(below, costs.items(), strict=True):
        means = runs.assign(cost=values).groupby("variant")[["cost", "fid_768"]].mean()
        expected = means.loc[[*usual, "kan_unet_short"]].dropna().to_numpy().tolist()
        assert np.allclose(sorted(marks(axes)), sorted(expected), rtol=1e-12)  # sums in another order
        assert axes.get_xlabel().startswith(unit)
    assert [line.get_xdata()[0] for line in above.lines if line.get_linestyle() == "--"] == [0.5]
    assert below[0].get_ylabel() == above.get_xlabel() == "FID-768"
    legend = [text.get_text() for text in figure.subfigs[1].legends[0].get_texts()]
    assert {"hollow: 100 steps", "the same network", "diverged: KAN U-Net, degree 3"} <= set(legend)


def test_networks_that_are_not_named_are_grey_and_in_the_last_rows(frames):
    above, size, *_ = quality(frames, ["unet"]).axes
    rows = [label.get_text().split(" (")[0] for label in above.get_yticklabels()]
    assert rows[0] == "U-Net" and NAMES.title("kan_unet") in rows[1:]
    hues = {y: hue for (_, y), hue in marks(above).items()}
    assert hues[0] == NAMES.look("unet")[0] and {hues[-place] for place in range(1, len(rows))} == {"#BBBBBB"}
    assert len(marks(size)) == 1


def test_other_trainings_of_a_network_are_hollow_and_joined(frames):
    long = frames["runs"].query("variant == 'unet'").assign(variant="unet_long", steps=10 * STEPS)
    above, _, operations, *_ = quality(frames, CHOSEN, runs=pd.concat([frames["runs"], long])).axes
    assert list(marks(above).values()).count("white") == 0
    assert list(marks(operations).values()).count("white") == 2  # the longer U-Net and the shorter KAN
    joined = [sorted(np.array(line.get_xdata()) / 746.25) for line in operations.lines if len(line.get_xdata()) == 2]
    assert [STEPS, 10 * STEPS] in [pytest.approx(ends) for ends in joined]
    for axes in (above, operations):
        low, high = axes.get_xlim()
        assert all(low < x < high for x, _ in marks(axes))


def test_times_that_nobody_took_have_no_panel(frames):
    assert len(quality(frames, CHOSEN, speed=frames["speed"].iloc[:0]).axes) == 3


def test_published_distances_stand_beside_their_like_alone(frames):
    measured = frames["runs"].assign(fid_2048=frames["runs"]["fid_768"] * 40)
    places = {found.fid for found in PUBLISHED.values()}

    def drawn(runs, published):
        axes = quality(frames, CHOSEN, published, runs=runs).axes[0]
        return {x for x, _ in marks(axes)}

    assert places <= drawn(measured, True)
    assert not places & drawn(measured, False) and not places & drawn(frames["runs"], True)


def test_without_distances_a_sentence_says_so(frames):
    nothing = frames["runs"].drop(columns=["fid_192", "fid_768", "efficientnet_fid"])
    assert said(quality(frames, CHOSEN, runs=nothing)) == "No Fréchet distance was measured"
    assert said(samplers(nothing, frames["scores"], NAMES, ["unet"])) == "No Fréchet distance was measured"


def test_samplers_are_compared_by_equally_many_images(frames):
    more = frames["scores"].query("sampler == 'uniform_10'").assign(sampler="uniform_40", count=40)
    frames = frames | {"scores": pd.concat([frames["scores"], more])}
    figure = samplers(frames["runs"], frames["scores"], NAMES, SPEC.figures.variants)
    axes = figure.axes[0]
    assert axes.get_ylabel() == "FID-768 of 30 images"  # three of the four samplers have drawn so many
    rows = frames["scores"].query("layer == '768' and n == 30 and variant in ['unet', 'kan_unet']")
    means = rows.groupby(["variant", "sampler", "count"])["value"].mean()
    drawn = [point for line in axes.lines for point in zip(line.get_xdata(), line.get_ydata(), strict=True)]
    assert np.allclose(sorted(drawn), sorted((count, value) for (_, _, count), value in means.items()), rtol=1e-12)
    assert entries(figure)[-3:] == ["quadratic times", "uniform times", "ancestral"]
