"""Sampling from U-Nets: what is drawn, and that it may be killed anywhere."""

import logging
import subprocess
import sys

import numpy as np
import pytest
import torch
from run_records import recorded
from safetensors.torch import save_file
from torch import nn

from kanpipe.config.kinds import parsed
from kanpipe.diffusion import ddim_sample, linear_schedule, quadratic_timesteps
from kanpipe.errors import UserError
from kanpipe.experiments import stage
from kanpipe.experiments.cifar10_ddim import problem
from kanpipe.experiments.cifar10_ddim import sample as sampling
from kanpipe.experiments.cifar10_ddim.config import Experiment
from kanpipe.experiments.cifar10_ddim.samplers import Sampler
from kanpipe.experiments.protocol import Inputs
from kanpipe.machine import Machine

VARIANTS = {"unet": {"family": "mlp"}, "kan_unet": {"family": "kan", "scaler": False, "conv_norm": "instance"}}
PROBLEM = {
    "dataset": "photographs",
    "diffusion": {"steps": 1000, "first": 1e-4, "last": 0.02},
    "network": {"channels": 8, "multipliers": [1, 2], "groups": 4, "dropout": 0.1},
}
TRAINING = {"steps": 3, "batch_size": 4, "learning_rate": 1e-3, "decay": "constant", "clip_norm": 1.0}
TRAINING |= {"ema": {"decay": 0.9, "ramp": True}, "precision": "float32", "compile": False, "cuda_graph": False}
TRAINING |= {"micro_batches": 1, "probe_steps": [0]}
SHAPE = (3, 32, 32)
SAMPLING = {
    "seed": 0,
    "batch_size": 3,
    "strip": {"images": 2, "states": 3},
    "samplers": {
        "quad_4": {"timesteps": "quadratic", "count": 4, "eta": 0, "images": 7},
        "uniform_2": {"timesteps": "uniform", "count": 2, "eta": 0.5, "images": 3},
    },
}
SCHEDULE = linear_schedule()
CPU = Machine.prepare("cpu", threads=1)


class Killed(BaseException):
    """What no handler of the program catches, like the end of its process."""


def finished(folder, variant="unet", seed=0, status="finished", **training):
    """A run that was trained for no steps."""
    spec = {"problem": PROBLEM, "training": TRAINING | training, "variant": VARIANTS[variant]}
    said = {"experiment": "cifar10_ddim", "kind": "cifar10_ddim", "variant": variant, "seed": seed, "status": status}
    run = recorded(folder, **said, spec=spec)
    net = problem.build(run.spec.problem, run.spec.variant, seed)
    save_file(net.state_dict(), folder / "weights.safetensors")
    return recorded(folder, **said, spec=spec)


def asked_for(sampling):
    """The blocks of a stage that samples, with fewer images than a configuration may ask for."""
    few = {name: options | {"images": 10} for name, options in sampling["samplers"].items()}
    found = parsed("cifar10_ddim", {"sampling": sampling | {"samplers": few}}).sampling
    images = {name: options["images"] for name, options in sampling["samplers"].items()}
    samplers = {name: options.model_copy(update={"images": images[name]}) for name, options in found.samplers.items()}
    return Experiment.model_construct(sampling=found.model_copy(update={"samplers": samplers}))


def drawn(run, spec=SAMPLING, machine=CPU):
    stage("cifar10_ddim", "sample")(run, asked_for(spec), Inputs(), machine, run.folder / "samples.npz")
    return run.samples()


def changed(**changes):
    return SAMPLING | changes


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("runs") / "unet")


@pytest.fixture(scope="module")
def samples(run):
    return drawn(run)


def same(arrays, others):
    assert arrays.keys() == others.keys()
    for name in arrays:
        np.testing.assert_array_equal(arrays[name], others[name], err_msg=name)


# What is drawn.


