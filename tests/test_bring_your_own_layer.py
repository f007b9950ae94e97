"""The example of docs/bring_your_own_layer.md goes through every experiment, at a scale of seconds."""

import hashlib
import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from snakemake.utils import update_config
from whole_workflow import copy_of_project, snakemake, trainings
from whole_workflow import planned as planned_jobs

from kanpipe.config import effective, load_yaml
from kanpipe.config.kinds import parsed, trained
from kanpipe.data.prepare import prepare
from kanpipe.experiments import stage
from kanpipe.experiments.plan import Plan
from kanpipe.experiments.protocol import Inputs
from kanpipe.runs import FinishedRun, Run

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/bring_your_own_layer.md").read_text()
PYTHON, CONFIGURED = (re.search(f"```{language}\n(.*?)```", PAGE, re.DOTALL)[1] for language in ("python", "yaml"))
ALONE = {"only": {"variants": ["sines"]}}
SMALLER = {  # than the page has it, beside the tiny preset
    "swiss_roll": ALONE | {"seeds": [0]},
    "kan_vae": {"only": {"variants": ["vae_h400_z20", "sines"]}, "timing": {"variants": ["sines"]}},
    "mnist_classifiers": ALONE | {"timing": {"variants": ["sines"]}, "evaluation": {"pairs": []}},
    "cifar10_ddim": ALONE | {"timing": {"variants": ["sines"]}},
    "function_fit": ALONE | {"variants": {"sines": {"samples": 60, "training": {"steps": 3, "restarts": 1}}}},
    "layer_speed": {"problem": {"contenders": {"fastkan": None}, "added": {"sines": {"modes": ["eager"]}}}},
}
for name in ("kan_vae", "mnist_classifiers", "cifar10_ddim"):
    SMALLER[name] |= {"figures": {"variants": ["sines"]}}


@pytest.fixture(scope="module")
def sines(tmp_path_factory):
    """The folder with the module of the page, which Python finds."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "sines.py").write_text(PYTHON)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("sines", None)


def planned(experiment, **changes):
    """The plan of an experiment of the page."""
    config = load_yaml(ROOT / "config.yaml")
    page = yaml.safe_load(CONFIGURED) | {"preset": "tiny"}
    for overlay in (load_yaml(ROOT / "workflow/presets/tiny.yaml"), page, {"experiments": SMALLER | changes}):
        update_config(config, overlay)
    config["experiments"] = {experiment: config["experiments"][experiment]}
    return Plan(experiment, effective(config)["experiments"][experiment])


def finished(plan, folder, data, machine):
    """The runs of the plan, trained and sampled from."""
    runs = []
    for variant, seed in plan.runs:
        spec = trained(plan.kind, plan.blocks("train") | {"variant": plan.variant(variant)})
        own = folder / variant / f"seed{seed}"
        own.mkdir(parents=True)
        run = Run(plan.name, plan.kind, variant, seed, spec, plan.training_code(variant), own, data)
        stage(plan.kind, "train")(run, machine)
        runs.append(FinishedRun.read(own))
        if plan.has("sample"):
            spec = parsed(plan.kind, plan.blocks("sample"))
            stage(plan.kind, "sample")(runs[-1], spec, Inputs(data), machine, own / "samples.npz")
    return runs


def published(plan, folder, machine):
    """The runs, and the tables of all stages, written and drawn as the workflow does."""
    data = folder / "data.npz" if plan.dataset else None
    if data:
        prepare(plan.dataset, folder, data)
    runs = finished(plan, folder, data, machine) if plan.has("train") else []
    frames = {}
    for name in ("evaluate", "speed"):
        if plan.has(name):
            found = stage(plan.kind, name)(runs, parsed(plan.kind, plan.blocks(name)), Inputs(data), machine)
            frames |= {plan.outputs.timed: found} if name == "speed" else found
    spec = parsed(plan.kind, plan.blocks("figures"))
    if plan.outputs.described:
        frames["variants"] = pd.DataFrame(plan.outputs.described(spec))
    stage(plan.kind, "figures")(runs, frames, spec, folder / "figures")
    assert {path.stem for path in (folder / "figures").glob("*.png")} == set(plan.figures)
    return runs, stage(plan.kind, "tables")(frames)


@pytest.mark.slow
@pytest.mark.parametrize("experiment", sorted(SMALLER))
def test_layer_of_the_page_has_its_row_in_every_experiment(experiment, sines, machine, tmp_path):
    plan = planned(experiment)
    runs, tables = published(plan, tmp_path, machine)
    assert "sines" in set(tables[""].numbers["variant"])
    assert tables[""].text.astype(str).apply(lambda row: row.str.contains("sine", case=False).any(), axis=1).any()
    for run in runs:
        assert not run.diverged
        brought = {"sines:SineFamily": "sines"} if run.variant == "sines" else {}
        assert {name: said["module"] for name, said in run.record.families.items()} == brought


@pytest.mark.workflow
def test_changed_source_retrains_the_layer_of_the_page_alone(tmp_path, monkeypatch):
    folder = copy_of_project(tmp_path)
    (folder / "sines.py").write_text(PYTHON)
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{ROOT}")
    page = yaml.safe_load(CONFIGURED) | {"preset": "tiny"}
    chosen = {"swiss_roll": page["experiments"]["swiss_roll"] | {"only": {"variants": ["mlp", "sines"]}, "seeds": [0]}}
    others = dict.fromkeys(name for name in load_yaml(ROOT / "config.yaml")["experiments"])
    (folder / "mine.yaml").write_text(yaml.safe_dump(page | {"experiments": others | chosen}))
    runs = [f"results/tiny/swiss_roll/{variant}/seed0/run.json" for variant in ("mlp", "sines")]
    command = (*runs, "--configfile", "mine.yaml")
    answer = snakemake(folder, *command)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    record = json.loads((folder / "results/tiny/swiss_roll/sines/seed0/run.json").read_text())
    digest = hashlib.sha256(PYTHON.encode()).hexdigest()
    assert record["families"] == {"sines:SineFamily": {"module": "sines", "package": "none", "sha256": digest}}
    assert trainings(planned_jobs(folder, *command)) == {}
    (folder / "sines.py").write_text(PYTHON.replace("torch.sin", "torch.cos"))
    assert trainings(planned_jobs(folder, *command)) == {"swiss_roll": 1}
