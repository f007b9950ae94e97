"""Jobs side by side get GPUs of their own; the devices are simulated."""

import contextlib
import subprocess
import sys
import tempfile

import pytest
import torch
from snakemake.iocontainers import ResourceList

from kanpipe import gpus
from kanpipe.errors import UserError
from kanpipe.machine import Machine

JOB = """
import sys
from types import SimpleNamespace
sys.modules["torch"] = SimpleNamespace(cuda=SimpleNamespace(device_count=lambda: {count}))  # importing it takes seconds
from kanpipe.gpus import take_gpu
print(take_gpu(), flush=True)
assert take_gpu() == take_gpu()
input()
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Locks of this test alone, and no scheduler around it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in gpus.GIVEN:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def start():
    """Start a job that takes one of so many GPUs: its process and the index that it has got."""
    with contextlib.ExitStack() as stack:

        def started(count):
            command = [sys.executable, "-c", JOB.format(count=count)]
            job = stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(job.kill)
            return job, int(job.stdout.readline())

        yield started


def test_jobs_get_devices_of_their_own_and_a_killed_one_gives_its_back(start):
    jobs = [start(count=3) for _ in range(3)]
    assert [index for _, index in jobs] == [0, 1, 2]
    _, shared = start(count=3)
    assert shared in range(3)  # more jobs than devices
    jobs[1][0].kill()
    jobs[1][0].wait()
    assert start(count=3)[1] == 1


def test_scheduler_s_choice_is_kept(start, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    first, second = start(count=2), start(count=2)
    assert [first[1], second[1]] == [0, 1]  # of what is visible
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    assert start(count=1)[1] == 0  # the scheduler has said so, whoever else is there
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    assert start(count=2)[1] == 0


@pytest.fixture
def visible(monkeypatch):
    """Make torch see so many GPUs."""

    def seen(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "set_device", lambda index: None)
        monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda *arguments, **options: None)
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # so that it is forgotten after the test

    gpus._taken.cache_clear()
    yield seen
    gpus._taken.cache_clear()


def test_machine_is_the_device_that_was_free(visible, start, monkeypatch):
    start(count=2)
    visible(2)
    monkeypatch.setattr(tempfile, "tempdir", None)  # which is looked up once
    assert Machine.prepare("auto").device == torch.device("cuda", 1)
    assert Machine.prepare("cuda").device == torch.device("cuda", 1)  # the same in one process


@pytest.mark.parametrize(
    ("name", "value"),
    [("CUDA_VISIBLE_DEVICES", "0"), ("SLURM_JOB_GPUS", "3"), ("CUDA_VISIBLE_DEVICES", "GPU-8932f937")],
)
def test_gpu_that_was_given_and_is_not_seen_stops_the_job(visible, monkeypatch, name, value):
    visible(0)
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=rf"was given a GPU \({name} is {value}\), but torch .* set device to 'cpu'"):
        Machine.prepare("auto", gpus=1)
    assert Machine.prepare("auto", gpus=0).device == Machine.prepare("cpu").device == torch.device("cpu")


@pytest.mark.parametrize("value", ["", "-1", "NoDevFiles"])
def test_where_no_gpu_was_given_the_cpu_is_taken_and_said(visible, monkeypatch, caplog, value):
    visible(0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert Machine.prepare("auto", gpus=1).device == torch.device("cpu")
    assert "no CUDA device: computing on the CPU" in caplog.text


@pytest.mark.parametrize(
    ("asked", "given"),
    [({"gpu": 1}, 1), ({"gpu": 0}, 0), ({"gpu": 0, "gres": "gpu:1"}, 1), ({"gpu": 0, "gres": "lustre:1"}, 0), ({}, 0)],
)
def test_job_that_asks_by_gres_computes_on_its_gpu(asked, given):
    assert gpus.asked(ResourceList(fromdict=asked)) == given