def test_images_are_the_results_of_ddim_from_the_start_noise(run, samples):
    x_T = sampling.start_noise(0, range(7), SHAPE, CPU)
    x = ddim_sample(problem.restore(run, CPU), x_T, SCHEDULE, quadratic_timesteps(1000, 4))[-1]
    pixels = ((x.clamp(-1, 1) + 1) * 127.5).permute(0, 2, 3, 1).numpy()
    assert samples["quad_4"].dtype == np.uint8 and samples["quad_4"].shape == (7, 32, 32, 3)
    # convolutions of batches of 7 and of 3 may round otherwise
    assert np.abs(samples["quad_4"] - pixels).max() < 0.51
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(samples["quad_4/end_means"], x.mean(dim=(2, 3)), **close)
    np.testing.assert_allclose(samples["quad_4/squares"], (x**2).flatten(1).mean(dim=1), **close)
    outside = ((x < -1) | (x > 1)).flatten(1).float().mean(dim=1)
    np.testing.assert_allclose(samples["quad_4/outside"], outside, atol=2 / 3072)  # two values at the border
    assert 0.5 < outside.mean() < 0.99


def test_start_means_are_of_standard_normal_noise_and_the_same_for_all_samplers(samples):
    means = sampling.start_noise(0, range(7), SHAPE, CPU).mean(dim=(2, 3)).numpy()
    np.testing.assert_array_equal(samples["quad_4/start_means"], means)
    np.testing.assert_array_equal(samples["uniform_2/start_means"], means[:3])
    x = sampling.start_noise(0, range(300), SHAPE, CPU).flatten()
    assert abs(x.mean().item()) < 5 / len(x) ** 0.5
    assert abs(x.var().item() - 1) < 5 * (2 / len(x)) ** 0.5


def test_start_noise_of_an_image_is_a_function_of_seed_and_index():
    every = sampling.start_noise(0, range(6), SHAPE, CPU)
    assert torch.equal(sampling.start_noise(0, range(2, 5), SHAPE, CPU), every[2:5])
    assert not torch.equal(sampling.start_noise(1, range(6), SHAPE, CPU)[2], every[2])
    assert len({tuple(image.flatten()[:3].tolist()) for image in every}) == 6


@pytest.mark.parametrize("batch_size", [2, 7, 50])
def test_images_do_not_depend_on_the_batches_but_for_rounding(run, samples, batch_size):
    other = drawn(run, changed(batch_size=batch_size))
    np.testing.assert_array_equal(other["quad_4/start_means"], samples["quad_4/start_means"])
    np.testing.assert_allclose(other["quad_4/end_means"], samples["quad_4/end_means"], rtol=1e-4, atol=1e-5)
    # a value on the border of two bytes may fall to either side
    assert np.abs(other["quad_4"].astype(int) - samples["quad_4"]).max() <= 1


def test_noise_of_the_walk_is_of_the_sampler_and_the_batch(run):
    eta = {"timesteps": "uniform", "count": 2, "eta": 1, "images": 6}
    names = {"a": eta, "b": eta}
    first, again = (drawn(run, changed(samplers=names, strip={"images": 1, "states": 2})) for _ in range(2))
    same(first, again)
    assert (first["a"] != first["b"]).any()

    def noise(batch):  # without the network the noise of the walk is all that is left
        asked, of_sampling = [], asked_for(SAMPLING).sampling
        draw = sampling.Drawing(
            lambda x, t: asked.append(x) or 0 * x, SCHEDULE, of_sampling, 0, SHAPE, CPU, filled=False
        )
        draw(sampling.Batch(Sampler("a", **eta), batch, 3))
        return asked[1] - asked[0] * (SCHEDULE.alpha_bar[1] / SCHEDULE.alpha_bar[501]).sqrt()

    assert not torch.allclose(noise(0), noise(3)) and torch.equal(noise(0), noise(0))


def test_strip_goes_from_the_noise_of_the_first_images_to_themselves(run, samples):
    strip = samples["strip"]
    assert strip.shape == (2, 3, 32, 32, 3) and strip.dtype == np.uint8
    np.testing.assert_array_equal(strip[:, -1], samples["quad_4"][:2])
    x_T = sampling.start_noise(0, range(2), SHAPE, CPU)
    np.testing.assert_array_equal(strip[:, 0], sampling._pixels(x_T))
    times = quadratic_timesteps(1000, 4)  # of the five states the middle one stands before the second time
    middle = ddim_sample(problem.restore(run, CPU), x_T, SCHEDULE, times, keep=[int(times[1])])[int(times[1])]
    assert np.abs(strip[:, 1].astype(int) - sampling._pixels(middle)).max() <= 1


