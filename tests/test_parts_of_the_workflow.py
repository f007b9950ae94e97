"""Parts of the workflow, each in a copy of the project: what is killed, diverges, is downloaded or added."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
import yaml
from whole_workflow import copy_of_project, overlay, planned, snakemake

pytestmark = pytest.mark.workflow


def test_diverged_variant_is_a_row_and_the_workflow_goes_on(tmp_path):
    folder = copy_of_project(tmp_path)
    alone = {"only": {"variants": ["mlp"]}, "seeds": [0]}
    diverging = overlay(folder, others=False, training={"learning_rate": 1e38}, **alone)
    answer = snakemake(folder, "swiss_roll", "--configfile", diverging)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    rows = pd.read_csv(folder / "results/tiny/swiss_roll/runs.csv")
    assert set(rows["status"]) == {"diverged"}
    assert "diverged" in (folder / "results/tiny/tables/swiss_roll.md").read_text()
    record = json.loads((folder / "results/tiny/swiss_roll/mlp/seed0/run.json").read_text())
    told = f"Diverged, so that scores are of the other seeds: swiss_roll/mlp/seed0 at step {record['diverged_at_step']}"
    assert told in answer.stdout


def test_killed_training_goes_on_where_it_was(tmp_path):
    folder = copy_of_project(tmp_path)
    longer = overlay(folder, others=False, seeds=[0], training={"epochs": 300})
    run = folder / "results/tiny/swiss_roll/small_kan/seed0"
    command = [str((run / "run.json").relative_to(folder)), "--configfile", longer, "--config", "checkpoint_seconds=0"]
    kill_training(folder, command, when=run / ".checkpoint/state.pt")
    assert not (run / "weights.safetensors").exists()
    assert (run / ".checkpoint/state.pt").exists(), "Snakemake must not remove the checkpoint of a failed job"
    answer = snakemake(folder, *command)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    record = json.loads((run / "run.json").read_text())
    assert (record["sittings"], record["steps"]) == (2, 600)
    assert not (run / ".checkpoint").exists()


def test_training_that_an_orphan_finished_is_not_trained_again(tmp_path):
    """Snakemake is killed, its job ends by itself, and then the documented commands: nothing is trained twice."""
    folder = copy_of_project(tmp_path)
    longer = overlay(folder, others=False, seeds=[0], training={"epochs": 300})
    run = folder / "results/tiny/swiss_roll/small_kan/seed0"
    command = [str((run / "run.json").relative_to(folder)), "--configfile", longer, "--config", "checkpoint_seconds=0"]
    orphans = kill_snakemake(folder, command, when=run / ".checkpoint/state.pt")
    psutil.wait_procs(orphans, timeout=300)
    made = {path.name: path.read_bytes() for path in (run / ".trained").iterdir()}
    assert "run.json" in made, "the orphan has ended its training"
    assert "unlock" in snakemake(folder, *command).stderr.lower()
    for arguments in (["--unlock"], [], ["--forcerun", "swiss_roll_train"]):
        answer = snakemake(folder, *command, *arguments)
        assert answer.returncode == 0, answer.stdout + answer.stderr
    for name in ("weights.safetensors", "snapshots.safetensors", "history.csv", "run.json"):
        assert (run / name).read_bytes() == made[name]  # the record too, which has the time of its training
    assert "was finished before" in (folder / "results/tiny/logs/swiss_roll/train_small_kan_seed0.log").read_text()


def kill_snakemake(folder: Path, command: list[str], when: Path) -> list[psutil.Process]:
    """Start the workflow and kill Snakemake alone once the file `when` is there; the jobs that it leaves."""
    process = start(folder, command, when)
    orphans = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    return orphans


def start(folder: Path, command: list[str], when: Path) -> subprocess.Popen:
    """Start the workflow, and wait until the file `when` is there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1", *command],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not when.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return process


