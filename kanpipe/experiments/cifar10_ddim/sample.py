"""Images drawn from one U-Net by every configured sampler, each batch kept as soon as it is drawn."""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from kanpipe.diffusion.schedules import Schedule
from kanpipe.experiments.cifar10_ddim import problem
from kanpipe.experiments.cifar10_ddim.config import STRIP, Experiment, Sampling, Strip
from kanpipe.experiments.cifar10_ddim.datasets import Dataset
from kanpipe.experiments.cifar10_ddim.samplers import Predict, Sampler
from kanpipe.experiments.protocol import Inputs
from kanpipe.machine import Machine
from kanpipe.models.unet import UNet
from kanpipe.progress import Progress
from kanpipe.provenance import code_hash, named_families
from kanpipe.runs import FinishedRun, write_samples
from kanpipe.training.kept import place
from kanpipe.training.shards import Shards

log = logging.getLogger("kanpipe")

Arrays = dict[str, np.ndarray]

COMPILE_FROM = 1000  # calls of the network: with fewer, compiling it takes longer than it saves
MEASURES = ("start_means", "end_means", "outside", "squares")
TIMED = "/seconds"  # the end of the names of what is no array of the output
OF_CHANNELS = MEASURES[:2]  # which have a value for each channel of an image, the others one for an image


@dataclass(frozen=True)
class Batch:
    """The images `first`, `first` + 1, ... of a sampler; `strip`, if any, as it is configured."""

    sampler: Sampler
    first: int
    images: int
    strip: Strip | None = None

    @property
    def name(self) -> str:
        return f"{self.sampler.name}-{self.first:06d}"


@dataclass(frozen=True)
class Drawing:
    """What is needed to draw a batch; `filled` batches all have the full size, so that nothing is compiled twice."""

    predict: Predict
    schedule: Schedule
    sampling: Sampling
    seed: int  # of the noise: that of the sampling and that of the training together
    shape: tuple[int, int, int]  # of an image: channels, height, width
    machine: Machine
    filled: bool

    def __call__(self, batch: Batch) -> Arrays:
        """`images` (n, 32, 32, channels), their measures, the `seconds` that they took, and perhaps a `strip`."""
        started = time.perf_counter()
        seed, count = self.seed, self.sampling.batch_size if self.filled else batch.images
        x_T = start_noise(seed, range(batch.first, batch.first + count), self.shape, self.machine)
        noise = self.machine.generator(seed, "walk", batch.sampler.name, batch.first)
        states = batch.strip.states if batch.strip else 1
        walk = batch.sampler.walk(self.predict, x_T, self.schedule, noise, states)
        arrays = _measured(x_T[: batch.images], walk[-1][: batch.images])
        arrays["seconds"] = np.array(time.perf_counter() - started)
        if batch.strip:
            arrays[STRIP] = _pixels(torch.stack(walk, dim=1)[: batch.strip.images])
        return arrays


def sample(run: FinishedRun, spec: Experiment, inputs: Inputs, machine: Machine, out: Path) -> None:
    """Write `out`, an npz; the samplers are those of `spec.sampling`, the first of which is the main one.

    <sampler>               uint8 (images, 32, 32, channels)
    <sampler>/start_means   float32 (images, channels)  mean of every channel of x_T
    <sampler>/end_means     float32 (images, channels)  the same of the result before it is clipped to [-1, 1]
    <sampler>/outside       float32 (images,)           share of its values outside [-1, 1]
    <sampler>/squares       float32 (images,)           mean of its squares
    strip                   uint8 (images, states, 32, 32, channels), from noise to image, of the main sampler

    x_T of an image is a function of its index and of the seed of the sampling plus that of the training: networks that
    were trained with the same seed begin at the same noise, and the spread over seeds is of both. A run that
    has diverged has no images. What is drawn is kept beside `out`: a sampling that is killed and called again ends with
    the same bytes. `sampling.json` beside it says how many `seconds` each sampler took, without compilation. Raises
    UserError when the GPU's memory does not suffice.
    """
    sampling, kind = spec.sampling, problem.dataset(run.spec.problem)
    samplers = [Sampler(name, **options.model_dump(exclude_none=True)) for name, options in sampling.samplers.items()]
    batches = {sampler: list(_batches(sampler, sampling, sampler is samplers[0])) for sampler in samplers}
    if run.diverged:
        return _write(out, _nothing(samplers, sampling.strip, kind))
    calls = _calls([batch for own in batches.values() for batch in own], run)
    compiled = run.spec.recipe.compile and calls >= COMPILE_FROM
    with Shards(out, _identity(run, sampling, machine, compiled)).held() as shards:
        if shards.finished():
            log.info("%s: was sampled before, with the same settings, code, weights and machine", _label(run))
            return
        with machine.enough_memory(f"lower `sampling.batch_size`, which is {sampling.batch_size}, and run again"):
            arrays = _all_drawn(run, sampling, machine, compiled, batches, shards)
        with shards.results() as kept:
            _write(kept, arrays)