def test_published_kan_gives_images_too(tmp_path):
    arrays = drawn(finished(tmp_path, "kan_unet"))
    assert arrays["quad_4"].std() > 10 and np.isfinite(arrays["quad_4/squares"]).all()


def test_run_that_has_diverged_has_no_images(tmp_path, samples):
    arrays = drawn(finished(tmp_path, status="diverged"))
    assert arrays.keys() == samples.keys()
    for name, values in arrays.items():
        assert values.dtype == samples[name].dtype
        assert values.shape == ((0, *samples[name].shape[1:]) if values.ndim else ())


# The samplers.


def exact_noise(x, t):
    """What predicts the noise best when the data are standard normal with mean 2."""
    a = SCHEDULE.alpha_bar[t + 1].view(-1, 1, 1, 1)
    return (1 - a).sqrt() * (x - 2 * a.sqrt())


@pytest.mark.parametrize(
    "sampler",
    [Sampler("a", "ancestral", 50), Sampler("u", "uniform", 50, 1000, 1.0), Sampler("d", "uniform", 50, 500, 0.0)],
    ids=lambda sampler: sampler.name,
)
def test_every_sampler_leads_to_the_data_of_the_exact_noise(sampler):
    x_T = sampling.start_noise(0, range(50), SHAPE, CPU)
    x = sampler.walk(exact_noise, x_T, SCHEDULE, torch.Generator().manual_seed(0))[-1]
    n = x.numel()
    assert x.mean().item() == pytest.approx(2, abs=5 / n**0.5 + 0.02)  # x_T lacks sqrt(abar) of the mean: 0.0127
    assert x.var().item() == pytest.approx(1, abs=5 * (2 / n) ** 0.5 + 0.002)


