"""The tables of the denoising diffusion: what was measured stands there, and what was not is said to be missing."""

import numpy as np
import pandas as pd
import pytest
from small_cifar10_ddim import DIVERGED, VARIANT_ROWS, VARIANTS, make_frames, make_runs, speed

from kanpipe.experiments import outputs, stage
from kanpipe.experiments.cifar10_ddim.speed_table import speed_table
from kanpipe.experiments.cifar10_ddim.words import Names, scale_words
from kanpipe.experiments.protocol import FLOOR

NAMES = Names(VARIANT_ROWS)


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return make_frames(make_runs(tmp_path_factory.mktemp("runs")))


@pytest.fixture(scope="module")
def made(frames):
    return stage("cifar10_ddim", "tables")(frames)


def line(table, variant):
    found = table.text[table.text["model"] == NAMES.title(variant)]
    assert len(found) == 1
    return found.iloc[0]


def own(frames, variant, column):
    return frames["runs"].query("variant == @variant")[column]


def test_every_table_can_be_written(made, tmp_path):
    assert tuple(made) == outputs("cifar10_ddim").tables
    for name, table in made.items():
        table.write(tmp_path / f"mine_{name}")
        assert "nan" not in (tmp_path / f"mine_{name}.md").read_text().lower().split()


def test_scores_are_means_over_the_seeds(made, frames):
    found = line(made[""], "unet")
    fid = own(frames, "unet", "fid_768")
    assert found["FID-768"] == f"{fid.mean():.4f} ± {fid.std(ddof=1):.4f}"
    assert found["FID-2048"] == "not run"
    # the deviation of an inception score is that of its splits
    assert found["IS"] == f"{own(frames, 'unet', 'isc').mean():.4f} ± {own(frames, 'unet', 'isc_sd').mean():.4f}"
    assert (found["minutes"], found["GFLOP/step"], found["images"], found["n"]) == ("2.5 ± 0.7", "746", "100", "2")
    assert (found["batch"], found["channels"], found["steps"]) == ("32", "128", "300")


def test_published_scores_stand_beside_the_published_networks_alone(made, frames):
    table = made[""]
    assert tuple(line(table, "unet")[["published IS", "published FID"]]) == ("5.7340 ± 0.1215", "34.7710")
    assert tuple(line(table, "kan_unet")[["published IS", "published FID"]]) == ("1.2647 ± 0.0057", "498.4735")
    assert line(table, "unet_instance_norm_out")["published FID"] == ""
    other = frames | {"runs": frames["runs"].assign(dataset="photographs")}
    for table in stage("cifar10_ddim", "tables")(other).values():
        assert not any("published" in column for column in table.text)
        assert "Published:" not in table.note and "CIFAR" not in table.note


def test_a_diverged_network_says_so_and_does_not_count_for_the_scale(made):
    found = line(made[""], DIVERGED)
    assert (found["IS"], found["FID-768"], found["n"]) == ("diverged", "diverged", "0 (2 diverged)")
    assert "100 to 300 steps (published: 78,000)" in made[""].note


def test_real_images_stand_in_the_columns_of_their_scores(made):
    found = made[""].text.iloc[-1]
    assert found["model"] == "(real images)"
    assert (found["FID-768"], found["IS"], found["FID-2048"]) == ("0.5000", "0.5000 ± 0.2500", "not run")


def test_the_note_says_over_what_the_kid_of_real_images_spreads(made, frames):
    words = "± of KID is over random subsets"
    assert words not in made[""].note
    floors = frames["scores"]["variant"] == FLOOR
    kid = frames["scores"][floors & frames["scores"]["sd"].notna()].assign(metric="kid", layer="768")
    with_kid = frames | {"scores": pd.concat([frames["scores"], kid])}
    assert words in stage("cifar10_ddim", "tables")(with_kid)[""].note


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 78_000}, []),
        ({"steps": 1000}, ["1,000 steps (published: 78,000)"]),
        ({"steps": 78_000, "channels": 32}, ["32 channels (published: 128)"]),
    ],
)
def test_a_partial_scale_is_told(frames, changes, words):
    found = scale_words(frames["runs"].assign(**changes))
    assert len(found) == len(words)
    assert all(expected in sentence for expected, sentence in zip(words, found, strict=True))


