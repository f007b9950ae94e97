"""What a run is and what its folder says of it."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from run_records import record, recorded, sealed_npz
from safetensors.torch import save_file
from torch import nn

from kanpipe.config.kinds import trained
from kanpipe.digests import of_json
from kanpipe.errors import UserError
from kanpipe.files import write_json
from kanpipe.runs import FinishedRun, Run, diverged_runs

SPEC = {
    "problem": {
        "data": {"points": 10, "noise": 0.2, "scale": 10.0, "seed": 0},
        "diffusion": {"steps": 5, "beta": 0.1},
    },
    "training": {"epochs": 4, "batch_size": 5, "learning_rate": 0.1, "compile": False, "snapshot_epochs": [0]},
    "variant": {"family": "kan", "hidden": [3]},
}


def run(seed=3, code="code", folder="somewhere", **training):
    spec = trained("swiss_roll", SPEC | {"training": SPEC["training"] | training})
    return Run("rolls", "swiss_roll", "kan", seed, spec, code, Path(folder))


RUN = run()


def test_label_names_experiment_variant_and_seed():
    assert RUN.label == "rolls/kan/seed3"


def test_identity_has_everything_but_the_folder():
    assert RUN.identity() == {
        "experiment": "rolls",
        "kind": "swiss_roll",
        "variant": "kan",
        "seed": 3,
        "spec": SPEC,
        "code": "code",
        "config_hash": RUN.config_hash,
        "data": None,
    }


def test_identity_knows_a_dataset_by_its_content_not_by_its_name(tmp_path):
    for name, value in (("a", 0), ("b", 0), ("c", 1)):
        sealed_npz(tmp_path / f"{name}.npz", x=value)
    a, b, c = (replace(RUN, data=tmp_path / f"{name}.npz").identity() for name in "abc")
    assert a == b != c and a["config_hash"] == c["config_hash"]


def test_config_hash_depends_on_the_settings_alone():
    elsewhere = run(seed=4, code="other", folder="elsewhere")
    assert elsewhere.config_hash == RUN.config_hash != run(epochs=5).config_hash


def test_finished_run_reads_its_record(tmp_path):
    said = RUN.identity() | {"status": "diverged"}
    record(**said).write(tmp_path)
    found = FinishedRun.read(tmp_path)
    assert found.record == record(**said)
    assert (found.variant, found.diverged, found.seed, found.spec, found.folder) == ("kan", True, 3, RUN.spec, tmp_path)


def test_record_of_another_version_is_told_with_its_file(tmp_path):
    record(kind="swiss_roll", spec=SPEC | {"problem": {"colour": "red"}}).write(tmp_path)
    with pytest.raises(UserError, match=f"^{tmp_path}/run.json is of another version of kanpipe, or of its layers"):
        _ = FinishedRun.read(tmp_path).spec


def test_tensors_come_back(tmp_path):
    save_file({"weight": torch.arange(3.0)}, tmp_path / "weights.safetensors")
    tensors = recorded(tmp_path).tensors("weights.safetensors")
    assert torch.equal(tensors["weight"], torch.arange(3.0))


@pytest.mark.parametrize("length", [0, 5, 70])
def test_damaged_tensors_are_told_with_their_file(tmp_path, length):
    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.arange(3.0)}, path)
    run = recorded(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=f"^{path} is damaged .*; delete it and run again to train anew"):
        run.tensors("weights.safetensors")


def test_file_of_which_the_record_says_nothing_is_refused(tmp_path):
    run = recorded(tmp_path)
    save_file({"weight": torch.arange(3.0)}, tmp_path / "weights.safetensors")
    with pytest.raises(UserError, match="run.json says nothing of weights.safetensors; delete it and run again"):
        run.tensors("weights.safetensors")


@pytest.mark.parametrize("content", [[], "text", None])
def test_record_of_nothing_is_told_with_its_file(tmp_path, content):
    write_json(tmp_path / "run.json", content)
    with pytest.raises(UserError, match=f"^{tmp_path}/run.json is not the record of a run; delete it and run again"):
        FinishedRun.read(tmp_path)


@pytest.mark.parametrize("missing", ["experiment", "compile", "finished"])
def test_record_without_a_key_is_told_with_the_key(tmp_path, missing):
    said = asdict(record())
    del said[missing]
    write_json(tmp_path / "run.json", said)
    with pytest.raises(UserError, match=f"^{tmp_path}/run.json has no `{missing}`; delete it and run again"):
        FinishedRun.read(tmp_path)


def test_record_may_lack_what_only_some_trainings_have(tmp_path):
    said = asdict(record())
    for name in ("last_learning_rate", "stopped_at_step", "best_step", "data"):
        del said[name]
    write_json(tmp_path / "run.json", said | {"sha256": of_json(said)})
    assert FinishedRun.read(tmp_path).record == record()


def test_row_of_a_run_is_what_all_tables_begin_with(tmp_path):
    row = FinishedRun(tmp_path, record(seconds=90.0)).row()
    columns = "experiment variant seed status diverged_at_step steps parameters config_hash code commit device threads "
    columns += "steps_per_second peak_memory_mib sittings finished compile minutes"
    assert list(row) == columns.split()
    assert row["minutes"] == 1.5 and row["compile"] is False


@pytest.mark.parametrize("old", ["0.5", "300"])
def test_record_in_which_a_digit_is_another_is_refused(tmp_path, old):
    record(steps_per_second=0.5).write(tmp_path)
    path = tmp_path / "run.json"
    path.write_text(path.read_text().replace(old, old[:-1] + "1"))
    with pytest.raises(UserError, match=f"^{path} is damaged .*; delete it and run again"):
        FinishedRun.read(tmp_path)


def test_damaged_history_is_told_with_its_file(tmp_path):
    (tmp_path / "history.csv").write_text("step,loss\n0,0.5\n")
    run = recorded(tmp_path)
    assert run.history()["loss"].tolist() == [0.5]
    (tmp_path / "history.csv").write_text("step,loss\n0,0.4\n")
    with pytest.raises(UserError, match=f"^{tmp_path}/history.csv is damaged .*; delete it and run again to train"):
        run.history()


def test_damaged_samples_are_told_with_their_file(tmp_path):
    (tmp_path / "samples.npz").write_bytes(b"PK half")
    with pytest.raises(UserError, match=f"^{tmp_path}/samples.npz is damaged"):
        FinishedRun(tmp_path, record()).samples()


def test_snapshots_are_told_apart_by_their_steps(tmp_path):
    kept = {"30/net.weight": torch.ones(2), "4/net.weight": torch.zeros(2), "4/net.bias": torch.ones(1)}
    save_file(kept, tmp_path / "snapshots.safetensors")
    found = recorded(tmp_path).snapshots()
    assert list(found) == [4, 30] and set(found[4]) == {"net.weight", "net.bias"}
    assert torch.equal(found[30]["net.weight"], torch.ones(2))


def test_model_with_the_weights_of_a_run_is_in_eval_mode(tmp_path):
    model = nn.BatchNorm1d(2)
    assert not recorded(tmp_path).load_into(model, model.state_dict()).training


def test_diverged_runs_are_named_and_a_damaged_record_ends_nothing(tmp_path):
    sound, lost, damaged = (tmp_path / name for name in ("sound", "lost", "damaged"))
    recorded(sound)
    run = recorded(lost, status="diverged", diverged_at_step=7).record
    damaged.mkdir()
    (damaged / "run.json").write_text('{"a": 1}')
    found = diverged_runs([sound, lost, damaged, tmp_path / "none"])
    assert found == [f"{run.experiment}/{run.variant}/seed{run.seed} at step 7"]