def start_noise(seed: int, indices: Iterable[int], shape: tuple[int, int, int], machine: Machine) -> Tensor:
    """x_T of the images of these indices, (n, *shape) on the device: each by a generator of its own."""
    generators = [machine.generator(seed, "x_T", index) for index in indices]
    x = torch.empty(len(generators), *shape, device=machine.device)
    for image, generator in zip(x, generators, strict=True):
        image.normal_(generator=generator)
    return x


def predictor(run: FinishedRun, machine: Machine, compiled: bool) -> Predict:
    """The run's U-Net: in float32, and on a GPU channels last and in the precision that it was trained in."""
    on_gpu = machine.device.type == "cuda"
    layout = torch.channels_last if on_gpu else torch.contiguous_format
    half = on_gpu and run.spec.recipe.precision == "bfloat16"
    model = problem.restore(run, machine).to(memory_format=layout)
    if compiled:
        torch.compiler.reset()  # else the nets of all runs would count as one that is compiled again and again
        model = cast(UNet, torch.compile(model, fullgraph=True, dynamic=False))

    @torch.no_grad()
    def predict(x: Tensor, t: Tensor) -> Tensor:
        with torch.autocast(machine.device.type, torch.bfloat16, enabled=half):
            return model(x.contiguous(memory_format=layout), t).float()

    return predict


def _all_drawn(
    run: FinishedRun,
    sampling: Sampling,
    machine: Machine,
    compiled: bool,
    batches: dict[Sampler, list[Batch]],
    shards: Shards,
) -> Arrays:
    """The arrays of all samplers, from the shards and from what is drawn now and put there."""
    every = [batch for own in batches.values() for batch in own]
    waiting = [batch for batch in every if batch.name not in shards]
    predict, kind = predictor(run, machine, compiled), problem.dataset(run.spec.problem)
    if compiled and waiting:
        log.info("%s: the network is compiled for batches of %d images", _label(run), sampling.batch_size)
        _compile(predict, sampling.batch_size, kind.shape, machine)

    with Progress(f"{_label(run)} sampling", _calls(every, run), _calls(every, run) - _calls(waiting, run)) as progress:

        def counted(x: Tensor, t: Tensor) -> Tensor:
            progress.advance()
            return predict(x, t)

        schedule = problem.schedule(run.spec.problem, machine)
        draw = Drawing(counted, schedule, sampling, sampling.seed + run.seed, kind.shape, machine, filled=compiled)

        def arrays(batch: Batch) -> Arrays:
            if (found := shards.load(batch.name)) is None:
                found = draw(batch)
                shards.save(batch.name, found)
                progress.note = f"{batch.sampler.name}, {batch.images / found['seconds']:.3g} images/s"
            return found

        return _merged(_gathered(sampler, map(arrays, own), kind) for sampler, own in batches.items())


def _compile(predict: Predict, count: int, shape: tuple[int, int, int], machine: Machine) -> None:
    """Have the network compiled by a first call, so that no batch is timed with it."""
    predict(start_noise(0, range(count), shape, machine), torch.zeros(count, dtype=torch.int64, device=machine.device))