def test_ancestral_sampling_asks_the_network_what_ddim_with_all_times_asks(monkeypatch):
    """Without noise both are the same walk: they differ in the variance of the noise that they add."""
    asked = {}
    monkeypatch.setattr(torch, "randn", lambda shape, **_: torch.zeros(shape))
    ends = {}
    for sampler in (Sampler("ancestral", "ancestral", 1), Sampler("ddim", "uniform", 1, 1000, 1.0)):
        times = asked[sampler.name] = []
        predict = lambda x, t, times=times: times.append(t.tolist()) or exact_noise(x, t)  # noqa: E731
        x_T = sampling.start_noise(0, range(1), SHAPE, CPU).double()
        ends[sampler.name] = sampler.walk(predict, x_T, linear_schedule(dtype=torch.float64), torch.Generator())[-1]
    assert asked["ancestral"] == asked["ddim"] == [[t] for t in range(999, -1, -1)]
    # SCHEDULE, which the noise is of, is of float32
    torch.testing.assert_close(ends["ancestral"], ends["ddim"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "sampler", [Sampler("a", "ancestral", 1), Sampler("q", "quadratic", 1, 100)], ids=lambda s: s.name
)
def test_states_are_evenly_spaced_over_the_walk(sampler):
    seen = []
    x_T = torch.zeros(1, 1, 1, 1)
    predict = lambda x, t: seen.append(x) or torch.ones_like(x)  # noqa: E731
    states = sampler.walk(predict, x_T, SCHEDULE, torch.Generator(), 11)
    calls = sampler.calls(1000)
    assert len(seen) == calls == (1000 if sampler.name == "a" else 100)
    assert torch.equal(states[0], x_T)
    for place, state in enumerate(states[:-1]):
        assert torch.equal(state, seen[place * calls // 10])
    assert len(sampler.walk(predict, x_T, SCHEDULE, torch.Generator())) == 1


# A sampling that is killed.


def kill_after(calls, monkeypatch, run, spec=SAMPLING, fault=Killed, machine=CPU):
    """A sampling that ends when the network is asked once more than `calls` times; the number of images it drew."""
    asked, forward = [], problem.unet.UNet.forward

    def mortal(self, x, t):
        if len(asked) == calls:
            raise fault
        asked.append(len(x))
        return forward(self, x, t)

    with monkeypatch.context() as patch, pytest.raises(fault):
        patch.setattr(problem.unet.UNet, "forward", mortal)
        drawn(run, spec, machine)


def images_asked(monkeypatch, run, spec=SAMPLING):
    """How many images the network sees in a sampling to the end, and its arrays."""
    asked, forward = [], problem.unet.UNet.forward
    with monkeypatch.context() as patch:
        patch.setattr(problem.unet.UNet, "forward", lambda self, x, t: asked.append(len(x)) or forward(self, x, t))
        arrays = drawn(run, spec)
    return sum(asked), arrays


@pytest.mark.parametrize("calls", [[0], [5], [4, 4, 3], [12, 1]], ids=str)
def test_killed_and_called_again_the_arrays_are_the_same(samples, tmp_path, monkeypatch, calls):
    run = finished(tmp_path)
    for number in calls:
        kill_after(number, monkeypatch, run)
        assert not (tmp_path / "samples.npz").exists()
    kept = sum(number // 4 for number in calls)  # whole batches of four steps
    asked, arrays = images_asked(monkeypatch, run)
    same(arrays, samples)
    assert asked == 7 * 4 + 3 * 2 - min(kept * 3, 7) * 4
    outputs = {"samples.npz", "sampling.json", ".sampled"}
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", "weights.safetensors"} | outputs


def test_what_was_drawn_is_not_drawn_again_though_its_output_was_deleted(samples, tmp_path, monkeypatch):
    run = finished(tmp_path)
    drawn(run)
    for name in ("samples.npz", "sampling.json"):
        (tmp_path / name).unlink()
        asked, arrays = images_asked(monkeypatch, run)
        same(arrays, samples)
        assert asked == 0 and run.sampling_seconds().keys() == {"quad_4", "uniform_2"}
    asked, _ = images_asked(monkeypatch, run, changed(seed=1))
    assert asked == 7 * 4 + 3 * 2


def test_seconds_are_those_of_all_sittings(tmp_path, monkeypatch):
    run = finished(tmp_path)
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(sampling.time, "perf_counter", lambda: float(next(clock)))
    kill_after(5, monkeypatch, run)
    drawn(run)
    assert run.sampling_seconds() == {"quad_4": 30, "uniform_2": 10}


@pytest.mark.parametrize("what", ["weights", "batch_size", "threads"])
def test_shards_of_other_weights_settings_or_machines_are_not_used(tmp_path, monkeypatch, caplog, what):
    run, spec, machine = finished(tmp_path), SAMPLING, CPU
    kill_after(9, monkeypatch, run)
    if what == "weights":
        run = finished(tmp_path, seed=1)
    elif what == "batch_size":
        spec = changed(batch_size=4)
    else:
        machine = Machine(CPU.device, threads=2)
    with caplog.at_level(logging.INFO, "kanpipe"):
        arrays = drawn(run, spec, machine)
    assert f"begun anew; what is in {tmp_path / '.samples'} is of other settings" in caplog.text
    same(arrays, drawn(finished(tmp_path / "fresh", seed=run.seed), spec, machine))


def test_back_on_the_first_machine_its_shards_are_found(samples, tmp_path, monkeypatch):
    run, other = finished(tmp_path), Machine(CPU.device, threads=2)
    kill_after(9, monkeypatch, run)
    kill_after(5, monkeypatch, run, machine=other)
    asked, arrays = images_asked(monkeypatch, run)
    same(arrays, samples)
    assert asked == 7 * 4 + 3 * 2 - 2 * 3 * 4
    assert not (tmp_path / ".samples").exists()


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda whole: b"", lambda whole: b"text"])
def test_damaged_shard_is_drawn_again(samples, tmp_path, monkeypatch, caplog, damage):
    run = finished(tmp_path)
    kill_after(9, monkeypatch, run)
    (shard,) = (tmp_path / ".samples").glob("*/quad_4-000000.npz")
    shard.write_bytes(damage(shard.read_bytes()))
    same(drawn(run), samples)
    assert f"{shard} is damaged and is made anew" in caplog.text


def test_what_a_kill_left_of_a_shard_is_removed(samples, tmp_path, monkeypatch):
    run = finished(tmp_path)
    kill_after(5, monkeypatch, run)
    (shard,) = (tmp_path / ".samples").glob("*/quad_4-000000.npz")
    shard.with_name(".quad_4-000003.7.partial.npz").write_bytes(b"half")
    same(drawn(run), samples)
    assert not (tmp_path / ".samples").exists()


def test_a_kill_before_the_first_batch_leaves_nothing(tmp_path, monkeypatch):
    run = finished(tmp_path)
    kill_after(1, monkeypatch, run)
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", "weights.safetensors"}


HOLD_LOCK = """
import sys, filelock
lock = filelock.FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
input()
"""


def test_samples_that_another_process_writes_are_refused(run, tmp_path):
    out = tmp_path / "samples.npz"
    (tmp_path / ".samples").mkdir()
    command = [sys.executable, "-c", HOLD_LOCK, str(tmp_path / ".samples" / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"another process is writing {out}; wait until it ends or stop it"):
            stage("cifar10_ddim", "sample")(run, asked_for(SAMPLING), Inputs(), CPU, out)
        other.kill()
    assert not out.exists()


# The machine.


def test_memory_that_does_not_suffice_is_told_with_the_key(tmp_path, monkeypatch):
    run = finished(tmp_path)
    told = r"not enough memory \([\d.]+ GiB .*\): lower `sampling.batch_size`, which is 3"
    with pytest.raises(UserError, match=told):
        kill_after(5, monkeypatch, run, fault=torch.OutOfMemoryError)


def test_values_that_are_not_finite_are_no_black_images(tmp_path):
    run = finished(tmp_path)
    weights = run.tensors("weights.safetensors")
    weights["conv_out.bias"][0] = torch.nan
    save_file(weights, tmp_path / "weights.safetensors")
    run = recorded(tmp_path, kind="cifar10_ddim", spec=run.record.spec)
    with pytest.raises(FloatingPointError, match="not finite"):
        drawn(run)


@pytest.fixture
def compiler(monkeypatch):
    """A compiler that leaves a network as it is and notes the shapes that it would have to compile."""
    seen = []

    class Compiled(nn.Module):
        def __init__(self, model, **options):
            super().__init__()
            self.model, self.options = model, options

        def forward(self, x, t):
            seen.append((tuple(x.shape), tuple(t.shape), x.is_contiguous()))
            return self.model(x, t)

    monkeypatch.setattr(torch, "compile", Compiled)
    return seen


def test_compiled_network_sees_batches_of_one_size_alone(samples, tmp_path, monkeypatch, compiler):
    monkeypatch.setattr(sampling, "COMPILE_FROM", 14)  # 3 batches of 4 steps and 1 of 2
    arrays = drawn(finished(tmp_path, compile=True))
    assert set(compiler) == {((3, 3, 32, 32), (3,), True)}
    assert len(compiler) == 14 + 1, "the first call compiles, outside what is timed"
    np.testing.assert_array_equal(arrays["quad_4/start_means"], samples["quad_4/start_means"])
    assert np.abs(arrays["quad_4"].astype(int) - samples["quad_4"]).max() <= 1


def test_few_calls_are_not_worth_a_compilation(tmp_path, monkeypatch, compiler):
    monkeypatch.setattr(sampling, "COMPILE_FROM", 15)
    drawn(finished(tmp_path / "few", compile=True))
    monkeypatch.setattr(sampling, "COMPILE_FROM", 1)
    drawn(finished(tmp_path / "never", compile=False))
    assert not compiler


def test_half_precision_is_left_to_gpus(samples, tmp_path):
    same(drawn(finished(tmp_path, precision="bfloat16")), samples)


def test_progress_counts_steps_and_says_images_a_second(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("kanpipe.progress.SECONDS_BETWEEN_LINES", 0.0)
    run = finished(tmp_path)
    kill_after(5, monkeypatch, run)
    caplog.clear()
    with caplog.at_level(logging.INFO, "kanpipe"):
        drawn(run)
    lines = [line for line in caplog.messages if "sampling: step" in line]
    assert lines[0].startswith("cifar10_ddim/unet/seed0 sampling: step 5 of 14,"), "four steps were done before"
    assert "step 14 of 14" in lines[-1] and "quad_4" in lines[-1] and "images/s" in lines[-1]
