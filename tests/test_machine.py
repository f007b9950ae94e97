"""Random numbers by key, and the choice of the device."""

import subprocess
import sys

import pytest
import torch

from kanpipe.errors import UserError
from kanpipe.machine import Machine, cpu_model, derived_seed, seeded


@pytest.fixture
def threads_restored():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def cuda(monkeypatch, available):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)


def test_derived_seed_never_changes():
    # Results and checkpoints rest on it: another value here makes every run another run.
    assert derived_seed(0, "init") == 5184189234732532942


def test_derived_seed_depends_on_every_part_and_its_place():
    keys = [(0,), (1,), ("0",), (0, 1), (1, 0), ("ab", "c"), ("a", "bc"), (0, "noise", 7), (0, "noise", 8)]
    seeds = {derived_seed(*key) for key in keys}
    assert len(seeds) == len(keys)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_generator_depends_on_its_key_alone(machine):
    first = torch.rand(5, generator=machine.generator(0, "noise", 3))
    torch.rand(100)
    assert torch.equal(torch.rand(5, generator=machine.generator(0, "noise", 3)), first)
    assert not torch.equal(torch.rand(5, generator=machine.generator(0, "noise", 4)), first)
    assert not torch.equal(torch.rand(5, generator=machine.generator(1, "noise", 3)), first)


def test_generator_leaves_the_default_one_alone(machine):
    before = torch.get_rng_state()
    torch.rand(5, generator=machine.generator(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_seeded_block_is_a_function_of_its_key():
    def numbers(*key):
        with seeded(*key):
            return torch.rand(5)

    assert torch.equal(numbers(0, "init"), numbers(0, "init"))
    assert not torch.equal(numbers(0, "init"), numbers(1, "init"))


def test_seeded_block_restores_the_default_generator_even_after_a_fault():
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), seeded(0):
        torch.rand(5)
        raise ZeroDivisionError
    assert torch.equal(torch.get_rng_state(), before)


def test_cuda_is_refused_where_there_is_none(monkeypatch):
    cuda(monkeypatch, available=False)
    with pytest.raises(UserError, match="no CUDA device is visible; set device to 'auto' or 'cpu'"):
        Machine.prepare("cuda")


@pytest.mark.parametrize(("available", "gpus"), [(False, 1), (True, 0)], ids=["no device", "no GPU for the job"])
def test_auto_is_the_cpu_without_a_gpu(monkeypatch, threads_restored, available, gpus):
    cuda(monkeypatch, available)
    assert Machine.prepare("auto", gpus=gpus).device == torch.device("cpu")


@pytest.mark.parametrize("available", [False, True])
def test_job_without_a_gpu_computes_on_the_cpu_whatever_is_asked_for(monkeypatch, threads_restored, available):
    cuda(monkeypatch, available)
    assert Machine.prepare("cuda", gpus=0).device == torch.device("cpu")


def test_threads_are_those_of_torch(threads_restored):
    assert Machine.prepare("cpu", threads=2).threads == torch.get_num_threads() == 2


def test_no_thread_of_a_training_leaves_denormal_numbers():
    made = """
import torch
from kanpipe.machine import Machine
Machine.prepare("cpu", threads=2, flush_denormals={})
product = torch.full((10**6,), 1e-20) * 1e-20
print(product.view(torch.int32).count_nonzero().item())
"""
    counts = [
        int(
            subprocess.run(
                [sys.executable, "-c", made.format(flush)], check=True, capture_output=True, text=True
            ).stdout
        )
        for flush in (False, True)
    ]
    assert counts == [10**6, 0]


def test_machine_says_its_name_and_memory(machine):
    assert machine.name.endswith(" cores")
    assert 10 < machine.peak_memory_mib() < 1e6  # Python with torch takes hundreds of MiB; the unit differs by system


def test_processors_of_one_name_are_told_apart(tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n\nprocessor\t: 1\n")
    assert cpu_model(info).startswith("AMD EPYC (family 25, model 1), ")
    info.write_text("Processor\t: ARM\nmodel name\t: Cortex\n")
    assert cpu_model(info).startswith("Cortex, ")
    assert cpu_model(tmp_path / "none").endswith(" cores")