def _batches(sampler: Sampler, sampling: Sampling, with_strip: bool) -> Iterator[Batch]:
    """All batches of a sampler; the first may bring a strip."""
    size, strip = sampling.batch_size, sampling.strip
    for first in range(0, sampler.images, size):
        batch = Batch(sampler, first, min(size, sampler.images - first))
        if with_strip and first == 0:
            batch = replace(batch, strip=strip)
        yield batch


def _calls(batches: list[Batch], run: FinishedRun) -> int:
    """How often the network is asked."""
    return sum(batch.sampler.calls(run.spec.problem.diffusion.steps) for batch in batches)


def _measured(x_T: Tensor, x: Tensor) -> Arrays:
    """What is kept of a batch: its pixels and MEASURES."""
    every = (1, 2, 3)
    measures = {
        "start_means": x_T.mean(dim=(2, 3)),
        "end_means": x.mean(dim=(2, 3)),
        "outside": (x.abs() > 1).float().mean(dim=every),
        "squares": x.square().mean(dim=every),
    }
    return {"images": _pixels(x)} | {name: values.cpu().numpy() for name, values in measures.items()}


def _pixels(x: Tensor) -> np.ndarray:
    """(..., channels, 32, 32) from -1 to 1 -> bytes (..., 32, 32, channels)."""
    return problem.to_bytes(x).movedim(-3, -1).cpu().numpy()


def _nothing(samplers: Iterable[Sampler], strip: Strip, kind: Dataset) -> Arrays:
    """The arrays of a run without images."""
    empty = _merged(_gathered(replace(sampler, images=0), [], kind) for sampler in samplers)
    return empty | {STRIP: np.zeros((0, strip.states, *_pixels_of(kind)), np.uint8)}


def _pixels_of(kind: Dataset) -> tuple[int, int, int]:
    """The shape of an image as bytes: height, width, channels."""
    channels, height, width = kind.shape
    return height, width, channels


def _gathered(sampler: Sampler, batches: Iterable[Arrays], kind: Dataset) -> Arrays:
    """The arrays of one sampler, as they are named in the output."""
    images = np.empty((sampler.images, *_pixels_of(kind)), np.uint8)
    shapes = {name: (sampler.images, len(kind.channels))[: 1 + (name in OF_CHANNELS)] for name in MEASURES}
    arrays = {name: np.empty(shape, np.float32) for name, shape in shapes.items()}
    strip: Arrays = {}
    seconds, end = 0.0, 0
    for batch in batches:
        rows = slice(end, end := end + len(batch["images"]))
        images[rows] = batch["images"]
        for name, values in arrays.items():
            values[rows] = batch[name]
        seconds += float(batch["seconds"])
        strip |= {STRIP: batch[STRIP]} if STRIP in batch else {}
    named = {f"{sampler.name}/{name}": values for name, values in arrays.items()}
    return {sampler.name: images} | named | {f"{sampler.name}{TIMED}": np.array(seconds)} | strip


def _merged(of_samplers: Iterable[Arrays]) -> Arrays:
    return {name: values for arrays in of_samplers for name, values in arrays.items()}


def _identity(run: FinishedRun, sampling: Sampling, machine: Machine, compiled: bool) -> dict[str, Any]:
    """All that decides what is drawn."""
    weights, code = run.record.files["weights.safetensors"], code_hash(__name__, named_families(run.record.spec))
    source = {"weights": weights, "run": run.record.spec, "code": code, "compiled": compiled}
    return source | {"sampling": sampling.model_dump(mode="json")} | place(machine)


def _label(run: FinishedRun) -> str:
    return f"{run.record.experiment}/{run.variant}/seed{run.seed}"


def _write(out: Path, arrays: Arrays) -> None:
    timed = [name for name in arrays if name.endswith(TIMED)]
    seconds = {name.removesuffix(TIMED): float(arrays.pop(name)) for name in timed}
    write_samples(out, arrays, seconds)
