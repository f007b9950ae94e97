"""A run that is killed anywhere and run again ends with the same bytes as an undisturbed one."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import tiny_swiss_roll
import torch
from safetensors.torch import load_file
from toy_regression import (
    RESULTS,
    Killed,
    assert_equal,
    contents,
    fit_toy,
    fit_toy_until,
    plain_loop,
    record,
)

from kanpipe.errors import UserError
from kanpipe.experiments import stage
from kanpipe.machine import Machine
from kanpipe.runs import Run
from kanpipe.training import results
from kanpipe.training.checkpoint import Checkpoint
from kanpipe.training.loop import MEMORY_ADVICE

ROOT = Path(__file__).parents[2]
ALL = (*RESULTS, "run.json")

# Real kills of a real training, in processes of their own.


def start(*arguments):
    """A process that trains the tiny swiss roll into the given folders and samples from it."""
    command = [sys.executable, "-W", "error", tiny_swiss_roll.__file__, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def sit(*arguments):
    """The exit status and the output of one sitting, waited for."""
    process = start(*arguments)
    said, _ = process.communicate(timeout=300)
    return process.returncode, said


def finish(*arguments):
    status, said = sit(*arguments)
    assert status == 0, said


def sitting_killed_after(folder, checkpoints, delay):
    """Kill a sitting once it has saved so many checkpoints, and say whether it was still training."""
    state, seen = folder / ".checkpoint" / "state.pt", set()
    seen.add(state.stat().st_mtime_ns if state.exists() else None)
    with start(folder) as process:
        while len(seen) <= checkpoints and process.poll() is None:
            seen.add(state.stat().st_mtime_ns if state.exists() else None)
            time.sleep(0.002)
        time.sleep(delay)
        process.kill()
    return process.returncode == -signal.SIGKILL


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run of 500 steps, with a checkpoint after every hundredth, that nothing has disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(folder)
    return folder


def assert_same_results(folder, undisturbed, sittings):
    names = (*RESULTS, "samples.npz")
    assert contents(folder, names) == contents(undisturbed, names)
    assert record(folder)["sittings"] == sittings
    assert sorted(path.name for path in folder.iterdir()) == sorted([*names, "run.json", ".trained"])


def test_two_undisturbed_runs_have_the_same_bytes(undisturbed, tmp_path):
    finish(tmp_path)
    assert_same_results(tmp_path, undisturbed, sittings=1)


@pytest.mark.slow
def test_killed_at_any_step_and_resumed_three_times_the_bytes_are_the_same(undisturbed, tmp_path):
    for step in (137, 200, 499):  # inside a block, right after a checkpoint, at the last step
        status, said = sit(tmp_path, "--die-at", step)
        assert status == -signal.SIGKILL, said
        assert not (tmp_path / "run.json").exists()
        # what a kill in the middle of a save would leave behind
        (tmp_path / ".checkpoint" / f".state.{step}.partial.pt").write_bytes(b"half a state")
    finish(tmp_path)
    assert_same_results(tmp_path, undisturbed, sittings=4)


@pytest.mark.slow
def test_killed_from_outside_at_a_random_moment_the_bytes_are_the_same(undisturbed, tmp_path):
    assert sitting_killed_after(tmp_path, checkpoints=1, delay=random.uniform(0, 0.04))
    finish(tmp_path)
    assert_same_results(tmp_path, undisturbed, sittings=2)


@pytest.mark.slow
def test_compiled_run_killed_and_resumed_has_the_same_bytes(tmp_path):
    whole, killed, compiled = tmp_path / "whole", tmp_path / "killed", ("--compile", "--epochs", 65)
    status, said = sit(whole, killed, *compiled, "--die-at", 117)
    assert status == -signal.SIGKILL, said
    finish(killed, *compiled)
    assert_same_results(killed, whole, sittings=2)


def train_tiny(folder, machine, seed=0, **changes):
    """A few steps of the swiss roll in this process."""
    recipe = {"epochs": 3, "batch_size": 256, "learning_rate": 0.002, "compile": False, "snapshot_epochs": [0, 2]}
    spec = tiny_swiss_roll.spec_of(recipe | changes)
    stage("swiss_roll", "train")(Run("swiss_roll", "swiss_roll", "small_kan", seed, spec, "code", folder), machine, 0)
    return folder


def test_seeds_give_different_weights_and_losses(tmp_path, machine):
    first, second = (contents(train_tiny(tmp_path / str(seed), machine, seed)) for seed in (0, 1))
    assert all(first[name] != second[name] for name in RESULTS if name != "validation.csv")


def test_swiss_roll_makes_two_steps_an_epoch_and_keeps_what_is_asked_for(tmp_path, machine):
    folder = train_tiny(tmp_path, machine)
    snapshots = load_file(folder / "snapshots.safetensors")
    assert record(folder)["steps"] == len(pd.read_csv(folder / "history.csv")) == 6
    assert {key.split("/")[0] for key in snapshots} == {"0", "4"}


# The loop itself, on a regression whose every step can be written out.


def test_training_is_a_plain_loop(tmp_path, machine):
    losses, weights = plain_loop()
    fit_toy(tmp_path, machine)
    history = pd.read_csv(tmp_path / "history.csv", dtype={"loss": "float32"})
    final, snapshots = (load_file(tmp_path / f"{name}.safetensors") for name in ("weights", "snapshots"))
    assert list(history.columns) == ["step", "loss", "largest"]
    assert history["step"].tolist() == list(range(250))
    assert history["loss"].tolist() == losses  # nine digits give back every float32
    assert_equal(final, weights[250])
    assert_equal(snapshots, {f"{step}/{name}": weights[step][name] for step in (0, 130) for name in weights[0]})


def test_record_says_what_was_run_and_how(tmp_path, machine):
    said = record(fit_toy(tmp_path, machine))
    expected = {"experiment": "toy", "variant": "line", "seed": 0, "spec": {"rate": 0.01}, "code": "code"}
    expected |= {"status": "finished", "diverged_at_step": None, "steps": 250, "parameters": 3, "sittings": 1}
    expected |= {"device": machine.name, "threads": 1}
    assert {key: said[key] for key in expected} == expected
    assert said["settings"]["snapshot_steps"] == [0, 130]
    assert torch.__version__.startswith(said["versions"]["torch"])  # without the build, such as +cu130
    assert (said["compile"], said["stopped_at_step"], said["best_step"]) == (False, None, None)
    assert said["steps_per_second"] > 0 < said["peak_memory_mib"]


def test_checkpoint_is_gone_after_success(tmp_path, machine):
    fit_toy(tmp_path, machine)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*RESULTS, "run.json", ".trained"])


@pytest.mark.parametrize("steps", [[50], [100], [101], [50, 150, 249], [99, 100, 101, 249]], ids=str)
def test_toy_killed_and_resumed_has_the_same_bytes(tmp_path, machine, steps):
    whole = contents(fit_toy(tmp_path / "whole", machine))
    for step in steps:
        fit_toy_until(tmp_path / "killed", machine, step)
    assert contents(fit_toy(tmp_path / "killed", machine)) == whole
    assert record(tmp_path / "killed")["sittings"] <= len(steps) + 1  # those before the first checkpoint are forgotten


class OtherModel(Machine):
    """The machine at hand under another name."""

    name = "another CPU"


def test_record_names_the_devices_on_which_a_run_was_before(tmp_path, machine):
    fit_toy_until(tmp_path, machine, 230)
    other = OtherModel(machine.device, machine.threads)
    with pytest.raises(UserError, match="device was"):
        fit_toy(tmp_path, other)
    fit_toy(tmp_path, other, elsewhere=True)
    said = record(tmp_path)
    assert (said["device"], said["earlier_devices"], said["sittings"]) == ("another CPU", [machine.name], 2)
    assert record(fit_toy(tmp_path / "whole", machine))["earlier_devices"] == []


def test_resumed_run_does_not_repeat_what_is_saved(tmp_path, machine):
    fit_toy_until(tmp_path, machine, 230)
    fit_toy(tmp_path, machine, dies_at=199)  # a step that lies before the last checkpoint
    assert record(tmp_path)["sittings"] == 2


def test_time_between_checkpoints_is_kept(tmp_path, machine):
    fit_toy_until(tmp_path, machine, 230, checkpoint_seconds=3600)
    assert not Checkpoint(tmp_path, {}).path.exists()


@pytest.mark.parametrize("check_every", [1, 37, 100, 1000])
def test_how_often_the_loss_is_looked_at_changes_no_byte(tmp_path, machine, check_every):
    whole = contents(fit_toy(tmp_path / "whole", machine))
    fit_toy_until(tmp_path / "killed", machine, 149, check_every=check_every)
    assert contents(fit_toy(tmp_path / "killed", machine, check_every=check_every)) == whole


def test_killed_between_results_and_the_removal_of_the_checkpoint(tmp_path, machine, monkeypatch):
    whole = contents(fit_toy(tmp_path / "whole", machine))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Checkpoint, "_remove", lambda self: (_ for _ in ()).throw(Killed))
        fit_toy(tmp_path / "killed", machine)
    assert contents(tmp_path / "killed") == whole
    assert contents(fit_toy(tmp_path / "killed", machine)) == whole
    assert record(tmp_path / "killed")["sittings"] == 1  # its results were there
    assert not (tmp_path / "killed" / ".checkpoint").exists()


def test_killed_among_the_results(tmp_path, machine, monkeypatch):
    whole = contents(fit_toy(tmp_path / "whole", machine))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(results, "_write_history", lambda state, folder: (_ for _ in ()).throw(Killed))
        fit_toy(tmp_path / "killed", machine)
    assert not (tmp_path / "killed" / "run.json").exists()
    assert contents(fit_toy(tmp_path / "killed", machine)) == whole


def test_finished_run_is_not_trained_again_whatever_became_of_its_outputs(tmp_path, machine):
    first = contents(fit_toy(tmp_path, machine), ALL)
    for name in ALL:
        (tmp_path / name).unlink()  # as a workflow engine does that takes them for incomplete
        assert contents(fit_toy(tmp_path, machine, dies_at=0), ALL) == first


@pytest.mark.parametrize("changes", [{"rate": 0.02}, {"clip_norm": 1.0}], ids=str)
def test_finished_run_of_other_settings_is_trained(tmp_path, machine, changes):
    fit_toy(tmp_path, machine)
    fit_toy_until(tmp_path, machine, 0, **changes)  # it begins
    fit_toy(tmp_path, machine, dies_at=0)  # what was finished is still there
    changed = contents(fit_toy(tmp_path, machine, **changes))
    assert changed == contents(fit_toy(tmp_path / "elsewhere", machine, **changes))
    fit_toy_until(tmp_path, machine, 0)


def test_damaged_results_are_trained_anew(tmp_path, machine):
    first = contents(fit_toy(tmp_path, machine))
    (tmp_path / "history.csv").write_text("cut")  # under both of its names
    fit_toy_until(tmp_path, machine, 0)
    assert contents(fit_toy(tmp_path, machine)) == first


@pytest.mark.parametrize("kills", [[], [120], [150], [120, 130, 199]], ids=str)
def test_loss_that_is_not_finite_ends_the_run_as_diverged(tmp_path, machine, kills):
    for step in kills:
        fit_toy_until(tmp_path, machine, step, nan_at=137)
    fit_toy(tmp_path, machine, nan_at=137)
    said, history = record(tmp_path), pd.read_csv(tmp_path / "history.csv")
    assert (said["status"], said["diverged_at_step"]) == ("diverged", 137)
    assert len(history) == 138
    assert history["loss"].isna().to_numpy().nonzero()[0].tolist() == [137]
    assert history["loss"].tolist()[:137] == pytest.approx(plain_loop(137)[0], rel=1e-7)  # half an ulp of float32
    assert load_file(tmp_path / "weights.safetensors").keys() == {"weight", "bias"}
    assert not (tmp_path / ".checkpoint").exists()


def test_steps_of_a_diverged_run_end_with_the_bad_one(tmp_path, machine):
    fit_toy(tmp_path, machine, nan_at=137, dies_at=200)
    assert record(tmp_path)["steps"] == 138


@pytest.mark.parametrize("factor", [float("inf"), float("-inf"), float("nan")])
def test_infinite_loss_has_diverged_too(tmp_path, machine, factor):
    def objective(model, x, y):
        return {"loss": model(x).sum() * factor}

    fit_toy(tmp_path, machine, objective=objective)
    assert record(tmp_path)["diverged_at_step"] == 0


def test_divergence_in_the_last_block_is_seen(tmp_path, machine):
    fit_toy(tmp_path, machine, nan_at=249)
    assert record(tmp_path)["diverged_at_step"] == 249


def refusal(folder, machine, **changes):
    with pytest.raises(UserError) as refused:
        fit_toy(folder, machine, **changes)
    return str(refused.value)


def test_checkpoint_of_other_settings_is_refused_and_kept(tmp_path, machine):
    fit_toy_until(tmp_path, machine, 130)
    assert "spec.rate was 0.01 and is 0.02" in refusal(tmp_path, machine, rate=0.02)
    fit_toy(tmp_path, machine, dies_at=99)  # the old settings go on from where they were


def test_checkpoint_of_another_number_of_threads_is_refused(tmp_path, machine):
    fit_toy_until(tmp_path, machine, 130)
    assert "threads was 1 and is 2" in refusal(tmp_path, Machine(machine.device, threads=2))


def test_checkpoint_of_an_uncompiled_run_is_refused_by_a_compiled_one(tmp_path, machine):
    fit_toy_until(tmp_path, machine, 130)
    assert "compile was False and is True" in refusal(tmp_path, machine, compile=True)


def test_checkpoint_of_another_torch_is_refused(tmp_path, machine, monkeypatch):
    fit_toy_until(tmp_path, machine, 130)
    installed = str(torch.__version__)
    monkeypatch.setattr(torch, "__version__", "1.0")
    assert f"torch was '{installed}' and is '1.0'" in refusal(tmp_path, machine)


def test_memory_that_does_not_suffice_is_told_with_the_ways_out():
    told = r"GiB were in use\): set `recompute: true` .* `micro_batches` .* checkpoint"
    with pytest.raises(UserError, match=told), Machine.prepare("cpu").enough_memory(MEMORY_ADVICE):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")
