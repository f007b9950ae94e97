"""The workflow as a user runs it: the whole chain on the tiny preset, in a copy of the project."""

from pathlib import Path

import pandas as pd
import pytest
from whole_workflow import IN_TINY, copy_of_project, overlay, planned, snakemake

from kanpipe.reporting import reference

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="session")
def chain(tmp_path_factory) -> Path:
    """A copy of the project in which the tiny preset has run from end to end."""
    folder = copy_of_project(tmp_path_factory.mktemp("chain"))
    answer = snakemake(folder, "--config", "preset=tiny")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Results: results/tiny/tables" in answer.stdout + answer.stderr
    return folder


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
    jobs = planned_after(chain, [module], "\nCHANGED = 1\n")
    assert rerun in jobs and not kept & jobs.keys()


def test_comment_in_code_reruns_nothing(chain):
    assert not planned_after(chain, ["evaluation/distances.py", "layers/splines.py"], "\n# a comment\n")


def planned_after(folder: Path, modules: list[str], added: str) -> dict[str, int]:
    """The jobs that are planned while these modules end with what is added."""
    texts = {path: path.read_text() for path in (folder / "kanpipe" / module for module in modules)}
    try:
        for path, text in texts.items():
            path.write_text(text + added)
        return planned(folder, "--config", "preset=tiny")
    finally:
        for path, text in texts.items():
            path.write_text(text)


def test_report_can_be_written(chain):
    answer = snakemake(chain, "--config", "preset=tiny", "--report", "report.html", cores=0)
    assert answer.returncode == 0, answer.stderr
    assert "edges_small_kan" in (chain / "report.html").read_text()
