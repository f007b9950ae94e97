"""The table of all readings of a Fréchet distance, from distances that are known."""

import pandas as pd
import pytest

from kanpipe.experiments.kan_vae.forms import PAIRS
from kanpipe.experiments.kan_vae.published import FID
from kanpipe.experiments.kan_vae.readings import NARROW, readings_table
from kanpipe.experiments.kan_vae.tables import comparable
from kanpipe.experiments.protocol import FLOOR


def fidelity(feature, pair, distances, reference="train", seed=0):
    real, samples = PAIRS[pair]
    rows = [{"variant": name, "seed": seed, "fid": fid} for name, fid in distances.items()]
    head = {
        "feature": feature,
        "reference": reference,
        "reference_form": real,
        "sample_form": samples,
        "n": 20_000,
        "n_reference": 10_000,
    }
    return pd.DataFrame(rows).assign(**head)


def test_every_reading_has_a_row_and_says_how_far_it_gives_the_printed_order():
    turned = FID | {"vae_h400_z20": FID["kan_vae_h400_z20"], "kan_vae_h400_z20": FID["vae_h400_z20"]}
    frames = [
        fidelity("fid_64", "mixed", FID | {FLOOR: 0.5, "vae_h99_z5": 0.1}),
        fidelity("fid_64", "mixed", dict.fromkeys(FID, 9.0), reference="test"),
        fidelity("fid_64", "grey", turned),
        fidelity("fid_64", "grey", {name: fid + 2 for name, fid in turned.items()}, seed=1),
        fidelity("fid_64", "binary", {FLOOR: 0.2}),
        fidelity("judge_fid", "binary", {"kan_vae_h35_z15": 47.4}),
    ]
    table = readings_table(pd.concat(frames), published=True)
    numbers = table.numbers.set_index("reading")
    assert numbers.index.tolist() == ["fid_64_mixed", "fid_64_grey", "judge_fid_binary"]
    assert numbers.loc["fid_64_mixed", ["order", "order_of_narrow", FLOOR]].tolist() == [1, 1, 0.5]
    ranks = 1 - 6 * 2 / (9 * (81 - 1))  # Spearman's formula with one pair of neighbours in the other order
    assert numbers.loc["fid_64_grey", "order"] == pytest.approx(ranks)
    assert numbers.loc["fid_64_grey", "order_of_narrow"] == 1
    assert numbers.loc["fid_64_grey", "vae_h400_z20"] == pytest.approx(FID["kan_vae_h400_z20"] + 1)
    mixed, grey, judged = (row for _, row in table.text.iterrows())
    assert mixed["lowest"] == "VAE 784–99–5 (0.100, of 10)" and mixed["(test images)"] == "0.500"
    assert grey["(test images)"] == "not run" and judged["KAN-VAE**"] == "47" and judged["order of 9"] == "not run"
    assert table.text.columns.tolist()[-2:] == ["order of 9", "order of 7"]
    assert "of which there are 1 to 2" in table.note and len(NARROW) == 7
    assert "20,000 prior samples from 10,000 training images" in table.note
    assert numbers["star_less_vae"].iloc[:2].tolist() == pytest.approx([-0.03, 0.03])


def test_nothing_is_put_in_the_printed_order_where_not_all_its_models_are():
    few = fidelity("fid_192", "grey", {"vae_h400_z20": 1.0, "vae_h349_z15": 2.0})
    for published in (True, False):
        table = readings_table(few, published)
        assert table.text.columns.tolist() == [
            "features", "real images, samples", "VAE", "VAE 784–349–15", "(test images)", "lowest"
        ]  # fmt: skip
        assert "Spearman" not in table.note


def test_no_model_leaves_a_table_without_rows(tmp_path):
    table = readings_table(fidelity("fid_64", "mixed", {FLOOR: 0.5}).drop(columns="seed"), published=True)
    assert table.text.empty and table.note == "No model finished."
    table.write(tmp_path / "readings")
    assert "No model finished." in (tmp_path / "readings.md").read_text()


def test_published_numbers_stand_beside_networks_of_the_printed_size_alone():
    runs = pd.DataFrame({"variant": ["vae_h400_z20", "mine"], "parameters": [652_824, 10], "dataset": "mnist"})
    assert comparable(runs)
    assert not comparable(runs.assign(parameters=[1_234, 10])) and not comparable(runs.assign(dataset="digits"))
