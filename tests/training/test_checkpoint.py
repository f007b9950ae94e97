"""The checkpoint: one process at a time, of one run, whole or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kanpipe.errors import UserError
from kanpipe.training.checkpoint import Checkpoint

IDENTITY = {"variant": "kan", "seed": 0, "spec": {"training": {"epochs": 4, "rate": 0.002}}, "config_hash": "a"}
STATE = {"step": 7, "model": {"weight": torch.arange(3.0)}, "history": [0.5, 0.25]}
HOLD_LOCK = """
import sys, filelock
lock = filelock.FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
input()
"""


@pytest.fixture
def checkpoint(tmp_path):
    with Checkpoint(tmp_path, IDENTITY).held() as checkpoint:
        yield checkpoint


def refusal(folder, identity=IDENTITY):
    with pytest.raises(UserError) as refused:
        Checkpoint(folder, identity).load()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_there_is_no_state_at_first(checkpoint):
    assert checkpoint.load() is None


def test_saved_state_comes_back(checkpoint, tmp_path):
    checkpoint.save({"step": 1})
    checkpoint.save(STATE)
    state = Checkpoint(tmp_path, IDENTITY).load()
    assert torch.equal(state.pop("model")["weight"], STATE["model"]["weight"])
    assert state == {"step": 7, "history": [0.5, 0.25]}


def test_results_take_the_place_of_the_state(tmp_path):
    with Checkpoint(tmp_path, IDENTITY).held() as checkpoint:
        checkpoint.save(STATE)
        with checkpoint.results() as folder:
            (folder / "weights").write_text("trained")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".trained", "weights"]
    assert (tmp_path / "weights").read_text() == "trained"


def test_saved_checkpoint_stays_when_it_is_let_go(tmp_path):
    with Checkpoint(tmp_path, IDENTITY).held() as checkpoint:
        checkpoint.save(STATE)
    assert Checkpoint(tmp_path, IDENTITY).load()["step"] == 7


def test_held_checkpoint_clears_what_a_killed_process_was_writing(tmp_path):
    (tmp_path / ".checkpoint").mkdir()
    for path in (tmp_path / ".weights.7.partial.safetensors", tmp_path / ".checkpoint/.state.7.partial.pt"):
        path.write_bytes(b"half")
    with Checkpoint(tmp_path, IDENTITY).held():
        assert not list(tmp_path.rglob("*partial*"))


@pytest.mark.parametrize(
    ("changed", "phrases"),
    [
        ({"variant": "mlp"}, ["variant was 'kan' and is 'mlp'"]),
        ({"seed": 1, "config_hash": "b"}, ["seed was 0 and is 1"]),
        ({"spec": {"training": {"epochs": 5, "rate": 0.002}}}, ["spec.training.epochs was 4 and is 5"]),
        ({"spec": {"training": {"epochs": 4}}}, ["spec.training.rate was 0.002 and is None"]),
        ({"seed": 3, "variant": "mlp"}, ["seed was 0 and is 3", "variant was 'kan' and is 'mlp'"]),
        ({"threads": 2}, ["threads was None and is 2"]),
    ],
)
def test_state_of_another_run_is_refused_with_what_differs(checkpoint, tmp_path, changed, phrases):
    checkpoint.save(STATE)
    sentence = refusal(tmp_path, IDENTITY | changed)
    assert f"{checkpoint.path} is of another run: {'; '.join(phrases)}. Delete {checkpoint.folder}" in sentence


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda whole: b"", lambda whole: b"text"])
def test_damaged_state_is_refused_with_its_file(checkpoint, tmp_path, damage):
    checkpoint.save(STATE)
    checkpoint.path.write_bytes(damage(checkpoint.path.read_bytes()))
    assert refusal(tmp_path) == f"{checkpoint.path} is damaged; delete {checkpoint.folder} to train from the start"


class Malicious:
    """A pickle of it runs a command."""

    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return os.mkdir, (str(self.victim),)


def test_code_in_a_checkpoint_is_not_executed(checkpoint, tmp_path):
    torch.save(Malicious(tmp_path / "pwned"), checkpoint.path)
    assert "is damaged" in refusal(tmp_path)
    assert not (tmp_path / "pwned").exists()


def test_failed_save_keeps_the_old_state(checkpoint, tmp_path, monkeypatch):
    checkpoint.save(STATE)

    def write_half(self, data):
        with open(self, "wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(STATE | {"step": 8})
    assert Checkpoint(tmp_path, IDENTITY).load()["step"] == 7
    assert sorted(path.name for path in checkpoint.folder.iterdir()) == ["identity.json", "lock", "state.pt"]


def test_what_a_kill_left_of_a_save_is_not_taken_for_a_state(checkpoint, tmp_path):
    (checkpoint.folder / ".state.4711.partial.pt").write_bytes(b"half")
    assert checkpoint.load() is None


DEVICES = [IDENTITY | {"device": name} for name in ("this CPU", "that CPU")]


@pytest.fixture
def moved(tmp_path):
    """The folder of a run whose checkpoint is of another device than the one at hand."""
    with Checkpoint(tmp_path, DEVICES[0]).held() as checkpoint:
        checkpoint.save(STATE)
    return tmp_path


def test_checkpoint_of_another_device_is_refused_and_the_switch_is_named(moved):
    said = refusal(moved, DEVICES[1])
    assert "device was 'this CPU' and is 'that CPU'" in said
    assert "resume_elsewhere: true" in said


def test_checkpoint_of_another_device_is_gone_on_from_where_that_is_allowed(moved):
    assert Checkpoint(moved, DEVICES[1], elsewhere=True).load()["step"] == 7
    assert Checkpoint(moved, DEVICES[1]).load()["step"] == 7, "it is of this device now"


def test_only_the_device_may_be_another(moved):
    with pytest.raises(UserError, match="seed was 0 and is 1") as refused:
        Checkpoint(moved, DEVICES[1] | {"seed": 1}, elsewhere=True).load()
    assert "resume_elsewhere" not in str(refused.value)


def test_run_that_another_process_trains_is_refused(tmp_path):
    (tmp_path / ".checkpoint").mkdir()
    command = [sys.executable, "-c", HOLD_LOCK, str(tmp_path / ".checkpoint" / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"another process is training into {tmp_path}; wait until it ends or stop"):
            Checkpoint(tmp_path, IDENTITY).held().__enter__()
        other.kill()
    with Checkpoint(tmp_path, IDENTITY).held():  # the lock has died with its process
        pass


def test_lock_is_released_after_a_fault(tmp_path):
    with pytest.raises(ZeroDivisionError), Checkpoint(tmp_path, IDENTITY).held():
        raise ZeroDivisionError
    with Checkpoint(tmp_path, IDENTITY).held():
        pass
