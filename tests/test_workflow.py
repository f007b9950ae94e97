"""The workflow as a user runs it: whole chains on the tiny preset, in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pandas as pd
import psutil
import pytest
import yaml
from snakemake.utils import update_config

from kanpipe.config import effective, load_yaml
from kanpipe.experiments.plan import Plan
from kanpipe.reporting import reference

pytestmark = pytest.mark.workflow

ROOT = Path(__file__).parent.parent
PARTS = ("Snakefile", "config.yaml", "config", "envs", "kanpipe", "workflow", "profiles")
JOBS = re.compile(r"^(?!total)([a-z]\w*)\s+(\d+)$", re.MULTILINE)  # a line of the table that a dry run prints
PAPER = load_yaml(ROOT / "config.yaml")
PRESETS = sorted(path.stem for path in (ROOT / "workflow/presets").glob("*.yaml"))
EXPERIMENTS = tuple(PAPER["experiments"])
TINY = load_yaml(ROOT / "workflow/presets/tiny.yaml")["experiments"]
IN_TINY = tuple(name for name in EXPERIMENTS if TINY.get(name, {}) is not None)


def copy_of_project(folder: Path) -> Path:
    for part in PARTS:
        source = ROOT / part
        copy = partial(shutil.copytree, symlinks=True) if source.is_dir() else shutil.copyfile
        copy(source, folder / part)
    return folder


def snakemake(folder: Path, *arguments: str, cores: int = 2, minutes: float = 15) -> subprocess.CompletedProcess:
    """Snakemake's answer; with `cores` 0 it is not told how many it may use."""
    command = [sys.executable, "-m", "snakemake", *(["--cores", str(cores)] if cores else []), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60 * minutes)


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """The number of jobs of each rule that a dry run lists."""
    answer = snakemake(folder, *arguments, "--dry-run")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return {rule: int(count) for rule, count in JOBS.findall(answer.stdout + answer.stderr)}


def trainings(jobs: dict[str, int]) -> dict[str, int]:
    return {rule.removesuffix("_train"): count for rule, count in jobs.items() if rule.endswith("_train")}


def configured(preset: str) -> dict[str, int]:
    """The trainings of every experiment that trains, as the preset's seeds and variants count them."""
    config: dict = {}
    for file in ("config.yaml", f"workflow/presets/{preset}.yaml"):
        update_config(config, load_yaml(ROOT / file) or {})
    plans = {name: Plan(name, entry) for name, entry in effective(config)["experiments"].items()}
    return {name: len(plan.runs) for name, plan in plans.items() if plan.has("train")}


def overlay(folder: Path, others: bool = True, **swiss_roll: object) -> str:
    """A file that lays `swiss_roll` over the tiny preset, and leaves the other experiments out unless `others`."""
    left_out = {} if others else dict.fromkeys(EXPERIMENTS)
    path = folder / "overlay.yaml"
    path.write_text(yaml.safe_dump({"preset": "tiny", "experiments": left_out | {"swiss_roll": swiss_roll}}))
    return str(path)


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """A copy of the project in which nothing has run."""
    return copy_of_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def chain(tmp_path_factory) -> Path:
    """A copy of the project in which the tiny preset has run from end to end."""
    folder = copy_of_project(tmp_path_factory.mktemp("chain"))
    answer = snakemake(folder, "--config", "preset=tiny")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Results: results/tiny/tables" in answer.stdout + answer.stderr
    return folder


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains_what_is_configured(project, preset):
    assert trainings(planned(project, "--config", f"preset={preset}")) == configured(preset)


@pytest.mark.parametrize("experiment", ["kan_vae", "layer_speed"])  # with rules of its own, and without trainings
def test_target_of_an_experiment_is_that_experiment_alone(project, experiment):
    jobs = planned(project, experiment)
    assert trainings(jobs) == {name: n for name, n in configured("paper").items() if name == experiment}
    assert not [rule for rule in jobs for other in EXPERIMENTS if other != experiment and rule.startswith(other)]


@pytest.mark.parametrize("target", ["parameters", "claims"])
def test_tables_can_be_planned(project, target):
    assert trainings(planned(project, target)) == ({} if target == "parameters" else configured("paper"))


def test_quick_has_few_jobs_and_variants_an_experiment(project):
    jobs = planned(project, "--config", "preset=quick")
    for experiment in EXPERIMENTS:  # each takes seconds to start
        assert sum(count for rule, count in jobs.items() if rule.startswith(f"{experiment}_")) <= 9
    assert max(trainings(jobs).values()) <= 4, "one seed, four variants"
    assert "download_file" not in jobs


