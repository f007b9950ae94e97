"""Classifiers of digits: what is measured of them, compared and shown."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from small_mnist_classifiers import (
    EVALUATION,
    KIND,
    PROBLEM,
    SEEDS,
    TRAINING,
    VARIANTS,
    experiment,
    train,
    write_images,
)

from kanpipe.claims.file import load_claims
from kanpipe.claims.judge import judge
from kanpipe.config.kinds import trained
from kanpipe.evaluation.classifier_comparison import resolvable_difference
from kanpipe.experiments import stage
from kanpipe.experiments.mnist_classifiers import problem, speed, tables
from kanpipe.experiments.mnist_classifiers.comparison import comparisons, judgements
from kanpipe.experiments.mnist_classifiers.figures import style
from kanpipe.experiments.mnist_classifiers.figures.cost import cost
from kanpipe.experiments.mnist_classifiers.figures.curves import curves
from kanpipe.experiments.mnist_classifiers.figures.errors import confusion, misread
from kanpipe.experiments.mnist_classifiers.outputs import OUTPUTS
from kanpipe.experiments.mnist_classifiers.pictures import packed, unpacked
from kanpipe.experiments.mnist_classifiers.printed_layers import printed_layers
from kanpipe.experiments.mnist_classifiers.rates import chosen, networks
from kanpipe.experiments.mnist_classifiers.words import title
from kanpipe.experiments.protocol import Inputs
from kanpipe.files import read_table, write_table
from kanpipe.machine import Machine
from kanpipe.models import parameter_count

CLAIMS = Path(__file__).parents[2] / "workflow/claims/mnist_classifiers.yaml"
KEPT = Path(__file__).parents[2] / "results/reference/mnist_classifiers"
TIMING = {"variants": ["lean_linear", "raw_fasterkan"], "rounds": 2, "block_seconds": 0.0001, "batch_size": 2}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("data") / "images.npz")


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("runs")
    return [train(folder / f"{name}{seed}", data, name, seed) for name, seeds in SEEDS.items() for seed in seeds]


@pytest.fixture(scope="module")
def frames(runs, data, tmp_path_factory):
    """What evaluation and timing leave, as it is read from its files."""
    machine, folder = Machine.prepare("cpu", 1), tmp_path_factory.mktemp("frames")
    made = stage(KIND, "evaluate")(runs, experiment(evaluation=EVALUATION), Inputs(data=data), machine)
    made["speed"] = stage(KIND, "speed")([], experiment(variants=VARIANTS, timing=TIMING), Inputs(), machine)
    for name, frame in made.items():
        write_table(folder / f"{name}.csv", frame)
    return {name: read_table(folder / f"{name}.csv") for name in made}


def test_accuracy_is_the_share_of_test_images_that_the_kept_weights_read(runs, frames, data, machine):
    images = problem.images(data)
    for run, (_, row) in zip(runs, frames["runs"].iterrows(), strict=True):
        model = problem.build(run.spec.variant)
        model.load_state_dict(run.tensors("weights.safetensors"))
        x = (torch.from_numpy(images.test_images).unsqueeze(1) / 255 - 0.2) / 0.3
        with torch.no_grad():
            right = model.eval()(x).argmax(dim=1).numpy() == images.test_labels
        assert row["accuracy"] == pytest.approx(100 * right.mean()) and row["errors"] == (~right).sum()
        assert row["low"] < row["accuracy"] < row["high"]


def test_epochs_are_those_of_the_run(runs, frames):
    first = frames["epochs"][frames["epochs"]["variant"] == "raw_mlp"].query("seed == 0")
    assert first["epoch"].tolist() == [1, 2, 3, 4]
    history = runs[0].history()
    assert first["loss"].iloc[0] == pytest.approx(history["loss"].head(2).mean(), rel=1e-5)
    row = frames["runs"].iloc[0]
    assert row["epochs"] == 4 and row["best_epoch"] == first["epoch"].iloc[first["validation_loss"].argmin()]
    assert row["validation_loss"] == pytest.approx(first["validation_loss"].min())


def test_confusion_and_misread_images_count_the_errors(frames, data):
    best, counts = frames["best"], frames["confusion"]
    wrong = counts[counts["label"] != counts["read_as"]].groupby("variant")["images"].sum()
    assert wrong.to_dict() == best.groupby("variant")["errors"].sum().to_dict()
    test = problem.images(data)
    worst = frames["misread"].iloc[0]
    assert np.array_equal(unpacked(worst["pixels"]), test.test_images[worst["image"]])
    assert worst["label"] == test.test_labels[worst["image"]] != worst["read_as"]
    assert frames["misread"]["runs_misreading"].is_monotonic_decreasing
    assert set(worst["networks"].split()) == set(best["variant"]) and worst["runs"] == len(best)


def test_pictures_come_back_as_they_were():
    image = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    assert np.array_equal(unpacked(packed(image)), image)


def test_pairs_are_compared_seed_by_seed_and_over_seeds():
    right = np.ones(10, bool)
    one, two, three = (np.where(np.arange(10) < count, False, right) for count in (1, 2, 3))
    side = {"a": {0: one, 1: two, 5: one}, "b": {0: three, 1: two}}
    rows = list(comparisons(side, [["a", "b"], ["a", "c"]]))
    assert [(row["seed"], row["only_net"], row["only_less"]) for row in rows] == [(0, 2, 0), (1, 0, 0)]
    assert [row["difference"] for row in rows] == pytest.approx([20, 0])
    assert rows[0]["p_value"] == 0.5 and rows[0]["variant"] == "a_less_b"


def test_recipes_are_compared_by_the_accuracies_of_their_runs():
    accuracies = {"a": [90.0, 80.0, 90.0], "b": [70.0, 80.0]}
    (judged,) = judgements(accuracies, [["a", "b"], ["a", "c"]], margin=50)
    assert judged["difference"] == pytest.approx(260 / 3 - 75) and judged["similar"]
    assert (judged["n"], judged["n_less"]) == (3, 2)
    (strict,) = judgements(accuracies, [["a", "b"]], margin=1)
    assert not strict["similar"]
    spread = np.sqrt((np.var(accuracies["a"], ddof=1) + np.var(accuracies["b"], ddof=1)) / 2)
    assert strict["resolvable"] == pytest.approx(100 * resolvable_difference(spread / 100, 2))


def test_variants_that_differ_in_their_rate_alone_are_one_network():
    variants = experiment(variants=VARIANTS | {"slow_first": VARIANTS["raw_fasterkan"] | {"grid_range": [-1.0, 1.0]}})
    found = networks(variants.variants)
    assert found["raw_mlp_fast"] == "raw_mlp" and found["raw_fasterkan"] != found["slow_first"]
    del variants.variants["raw_mlp"]
    assert networks(variants.variants)["raw_mlp_fast"] == "raw_mlp_fast"


@pytest.mark.parametrize(
    ("losses", "taken"),
    [
        ({("slow", 0): 1.0, ("slow", 1): 3.0, ("fast", 0): 1.5, ("fast", 1): 1.5}, "fast"),
        ({("slow", 0): 1.0, ("slow", 1): 1.0, ("fast", 0): 1.5, ("fast", 1): 0.9}, "slow"),
        ({("slow", 0): 1.0, ("slow", 1): 9.0, ("fast", 0): 1.5}, "slow"),  # one seed is shared
        ({("slow", 0): 1.0, ("fast", 0): np.nan}, "slow"),  # diverged
        ({("slow", 0): np.nan, ("fast", 0): np.nan}, "slow"),
        ({("slow", 0): 1.0, ("fast", 1): 0.5}, "slow"),
    ],
)
def test_rate_is_the_best_over_the_seeds_that_all_rates_have(losses, taken):
    rows = [{"net": "slow", "variant": v, "seed": s, "validation_loss": x} for (v, s), x in losses.items()]
    runs = pd.DataFrame(rows)
    assert set(runs["variant"][chosen(runs, "loss")]) == {taken}


def test_best_rows_are_of_one_rate_and_have_the_name_of_the_network(frames):
    best = frames["best"]
    assert set(best["variant"]) == {"raw_mlp", "raw_fasterkan", "lean_linear"}
    assert (best.groupby("variant")["trained_as"].nunique() == 1).all()


def test_runs_that_were_scored_apart_are_judged_together(frames):
    """Of each network the best rate of all that were tried, though the parts knew only some of them."""
    spec = experiment(variants=VARIANTS, training=TRAINING, evaluation=EVALUATION)
    rows = frames["runs"].set_index("variant").loc[["raw_mlp_fast", "lean_linear", "raw_fasterkan", "raw_mlp"]]
    found = stage(KIND, "derived")(frames | {"runs": rows.reset_index()}, spec)
    for name in ("rates", "best"):
        together, apart = (
            frame.sort_values(["variant", "seed"]).reset_index(drop=True) for frame in (frames[name], found[name])
        )
        pd.testing.assert_frame_equal(together, apart, check_dtype=False, check_like=True)
    for name in ("equivalence", "comparisons", "confusion"):
        pd.testing.assert_frame_equal(frames[name], found[name], check_dtype=False)


def test_what_was_said_of_images_goes_where_another_rate_is_taken(frames):
    """Of a network that was scored again, at a rate that is better, and of its pairs."""
    spec = experiment(variants=VARIANTS, training=TRAINING, evaluation=EVALUATION)
    other = {"raw_mlp": "raw_mlp_fast", "raw_mlp_fast": "raw_mlp"}[frames["comparisons"]["less_trained_as"].iloc[0]]
    better = frames["runs"]["validation_loss"].where(frames["runs"]["variant"] != other, 0.0)
    found = stage(KIND, "derived")(frames | {"runs": frames["runs"].assign(validation_loss=better)}, spec)
    assert len(frames["comparisons"]) and not len(found["comparisons"])
    assert set(found["confusion"]["variant"]) == {"raw_fasterkan", "lean_linear"}


def test_claims_on_the_printed_layers_are_decided_by_them():
    frame = printed_layers()
    assert frame["row_differs"].notna().sum() == 59 + 65
    claims = [claim for claim in load_claims([CLAIMS]) if claim.frame == "layers"]
    assert len(claims) == 4
    nothing = pd.DataFrame({"experiment": [], "variant": [], "parameters": []})
    assert set(judge(claims, {(KIND, "layers"): frame}, nothing).numbers["verdict"]) == {"agrees"}
    frame.loc[frame["layer"] == "ReLU-2", "row_differs"] = 1.0
    assert set(judge(claims[:2], {(KIND, "layers"): frame}, nothing).numbers["verdict"]) == {"differs"}


def test_times_are_of_networks_first_and_of_their_parts(frames):
    speed = frames["speed"]
    assert speed["part"].tolist() == ["network", "network", "network, published layers", "extractor", "head"]
    assert speed["step_ratio"].iloc[0] == speed["to_linear_ratio"].iloc[0] == 1
    whole, extractor, head = (
        speed.query("variant == 'lean_linear' and part == @p").iloc[0] for p in ("network", "extractor", "head")
    )
    for column in ("parameters", "multiplications"):
        assert whole[column] == extractor[column] + head[column]
    phases = speed[["forward_ms", "backward_ms", "update_ms"]]
    assert (phases > 0).all(axis=None) and (speed["step_ms"] <= 2 * phases.sum(axis=1)).all()
    published = speed.query("part == 'network, published layers'").iloc[0]
    assert published["parameters"] == speed["parameters"].iloc[1]


def test_network_of_the_source_that_has_not_run_has_a_row_beside_the_other():
    best = read_table(KEPT / "best.csv")
    source = best[best["variant"].isin(["lean_fasterkan", "lean_linear"])]
    rows = tables._scores(source).text.set_index("network")
    assert rows.index.tolist() == ["lean_fasterkan", "lean_linear", "wide_linear"]
    assert rows.loc["wide_linear", ["parameters", "accuracy %", "n"]].tolist() == ["3,272,843", "not run", "0"]
    assert rows.loc["wide_linear", "published"].startswith("~99.5 %, 17 epochs")
    assert tables._scores(source[source["variant"] == "lean_linear"]).text["network"].tolist() == ["lean_linear"]


def test_what_was_printed_stands_beside_the_network_that_it_is_of_alone():
    best = read_table(KEPT / "best.csv").query("variant == 'lean_fasterkan'")
    for changes in ({"variant": "lean_fasterkan_true", "published_gradient": False}, {"widths": "256-64-10"}):
        rows = tables._scores(best.assign(**changes)).text
        assert rows["published"].tolist() == [""], changes
    assert tables._scores(best).text["published"].iloc[0].startswith("~99.5 %")


def test_products_of_fewer_bits_are_said_in_tables_and_figures():
    best = read_table(KEPT / "best.csv").query("variant == 'lean_linear'").assign(precision="bfloat16")
    assert tables._scores(best).text["head"].tolist() == ["linear 256-10, bfloat16"]
    assert style.name(best.iloc[0]) == "lean extractor, linear, bfloat16"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wide_linear", "MLP network"),
        ("lean_fasterkan", "FasterKAN network"),
        ("raw_mlp_wide", "pixels, MLP wide"),
        ("fastkan_in_time", "FastKAN in time"),
    ],
)
def test_networks_have_words(name, words):
    assert title(name) == words


def test_tables_and_figures_are_those_that_the_outputs_name(frames, runs, tmp_path):
    made = stage(KIND, "tables")(frames)
    assert tuple(made) == OUTPUTS.tables
    assert set(frames) == {*OUTPUTS.frames, OUTPUTS.timed}
    for table in made.values():
        assert "nan" not in table.text.to_string() and len(table.text)
    assert (made["layers"].text["same"] == "yes").all()
    shown = experiment(figures={"variants": ["lean_linear", "raw_mlp"]})
    stage(KIND, "figures")(runs, frames, shown, tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(OUTPUTS.figures({}))


def test_cost_is_size_and_the_times_that_were_taken_in_turns(frames):
    left, middle, right = cost(frames["best"], frames["speed"]).axes
    means = 100 - frames["best"].groupby("variant")["accuracy"].mean()
    heights = [bars[0].get_ydata()[0] for bars in left.containers]
    assert sorted(heights) == pytest.approx(sorted(means))
    seconds = frames["best"].groupby("variant")["seconds_per_epoch"].mean()
    assert sorted(bars[0].get_xdata()[0] for bars in middle.containers) == pytest.approx(sorted(seconds))
    timed = frames["speed"][frames["speed"]["part"].str.startswith("network")]
    assert [bars[0].get_xdata()[0] for bars in right.containers] == timed.query("extractor == 'lean'")[
        "step_ratio"
    ].tolist()
    assert [bars[0].get_marker() for bars in right.containers] == ["D"]  # linear
    pixels = cost(frames["best"], frames["speed"].query("variant == 'raw_fasterkan'")).axes[-1]
    assert [bars[0].get_xdata()[0] for bars in pixels.containers] == timed.query("extractor == 'none'")[
        "step_ratio"
    ].tolist()
    assert [bars[0].get_marker() for bars in pixels.containers] == ["v", "v"]  # FasterKAN, and as published
    assert f": misread {means['lean_linear']:.2f} %" in right.get_yticklabels()[0].get_text()
    (marks,) = ({bars[0].get_marker(): bars[0].get_color() for bars in left.containers},)
    assert len(marks) == len(left.containers)  # no two networks look the same


def test_confusion_and_curves_say_how_many_seeds_they_are_of(frames):
    figure = confusion(frames["confusion"], frames["best"], ["raw_mlp", "lean_linear"])
    assert figure.get_suptitle().startswith("Misread of 50 test images, mean of 1 to 2 seeds")


def test_colours_of_all_confusions_have_one_scale(frames):
    panels = confusion(frames["confusion"], frames["best"], ["raw_mlp", "lean_linear"]).axes
    scales = {axes.images[0].get_clim() for axes in panels}
    assert scales == {(0, max(np.max(axes.images[0].get_array()) for axes in panels))}


def test_curves_are_means_of_all_seeds_until_one_ends(frames):
    epochs, best = frames["epochs"], frames["best"]
    trained = best.loc[best["variant"] == "raw_mlp", "trained_as"].iloc[0]
    cut = epochs[(epochs["variant"] != trained) | (epochs["seed"] == 0) | (epochs["epoch"] < 3)]
    figure = curves(cut, best, ["raw_mlp", "lean_linear"])
    titles = [axes.get_title()[3:] for axes in figure.axes]
    assert titles == ["Networks with an extractor"] * 2 + ["Heads on pixels"] * 2
    (line,) = figure.axes[3].lines
    expected = cut[cut["variant"] == trained].groupby("epoch")["validation_loss"].mean()
    assert line.get_xdata().tolist() == [1, 2] and line.get_ydata() == pytest.approx(expected[:2].to_numpy())
    assert "of 2 seeds" in figure.subfigs[1].legends[0].get_title().get_text()


def test_misread_images_are_of_networks_that_are_named(frames):
    words = misread(frames["misread"], frames["best"]).axes[0].texts[0].get_text().replace("\n", " ")
    assert f"by the {len(frames['best'])} runs of: pixels, MLP; " in words and "lean extractor, linear: label" in words


def test_diverged_run_has_no_scores_and_leaves_the_others_theirs(runs, data, machine, tmp_path):
    broken = train(tmp_path / "broken", data, "raw_mlp", 7, learning_rate=1e38)
    assert broken.diverged
    found = stage(KIND, "evaluate")([*runs[:2], broken], experiment(evaluation=EVALUATION), Inputs(data=data), machine)
    assert found["runs"]["accuracy"].isna().tolist() == [False, False, True]
    assert set(found["confusion"]["runs"]) == {2}


def test_layers_of_the_authors_have_as_many_centres_and_the_same_norms():
    options = {"extractor": "none", "head": "fasterkan", "hidden": [4], "centres": 5, "layer_norm": False}
    variant = trained(KIND, {"problem": PROBLEM, "training": TRAINING, "variant": options}).variant
    ours, machine = problem.build(variant).head, Machine.prepare("cpu", 1)
    assert parameter_count(speed._published_head(variant, machine)) == parameter_count(ours)