def kill_training(folder: Path, command: list[str], when: Path) -> None:
    """Start the workflow and kill its training job with SIGKILL once the file `when` is there."""
    process = start(folder, command, when)
    for child in psutil.Process(process.pid).children(recursive=True):
        if "train.py" in " ".join(child.cmdline()):
            child.kill()
    assert process.wait(timeout=120) != 0


@pytest.mark.skipif("KANPIPE_MIRROR" not in os.environ, reason="needs a folder or URL with MNIST")
def test_downloads_come_from_the_mirror_and_outlive_a_rerun_without_it(tmp_path, monkeypatch):
    folder = copy_of_project(tmp_path)
    (folder / "weights.pth").touch()
    monkeypatch.setenv("KANPIPE_INCEPTION", "weights.pth")  # so that, with the overlay, only MNIST is asked for
    (folder / "overlay.yaml").write_text("experiments: {cifar10_ddim: null, fashion_vae: null}")
    only_mnist = ("--configfile", "overlay.yaml")
    answer = snakemake(folder, "download", *only_mnist)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert {path.name for path in (folder / "data").glob("*.npz")} == {"mnist.npz"}
    monkeypatch.setenv("KANPIPE_MIRROR", "/nowhere")
    again = snakemake(folder, "download", "--forcerun", "download_file", *only_mnist)
    assert again.returncode == 0, "a sound file must not be deleted and asked for again"


TOY_FILES = {
    "__init__": "",
    "config": """
from pydantic import Field

from kanpipe.config.models import Entry, Section


class Problem(Section):
    value: int = Field(description="a number")


class Experiment(Entry):
    "A number."

    problem: Problem = Field(description="the number")
""",
    "outputs": """
from kanpipe.experiments.protocol import Outputs

OUTPUTS = Outputs(frames=("runs",), tables=("",), figures=lambda variants: ["bar"])
""",
    "evaluate": """
import pandas as pd

from kanpipe.experiments.toy.config import Experiment


def evaluate(runs, spec: Experiment, inputs, machine):
    return {"runs": pd.DataFrame([{"experiment": "toy", "variant": "only", "value": spec.problem.value}])}
""",
    "tables": """
from kanpipe.reporting.tables import Table


def tables(frames):
    return {"": Table(frames["runs"], frames["runs"], "A number.")}
""",
    "figures": """
from matplotlib.figure import Figure

from kanpipe.experiments.toy.config import Experiment
from kanpipe.reporting.plots import save


def figures(runs, frames, spec: Experiment, out):
    save(Figure(), out / "bar")
""",
}


def test_kind_is_a_folder_and_an_entry_and_serves_several_entries(tmp_path):
    folder = copy_of_project(tmp_path)
    (folder / "kanpipe/experiments/toy").mkdir()
    for name, text in TOY_FILES.items():
        (folder / f"kanpipe/experiments/toy/{name}.py").write_text(text)
    others = dict.fromkeys(yaml.safe_load((folder / "config.yaml").read_text())["experiments"])
    toys = {"toy": {"problem": {"value": 2}}, "second": {"kind": "toy", "problem": {"value": 3}}}
    (folder / "toy.yaml").write_text(yaml.safe_dump({"experiments": others | toys}))
    answer = snakemake(folder, "--configfile", "toy.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert [pd.read_csv(folder / f"results/paper/{name}/runs.csv")["value"].item() for name in toys] == [2, 3]
    assert all((folder / f"results/paper/{name}/figures/bar.png").exists() for name in toys)
    stages = pd.read_csv(folder / "results/paper/tables/cost.csv").groupby("experiment")["stage"].apply(list)
    assert stages["toy"] == stages["second"] == ["evaluate", "publish", "all"]
    assert set(pd.read_csv(folder / "results/paper/tables/claims.csv")["verdict"]) == {"not run", "undecidable"}
    again = planned(folder, "--configfile", "toy.yaml", "--forcerun", "second_evaluate")
    assert again["second_evaluate"] == 1 and "toy_evaluate" not in again