def test_parameters_at_paper_scale_train_nothing(project):
    answer = snakemake(project, "parameters")
    assert answer.returncode == 0, answer.stderr
    table = pd.read_csv(project / "results/paper/tables/parameters.csv").query("experiment == 'swiss_roll'")
    table = table.set_index("variant")
    assert table["parameters"].to_dict() == {
        "mlp": 2306, "kan": 22080, "small_kan": 1600, "mlp_as_kan": 22044, "mlp_as_small_kan": 1562,
        "mlp_in_time_of_small_kan": 5826
    }  # fmt: skip
    assert list(table.loc[["mlp", "kan", "small_kan"], "matches"]) == ["yes"] * 3
    assert not list(project.glob("results/paper/*/*/seed*"))


def test_chain_leaves_a_row_a_run(chain):
    rows = pd.read_csv(chain / "results/tiny/swiss_roll/runs.csv")
    assert len(rows) == 4
    assert set(rows["status"]) == {"finished"}
    assert rows[["huber", "swd", "minutes", "config_hash", "commit"]].notna().all(axis=None)
    assert rows.groupby("variant")["huber"].nunique().tolist() == [2, 2], "two seeds must give two results"


def test_chain_leaves_tables_in_four_forms(chain):
    for name in (*IN_TINY, "swiss_roll_epochs", "parameters", "claims", "bases", "cost"):
        for suffix in ("csv", "md", "tex", "html"):
            assert (chain / f"results/tiny/tables/{name}.{suffix}").stat().st_size > 0


def test_chain_leaves_figures(chain):
    names = {path.stem for path in (chain / "results/tiny/swiss_roll/figures").glob("*.png")}
    assert names == {"corruption", "loss_curves", "generated", "edges_small_kan"}
    for experiment in IN_TINY:
        assert list((chain / f"results/tiny/{experiment}/figures").glob("*.pdf"))


def test_claims_at_tiny_scale_are_counts_or_nothing_where_a_training_is_needed(chain):
    claims = pd.read_csv(chain / "results/tiny/tables/claims.csv").set_index("id")["verdict"]
    fitted = claims.filter(regex=r"^function_fit\.(parabola|cubic)_is_")  # by logistic regression, at every scale
    assert set(fitted) == {"reproduced"}
    claims = claims.drop(fitted.index)
    assert claims["swiss_roll.mlp_parameters"] == "agrees"
    assert claims["swiss_roll.mlp_loss_worse.huber"] == "not run", "the preset has no variant kan"
    assert set(claims) <= {"agrees", "differs", "not run", "not comparable", "undecidable"}


def test_table_is_computed_from_the_rows(chain):
    rows = pd.read_csv(chain / "results/tiny/swiss_roll/runs.csv")
    table = pd.read_csv(chain / "results/tiny/tables/swiss_roll.csv").set_index("variant")
    huber = rows[rows["variant"] == "mlp"]["huber"]
    assert table.loc["mlp", "huber_mean"] == pytest.approx(huber.mean(), rel=1e-12)
    assert table.loc["mlp", "huber_sd"] == pytest.approx(huber.std(ddof=1), rel=1e-9)
    assert table.loc["mlp", "n"] == 2


@pytest.mark.parametrize("experiment", IN_TINY)
def test_what_the_chain_leaves_can_be_kept(chain, tmp_path, experiment):
    reference.keep(chain / "results/tiny", experiment, tmp_path)
    kept = {path.stem for path in (tmp_path / experiment / "tables").glob("*.csv")}
    tables = {path.stem for path in (chain / "results/tiny/tables").glob(f"{experiment}*.csv")}
    assert kept == {"claims", "cost"} | tables


def test_second_call_does_nothing(chain):
    answer = snakemake(chain, "--config", "preset=tiny")
    assert "Nothing to be done" in answer.stdout + answer.stderr


def test_dataset_of_another_date_alone_reruns_nothing(chain):
    (chain / "data/digits.npz").touch()
    assert not planned(chain, "--config", "preset=tiny")


def test_changed_hyperparameter_reruns_what_depends_on_it(chain):
    jobs = planned(chain, "--configfile", overlay(chain, training={"learning_rate": 0.003}))
    assert jobs["swiss_roll_train"] == 4
    assert "parameters" not in jobs


def test_changed_variant_retrains_that_variant_alone(chain):
    jobs = planned(chain, "--configfile", overlay(chain, variants={"mlp": {"hidden": [16]}}))
    assert jobs["swiss_roll_train"] == 2
    assert jobs["parameters"] == 1


def test_changed_metric_retrains_nothing(chain):
    jobs = planned(chain, "--configfile", overlay(chain, evaluation={"projections": 21}))
    assert jobs["swiss_roll_evaluate"] == 1
    assert not jobs.keys() & {"swiss_roll_train", "swiss_roll_sample", "parameters"}


