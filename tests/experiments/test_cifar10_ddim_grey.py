"""An entry of the same kind on grey digits, through all of its stages: nothing but its configuration is of its own."""

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from kanpipe.config import composed, load_yaml
from kanpipe.config.compose import plain
from kanpipe.config.kinds import parsed, trained
from kanpipe.data.prepare import prepare
from kanpipe.experiments import outputs, stage
from kanpipe.experiments.cifar10_ddim.scores import JUDGE
from kanpipe.experiments.plan import Plan
from kanpipe.experiments.protocol import Inputs
from kanpipe.machine import Machine
from kanpipe.reporting.tables import Table
from kanpipe.runs import FinishedRun, Run

CPU = Machine.prepare("cpu", threads=1)
PAPER = Path(__file__).parents[2] / "config.yaml"
CHANGES = {
    "kind": "cifar10_ddim",
    "seeds": [0],
    "only": {
        "variants": ["unet", "kan_unet"],
        "sampling.samplers": ["quad_20", "quad_10"],
        "evaluation.extractors": ["efficientnet_lite0"],
    },
    "problem": {"dataset": "digits", "network": {"channels": 4, "multipliers": [1, 2], "groups": 2}},
    "training": {"steps": 3, "batch_size": 4, "precision": "float32", "compile": False, "probe_steps": [0, 2]}
    | {"validation": {"images": 10, "every": 1}},
    "sampling": {
        "batch_size": 10,
        "strip": {"images": 2, "states": 3},
        "samplers": {"quad_20": {"count": 2, "images": 12}, "quad_10": {"count": 1, "images": 10}},
    },
    "evaluation": {"reference_images": 20, "judge_steps": 3},
    "timing": {"variants": ["unet", "kan_unet"], "rounds": 2, "block_seconds": 0.001},
    "figures": {"variants": ["unet", "kan_unet"]},
}


def laid_over(under, over):
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(under.get(key), dict)
        under[key] = laid_over(under[key], value) if both else value
    return under


@pytest.fixture(scope="module")
def plan():
    entry = laid_over(copy.deepcopy(load_yaml(PAPER)["experiments"]["cifar10_ddim"]), CHANGES)
    settings = plain(composed({"experiments": {"mnist_ddim": entry}}))["experiments"]["mnist_ddim"]
    return Plan("mnist_ddim", settings)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    prepare("digits", folder, folder / "digits.npz")
    return Inputs(folder / "digits.npz", features=folder / "features")


def blocks(plan, name):
    return parsed(plan.kind, plan.blocks(name))


@pytest.fixture(scope="module")
def runs(plan, inputs, tmp_path_factory):
    folder, found = tmp_path_factory.mktemp("runs"), []
    for variant, seed in plan.runs:
        own = folder / variant / f"seed{seed}"
        spec = trained(plan.kind, plan.blocks("train") | {"variant": plan.variant(variant)})
        run = Run(plan.name, plan.kind, variant, seed, spec, "code", own, inputs.data)
        stage(plan.kind, "train")(run, CPU)
        found.append(FinishedRun.read(own))
        stage(plan.kind, "sample")(found[-1], blocks(plan, "sample"), inputs, CPU, own / "samples.npz")
    return found


@pytest.fixture(scope="module")
def frames(plan, runs, inputs):
    found = stage(plan.kind, "evaluate")(runs, blocks(plan, "evaluate"), inputs, CPU)
    found["speed"] = stage(plan.kind, "speed")(runs, blocks(plan, "speed"), inputs, CPU)
    return found | {"variants": pd.DataFrame(outputs(plan.kind).described(blocks(plan, "figures")))}


def test_networks_are_of_one_channel(plan):
    for net in stage(plan.kind, "models")(blocks(plan, "models")).values():
        assert net(torch.zeros(2, 1, 32, 32, device="meta"), torch.zeros(2, device="meta")).shape == (2, 1, 32, 32)


def test_samples_have_one_channel(runs):
    for run in runs:
        samples = run.samples()
        assert samples["quad_20"].shape == (12, 32, 32, 1) and samples["quad_20"].dtype == np.uint8
        assert samples["quad_20/end_means"].shape == samples["quad_20/start_means"].shape == (12, 1)
        assert samples["strip"].shape == (2, 3, 32, 32, 1)


def test_scores_are_those_of_the_digits(frames):
    rows = frames["runs"]
    assert set(rows["experiment"]) == {"mnist_ddim"} and set(rows["dataset"]) == {"digits"}
    assert np.isfinite(
        rows[
            ["efficientnet_fid", "efficientnet_isc", *JUDGE, "mean_slope", "gflop_per_step", "held_out_loss"]
        ].to_numpy()
    ).all()
    assert set(frames["means"]["channel"]) == {0} and len(frames["means"]) == 2 * 12
    assert frames["speed"]["variant"].tolist() == ["unet", "kan_unet", "kan_unet, published layers"]


def test_tables_say_nothing_of_another_dataset(plan, frames, tmp_path):
    tables: dict[str, Table] = stage(plan.kind, "tables")(frames)
    assert tuple(tables) == plan.outputs.tables
    assert "scikit-learn's digits" in tables[""].note
    for name, table in tables.items():
        table.write(tmp_path / f"{name}_")
        page = (tmp_path / f"{name}_.html").read_text()
        assert not any(words in page for words in ("CIFAR", "photograph", "published IS", "34.77", "RTX 4090"))


def test_every_figure_is_drawn(plan, runs, frames, tmp_path):
    stage(plan.kind, "figures")(runs, frames, blocks(plan, "figures"), tmp_path)
    assert {path.stem for path in tmp_path.glob("*.png")} == set(plan.figures)