def test_samplers_have_a_row_each(made, frames):
    text = made["samplers"].text
    assert len(text) == 4 * (len(VARIANTS) - 1)  # one has diverged
    found = text[(text["model"] == "U-Net") & (text["times"] == "uniform")].iloc[0]
    rows = frames["scores"].query("variant == 'unet' and sampler == 'uniform_10' and layer == '192'")
    assert found["FID-192"] == f"{rows['value'].mean():.3f} ± {rows['value'].std(ddof=1):.3f}"
    assert tuple(found[["S", "eta", "images", "FID-64"]]) == ("10", "0.5", "30", "not run")
    assert tuple(text[text["times"] == "ancestral"].iloc[0][["S", "eta"]]) == ("1,000", "")


def test_the_collapse_is_shown_for_all_and_knots_for_those_that_have_them(made, frames):
    table = made["collapse"]
    knots, slope = "inputs outside the grid", "slope of channel means on those of x_T"
    assert [line(table, name)[knots] for name in ("unet", "kan_unet", DIVERGED)] == ["", "0.400 ± 0.000", "diverged"]
    values = own(frames, "kan_unet", "mean_slope")
    assert line(table, "kan_unet")[slope] == f"{values.mean():.2f} ± {values.std(ddof=1):.2f}"
    assert line(table, "unet")["predicted sd"] == "0.803"  # 25.7 / 32


def test_the_ablation_is_against_the_published_network(made, frames):
    table = made["ablation"]
    assert "U-Net, learning rate 0.001" not in set(table.text["model"])
    mean = {name: own(frames, name, "fid_768").mean() for name in VARIANTS}
    column = "difference to KAN U-Net"
    assert line(table, "unet")[column] == f"{mean['unet'] - mean['kan_unet']:+.4f}"
    # that of the network which has made as many steps
    assert line(table, "kan_bare_ends")[column] == f"{mean['kan_bare_ends'] - mean['kan_unet_short']:+.4f}"
    assert [line(table, name)[column] for name in ("kan_unet", "kan_unet_short", DIVERGED)] == ["", "", ""]
    assert line(table, DIVERGED)["what differs"] == "spline_order 3"


def test_of_two_published_networks_the_nearest_in_size_is_compared_with(frames):
    runs = frames["runs"].assign(steps=300, parameters=9000)
    runs.loc[runs["variant"].isin(["kan_unet_short", "kan_bare_ends"]), "parameters"] = 1000
    table = stage("cifar10_ddim", "tables")(frames | {"runs": runs})["ablation"]
    mean = {name: own(frames, name, "fid_768").mean() for name in VARIANTS}
    column = "difference to KAN U-Net"
    assert line(table, "kan_bare_ends")[column] == f"{mean['kan_bare_ends'] - mean['kan_unet_short']:+.4f}"
    assert line(table, "unet")[column] == f"{mean['unet'] - mean['kan_unet']:+.4f}"


def test_published_times_count_on_their_device_alone():
    here, there = (speed_table(speed(*on), NAMES, published=True).text for on in ((), ("NVIDIA GeForce RTX 4090",)))
    assert here["published s"].tolist() == ["41 (not comparable)", "513 (not comparable)"]
    assert here["published ratio"].tolist() == ["1.0 (not comparable)", "12.5 (not comparable)"]
    assert there["published s"].tolist() == ["41", "513"]
    assert there["published ratio"].tolist() == ["1.0", "12.5"]
    assert here["ratio"].tolist() == ["1.00 [1.00, 1.00]", "5.00 [4.90, 5.10]"]
    assert set(here["peak MiB, device"]) == {"no GPU"}
    narrow = speed_table(speed("NVIDIA GeForce RTX 4090").assign(parameters=1000), NAMES, published=True).text
    assert narrow["published s"].tolist() == ["41 (not comparable)", "513 (not comparable)"]


def test_a_published_ratio_is_to_the_ordinary_network():
    swapped = speed().iloc[::-1]
    assert set(speed_table(swapped, NAMES, published=True).text["published ratio"]) == {""}


def test_tables_of_nothing(tmp_path, frames):
    lost = frames["runs"][frames["runs"]["variant"] == DIVERGED]
    nothing = {"runs": lost, "scores": frames["scores"].iloc[:0], "speed": speed().iloc[:0]}
    nothing |= {"variants": VARIANT_ROWS}
    for name, table in stage("cifar10_ddim", "tables")(nothing).items():
        table.write(tmp_path / f"mine_{name}")
    found = pd.read_csv(tmp_path / "mine_.csv")
    assert found["n"].tolist() == [0]
    assert np.isnan(found["isc_mean"]).all()


def test_speed_says_what_its_rates_are_to_be_read_against_where_it_was_measured():
    words = "One large product of matrices reaches 0.05 TFLOP/s in the same job."
    assert words in speed_table(speed().assign(device_tflops=0.05), NAMES, published=True).note
    assert "product of matrices" not in speed_table(speed(), NAMES, published=True).note
