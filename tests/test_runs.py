"""What a run is and what its folder says of it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kanpipe.errors import UserError
from kanpipe.files import write_json
from kanpipe.runs import FinishedRun, Run

RUN = Run("swiss_roll", "kan", 3, {"training": {"epochs": 4, "rate": 0.1}}, "code", Path("somewhere"))


def test_label_names_experiment_variant_and_seed():
    assert RUN.label == "swiss_roll/kan/seed3"


def test_identity_has_everything_but_the_folder():
    assert RUN.identity() == {
        "experiment": "swiss_roll",
        "variant": "kan",
        "seed": 3,
        "spec": {"training": {"epochs": 4, "rate": 0.1}},
        "code": "code",
        "config_hash": RUN.config_hash,
    }


def test_config_hash_depends_on_the_settings_alone():
    reordered = Run("swiss_roll", "kan", 4, {"training": {"rate": 0.1, "epochs": 4}}, "other", Path("elsewhere"))
    changed = Run("swiss_roll", "kan", 3, {"training": {"epochs": 5, "rate": 0.1}}, "code", Path("somewhere"))
    assert reordered.config_hash == RUN.config_hash != changed.config_hash


def test_finished_run_reads_its_record(tmp_path):
    write_json(tmp_path / "run.json", {"status": "diverged", "seed": 3, "spec": {"a": 1}})
    run = FinishedRun.read(tmp_path)
    assert (run.diverged, run.seed, run.spec, run.folder) == (True, 3, {"a": 1}, tmp_path)


def test_tensors_come_back(tmp_path):
    save_file({"weight": torch.arange(3.0)}, tmp_path / "weights.safetensors")
    tensors = FinishedRun(tmp_path, {}).tensors("weights.safetensors")
    assert torch.equal(tensors["weight"], torch.arange(3.0))


@pytest.mark.parametrize("length", [0, 5, 70])
def test_damaged_tensors_are_told_with_their_file(tmp_path, length):
    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.arange(3.0)}, path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=f"^{path} is damaged .*; delete it and run again to train anew"):
        FinishedRun(tmp_path, {}).tensors("weights.safetensors")