@pytest.mark.parametrize(
    ("module", "rerun", "kept"),
    [
        (
            "experiments/swiss_roll/figures/__init__.py",
            "swiss_roll_publish",
            {"swiss_roll_train", "swiss_roll_evaluate"},
        ),
        ("evaluation/distances.py", "swiss_roll_evaluate", {"swiss_roll_train", "swiss_roll_sample"}),
        ("diffusion/ancestral.py", "swiss_roll_sample", {"swiss_roll_train"}),
        ("layers/splines.py", "swiss_roll_train", set()),
    ],
)
def test_changed_code_reruns_the_stages_that_import_it(chain, module, rerun, kept):
    path = chain / "kanpipe" / module
    text = path.read_text()
    try:
        path.write_text(text + "\nCHANGED = 1\n")
        jobs = planned(chain, "--config", "preset=tiny")
        path.write_text(text + "\n# a comment\n")
        after_comment = planned(chain, "--config", "preset=tiny")
    finally:
        path.write_text(text)
    assert rerun in jobs and not kept & jobs.keys()
    assert not after_comment


def test_diverged_variant_is_a_row_and_the_workflow_goes_on(tmp_path):
    folder = copy_of_project(tmp_path)
    answer = snakemake(
        folder, "--configfile", overlay(folder, others=False, training={"learning_rate": 1e38}, seeds=[0])
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    rows = pd.read_csv(folder / "results/tiny/swiss_roll/runs.csv")
    assert set(rows["status"]) == {"diverged"}
    assert "diverged" in (folder / "results/tiny/tables/swiss_roll.md").read_text()
    record = json.loads((folder / "results/tiny/swiss_roll/mlp/seed0/run.json").read_text())
    assert isinstance(record["diverged_at_step"], int)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--config", "preset=huge"), "preset: there is no preset 'huge'; choose one of cpu, paper, quick, tiny"),
        (("--config", "colour=1"), "the configuration: unknown key colour"),
        (("--config", "device=tpu"), "device: 'tpu' is not one of"),
        (("--config", "results_dir=config.yaml"), "results_dir: config.yaml/paper cannot be written, since"),
    ],
)
def test_bad_configuration_is_one_sentence(project, arguments, sentence):
    answer = snakemake(project, "--dry-run", *arguments)
    assert answer.returncode != 0
    assert f"kanpipe: {sentence}" in answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr


def test_broken_config_file_is_named(tmp_path):
    folder = copy_of_project(tmp_path)
    (folder / "config.yaml").write_text("preset: [paper\nseeds: 1")
    answer = snakemake(folder, "--dry-run")
    assert "kanpipe: config.yaml is not valid YAML at line 2" in answer.stderr


def test_command_line_wins_over_preset(project):
    jobs = planned(project, "--configfile", overlay(project, seeds=[0, 1, 2]))
    assert jobs["swiss_roll_train"] == 6


def test_experiment_set_to_null_is_left_out(project):
    (project / "none.yaml").write_text("experiments: {swiss_roll: null}")
    assert "swiss_roll_train" not in planned(project, "--configfile", "none.yaml")


def test_report_can_be_written(chain):
    answer = snakemake(chain, "--config", "preset=tiny", "--report", "report.html", cores=0)
    assert answer.returncode == 0, answer.stderr
    assert "edges_small_kan" in (chain / "report.html").read_text()


def test_killed_training_goes_on_where_it_was(tmp_path):
    folder = copy_of_project(tmp_path)
    longer = overlay(folder, others=False, seeds=[0], training={"epochs": 1000})
    run = folder / "results/tiny/swiss_roll/small_kan/seed0"
    command = [str((run / "run.json").relative_to(folder)), "--configfile", longer, "--config", "checkpoint_seconds=0"]
    kill_training(folder, command, when=run / ".checkpoint/state.pt")
    assert not (run / "weights.safetensors").exists()
    assert (run / ".checkpoint/state.pt").exists(), "Snakemake must not remove the checkpoint of a failed job"
    answer = snakemake(folder, *command)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    record = json.loads((run / "run.json").read_text())
    assert (record["sittings"], record["steps"]) == (2, 2000)
    assert not (run / ".checkpoint").exists()


def test_training_that_an_orphan_finished_is_not_trained_again(tmp_path):
    """Snakemake is killed, its job ends by itself, and then the documented commands: nothing is trained twice."""
    folder = copy_of_project(tmp_path)
    longer = overlay(folder, others=False, seeds=[0], training={"epochs": 1000})
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
