"""What is kept of a full run."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from run_records import recorded

from kanpipe.errors import UserError
from kanpipe.files import read_table
from kanpipe.reporting import reference
from kanpipe.reporting.kept import NotKept, kept_runs

KEPT = Path(__file__).parents[2] / "results/reference"


def results(folder: Path, huber: float) -> Path:
    """What the swiss-roll experiment leaves, as small as it can be."""
    source = folder / "swiss_roll"
    (source / "figures").mkdir(parents=True, exist_ok=True)
    (source / "figures/data.png").write_bytes(b"picture")
    recorded(source / "mlp/seed0", device="a CPU")
    row = read_table(KEPT / "swiss_roll/runs.csv").query("variant == 'mlp' and seed == 0").iloc[:1].assign(huber=huber)
    row.to_csv(source / "runs.csv", index=False)
    read_table(KEPT / "swiss_roll/floors.csv").to_csv(source / "floors.csv", index=False)
    (folder / "benchmarks/swiss_roll").mkdir(parents=True, exist_ok=True)
    (folder / "benchmarks/swiss_roll/train_mlp_seed0.tsv").write_text("s\tmax_rss\n60\t100\n")
    return folder


def test_keeping_again_replaces_the_row(tmp_path):
    for huber in (0.5, 0.25):
        reference.keep(results(tmp_path / "results", huber), "swiss_roll", tmp_path / "kept")
    rows = read_table(tmp_path / "kept/swiss_roll/runs.csv")
    assert rows["huber"].tolist() == [0.25]
    table = read_table(tmp_path / "kept/swiss_roll/tables/swiss_roll.csv")
    assert table["huber_mean"].tolist() == [0.25]
    assert (tmp_path / "kept/swiss_roll/figures/data.png").read_bytes() == b"picture"
    assert len(list((tmp_path / "kept/swiss_roll/runs/mlp").glob("seed0-*.json"))) == 1


def test_experiment_that_trains_nothing_keeps_the_rows_of_its_last_run(tmp_path):
    source = tmp_path / "results/layer_speed"
    (source / "figures").mkdir(parents=True)
    (tmp_path / "results/benchmarks/layer_speed").mkdir(parents=True)
    (tmp_path / "results/benchmarks/layer_speed/evaluate.tsv").write_text("s\tmax_rss\n60\t100\n")
    for speed in (2.0, 1.5):
        rows = read_table(KEPT / "layer_speed/runs.csv").assign(both_ms=speed)
        rows.to_csv(source / "runs.csv", index=False)
        reference.keep(tmp_path / "results", "layer_speed", tmp_path / "kept")
    kept = read_table(tmp_path / "kept/layer_speed/runs.csv")
    assert len(kept) == len(rows)
    assert set(kept["both_ms"]) == {1.5}


def test_run_on_another_device_replaces_the_row_which_stays_among_the_earlier_ones(tmp_path):
    for device in ("a CPU", "a GPU", "a GPU"):
        source = results(tmp_path / "results", 0.5)
        rows = read_table(source / "swiss_roll/runs.csv").assign(device=device)
        rows.to_csv(source / "swiss_roll/runs.csv", index=False)
        reference.keep(source, "swiss_roll", tmp_path / "kept")
    kept = tmp_path / "kept/swiss_roll"
    assert read_table(kept / "runs.csv")["device"].tolist() == ["a GPU"]
    assert read_table(kept / "earlier_runs.csv")["device"].tolist() == ["a CPU"]
    assert read_table(tmp_path / "kept/swiss_roll/tables/swiss_roll.csv")["n"].tolist() == [1]


def test_an_experiment_is_kept_in_parts(tmp_path):
    """A second part adds its variants to every frame and table; one that is kept again replaces its own rows alone."""
    source = results(tmp_path / "results", 0.5) / "swiss_roll"
    for variant, seed, huber in (("mlp", 0, 0.5), ("mlp", 1, 0.6), ("kan", 0, 0.4), ("mlp", 1, 0.7)):
        recorded(source / variant / f"seed{seed}", device="a CPU")
        rows = read_table(KEPT / "swiss_roll/runs.csv").query("variant == 'mlp' and seed == 0").iloc[:1]
        rows.assign(variant=variant, seed=seed, huber=huber).to_csv(source / "runs.csv", index=False)
        pd.DataFrame({"variant": [variant], "seed": [seed], "n": [huber]}).to_csv(source / "looks.csv", index=False)
        reference.keep(tmp_path / "results", "swiss_roll", tmp_path / "kept")
    kept = tmp_path / "kept/swiss_roll"
    assert set(read_table(kept / "runs.csv")["huber"]) == {0.5, 0.7, 0.4}
    assert set(read_table(kept / "looks.csv").itertuples(index=False, name=None)) == {
        ("mlp", 0, 0.5), ("mlp", 1, 0.7), ("kan", 0, 0.4)
    }  # fmt: skip
    table = read_table(kept / "tables/swiss_roll.csv").set_index("variant")
    assert table["huber_mean"].to_dict() == pytest.approx({"mlp": 0.6, "kan": 0.4})
    cost = read_table(kept / "tables/cost.csv").set_index("stage")
    assert cost.loc["train", "jobs"] == 3  # of all parts
    assert cost.loc["train", "minutes"] == pytest.approx(3 * read_table(kept / "runs.csv")["minutes"].iloc[0])


def test_a_seed_that_has_left_no_rows_this_time_has_none_of_its_earlier_run(tmp_path):
    """As one that diverges does; frames that the new part has not at all stay as they are."""
    source = results(tmp_path / "results", 0.5) / "swiss_roll"
    row = read_table(source / "runs.csv")
    pd.concat([row, row.assign(seed=1)]).to_csv(source / "runs.csv", index=False)
    recorded(source / "mlp/seed1", device="a CPU")
    looks = pd.DataFrame({"variant": "mlp", "seed": [0, 0, 1], "n": [1, 2, 3]})
    for name in ("looks", "others"):
        looks.to_csv(source / f"{name}.csv", index=False)
    reference.keep(tmp_path / "results", "swiss_roll", tmp_path / "kept")
    looks[looks["seed"] == 0].assign(n=4).to_csv(source / "looks.csv", index=False)
    (source / "others.csv").unlink()
    reference.keep(tmp_path / "results", "swiss_roll", tmp_path / "kept")
    kept = tmp_path / "kept/swiss_roll"
    assert read_table(kept / "looks.csv")[["seed", "n"]].to_numpy().tolist() == [[0, 4], [0, 4]]
    assert read_table(kept / "others.csv").equals(looks)


def test_frames_that_follow_from_rows_are_made_again_of_all_parts(tmp_path):
    folder = tmp_path / "mnist_classifiers"
    folder.mkdir()
    kept = {path.stem: read_table(path) for path in (KEPT / "mnist_classifiers").glob("*.csv")}
    runs = kept["runs"].query("variant in ('raw_mlp', 'raw_mlp_wide')").assign(accuracy=[90.0, 91, 92, 95, 96, 97])
    for name, frame in (kept | {"runs": runs}).items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    reference.draw_again(tmp_path, "cpu")
    assert read_table(folder / "best.csv").groupby("variant")["accuracy"].mean().to_dict() == {
        "raw_mlp": 91, "raw_mlp_wide": 96
    }  # fmt: skip
    assert read_table(folder / "rates.csv")["chosen"].all()
    assert read_table(folder / "tables/mnist_classifiers.csv")["accuracy_mean"].tolist() == [91, 96]


def test_nothing_is_kept_of_what_is_not_there(tmp_path):
    reference.keep(results(tmp_path / "results", 0.5), "swiss_roll", tmp_path / "kept")
    with pytest.raises(UserError, match="runs.csv is not there; run the experiment swiss_roll first"):
        reference.keep(tmp_path / "resluts", "swiss_roll", tmp_path / "kept")
    assert (tmp_path / "kept/swiss_roll/figures/data.png").exists()


def test_nothing_is_changed_where_no_job_left_its_cost(tmp_path):
    source = results(tmp_path / "results", 0.5)
    reference.keep(source, "swiss_roll", tmp_path / "kept")
    results(source, 0.25)
    (source / "benchmarks/swiss_roll/train_mlp_seed0.tsv").unlink()
    with pytest.raises(UserError, match=r"benchmarks/swiss_roll/\*\.tsv is not there; run the experiment swiss_roll"):
        reference.keep(source, "swiss_roll", tmp_path / "kept")
    assert read_table(tmp_path / "kept/swiss_roll/runs.csv")["huber"].tolist() == [0.5]


def test_kept_tables_are_computed_from_the_kept_rows():
    rows = read_table(KEPT / "swiss_roll/runs.csv")
    table = read_table(KEPT / "swiss_roll/tables/swiss_roll.csv").set_index("variant")
    for variant, mean in table["huber_mean"].items():
        kept = rows[(rows["variant"] == variant) & (rows["steps"] == table.loc[variant, "steps"])]
        assert mean == pytest.approx(kept["huber"].mean(), rel=1e-9)


@pytest.mark.parametrize("path", sorted(KEPT.glob("*/*runs.csv")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_kept_row_has_its_record(path):
    rows = read_table(path)
    for _, row in rows.iterrows() if "seed" in rows and "config_hash" in rows else ():
        record = json.loads((KEPT / reference.record_path(row)).read_text())
        assert {key: record[key] for key in reference.KEY} == {key: row[key] for key in reference.KEY}


@pytest.mark.slow
def test_kept_verdicts_are_those_of_the_kept_rows(tmp_path):
    for path in KEPT.glob("*/*.csv"):
        (tmp_path / path.parent.name).mkdir(exist_ok=True)
        shutil.copyfile(path, tmp_path / path.parent.name / path.name)
    reference.judge_again(tmp_path)
    for path in KEPT.glob("*/tables/claims.csv"):
        assert (tmp_path / path.relative_to(KEPT)).read_text() == path.read_text(), path


@pytest.mark.slow
def test_figures_are_drawn_again_from_rows_alone(tmp_path):
    """Those that need nothing else and are there; samples are not kept, and no figure comes back that was dropped."""
    for name in ("layer_speed", "cifar10_ddim"):
        (tmp_path / name / "figures").mkdir(parents=True)
        for path in KEPT.glob(f"{name}/*.csv"):
            shutil.copyfile(path, tmp_path / name / path.name)
    stale = [tmp_path / f"{name}.png" for name in ("layer_speed/figures/speed", "cifar10_ddim/figures/channel_means")]
    unknown = tmp_path / "cifar10_ddim/figures/samples.png"
    for path in (*stale, unknown):
        path.write_bytes(b"old")
    reference.draw_again(tmp_path, "cpu")
    assert [path.read_bytes()[1:4] for path in stale] == [b"PNG", b"PNG"]
    assert unknown.read_bytes() == b"old"
    assert {path.name for path in tmp_path.glob("*/figures/*")} == {path.name for path in (*stale, unknown)}


def test_run_of_a_row_has_no_files():
    rows = read_table(KEPT / "swiss_roll/runs.csv")
    plan = reference._plan("swiss_roll")
    (run, *others) = kept_runs(rows, plan)
    assert len(others) + 1 == len(rows)
    assert (run.variant, run.seed) == (rows["variant"][0], rows["seed"][0])
    assert run.spec.variant.family == plan.settings["variants"][run.variant]["family"]
    for ask in (run.samples, run.history, lambda: run.tensors("weights.safetensors")):
        with pytest.raises(NotKept):
            ask()
