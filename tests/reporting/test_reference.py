"""What is kept of a full run, and that the README quotes it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from kanpipe.reporting import reference

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "results/reference"


def results(folder: Path, huber: float) -> Path:
    """What the swiss-roll experiment leaves, as small as it can be."""
    source = folder / "swiss_roll"
    (source / "figures").mkdir(parents=True, exist_ok=True)
    (source / "figures/data.png").write_bytes(b"picture")
    (source / "mlp/seed0").mkdir(parents=True, exist_ok=True)
    (source / "mlp/seed0/run.json").write_text(json.dumps({"huber": huber}))
    row = pd.read_csv(KEPT / "runs.csv").query("experiment == 'swiss_roll'").iloc[:1].assign(huber=huber)
    row.to_csv(source / "runs.csv", index=False)
    pd.read_csv(KEPT / "swiss_roll/floors.csv").to_csv(source / "floors.csv", index=False)
    (folder / "benchmarks/swiss_roll").mkdir(parents=True, exist_ok=True)
    (folder / "benchmarks/swiss_roll/train_mlp_seed0.tsv").write_text("s\tmax_rss\n60\t100\n")
    return folder


def test_keeping_again_replaces_the_row(tmp_path):
    for huber in (0.5, 0.25):
        reference.keep(results(tmp_path / "results", huber), "swiss_roll", tmp_path / "kept")
    rows = pd.read_csv(tmp_path / "kept/runs.csv")
    assert rows["huber"].tolist() == [0.25]
    table = pd.read_csv(tmp_path / "kept/swiss_roll/tables/swiss_roll.csv")
    assert table["huber_mean"].tolist() == [0.25]
    assert (tmp_path / "kept/swiss_roll/figures/data.png").read_bytes() == b"picture"
    assert (tmp_path / "kept/swiss_roll/runs/mlp/seed0/run.json").exists()


def test_rows_of_other_experiments_stay(tmp_path):
    other = pd.DataFrame({"experiment": ["toy"], "variant": ["v"], "seed": [0], "config_hash": ["h"], "score": [1.5]})
    (tmp_path / "kept").mkdir()
    other.to_csv(tmp_path / "kept/runs.csv", index=False)
    reference.keep(results(tmp_path / "results", 0.5), "swiss_roll", tmp_path / "kept")
    rows = pd.read_csv(tmp_path / "kept/runs.csv")
    assert rows["experiment"].tolist() == ["toy", "swiss_roll"]
    assert rows["score"].iloc[0] == 1.5


def test_kept_tables_are_computed_from_the_kept_rows():
    rows = pd.read_csv(KEPT / "runs.csv").query("experiment == 'swiss_roll'")
    table = pd.read_csv(KEPT / "swiss_roll/tables/swiss_roll.csv").set_index("variant")
    means = rows.groupby("variant")["huber"].mean()
    assert table["huber_mean"].to_dict() == pytest.approx(means.to_dict(), rel=1e-9)


def test_every_kept_row_has_its_record():
    for _, row in pd.read_csv(KEPT / "runs.csv").iterrows():
        path = KEPT / row["experiment"] / "runs" / row["variant"] / f"seed{row['seed']}" / "run.json"
        assert json.loads(path.read_text())["config_hash"] == row["config_hash"]


@pytest.mark.parametrize("name", ["swiss_roll", "cost"])
def test_readme_quotes_the_kept_table(name):
    table = (KEPT / "swiss_roll/tables" / f"{name}.md").read_text().strip()
    assert table in (ROOT / "README.md").read_text()
