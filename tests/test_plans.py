"""What the workflow would do: the jobs that it plans, and the sentences with which it refuses."""

from pathlib import Path

import pandas as pd
import pytest
from whole_workflow import EXPERIMENTS, PRESETS, configured, copy_of_project, overlay, planned, snakemake, trainings

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """A copy of the project in which nothing has run."""
    return copy_of_project(tmp_path_factory.mktemp("project"))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains_what_is_configured(project, preset):
    jobs = planned(project, "--config", f"preset={preset}")
    assert trainings(jobs) == configured(preset)
    if preset == "quick":
        for experiment in EXPERIMENTS:  # each takes seconds to start
            assert sum(count for rule, count in jobs.items() if rule.startswith(f"{experiment}_")) <= 9
        assert max(trainings(jobs).values()) <= 4, "one seed, four variants"
        assert "download_file" not in jobs


@pytest.mark.parametrize("experiment", ["kan_vae", "layer_speed"])  # with rules of its own, and without trainings
def test_target_of_an_experiment_is_that_experiment_alone(project, experiment):
    jobs = planned(project, experiment, "--config", "preset=tiny")
    assert trainings(jobs) == {name: n for name, n in configured("tiny").items() if name == experiment}
    assert not [rule for rule in jobs for other in EXPERIMENTS if other != experiment and rule.startswith(other)]


def test_claims_want_all_trainings(project):
    assert trainings(planned(project, "claims", "--config", "preset=tiny")) == configured("tiny")


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
    (project / "none.yaml").write_text("{preset: tiny, experiments: {swiss_roll: null}}")
    assert "swiss_roll_train" not in planned(project, "--configfile", "none.yaml")
