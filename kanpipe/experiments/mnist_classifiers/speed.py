"""Times of a training step of whole networks and of their parts, all in turns; nothing has to be trained for it."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.evaluation.flops import multiplications
from kanpipe.evaluation.timing import Work, interleaved, stopwatch
from kanpipe.experiments.layer_speed.published import WITH_PUBLISHED
from kanpipe.experiments.layer_speed.published_layers import FasterKANLayer
from kanpipe.experiments.mnist_classifiers import problem
from kanpipe.experiments.mnist_classifiers.config import Classifier, Experiment
from kanpipe.experiments.mnist_classifiers.parts import EXTRACTOR, HEAD, NET
from kanpipe.experiments.protocol import Inputs
from kanpipe.machine import Machine
from kanpipe.medians import estimate, paired_ratio
from kanpipe.models.classifier import CLASSES, FEATURES, DigitClassifier
from kanpipe.models.counting import parameter_count
from kanpipe.runs import FINISHED, FinishedRun

Key = tuple[str, str]  # a variant and a part of it
Seconds = dict[Key, dict[str, np.ndarray]]  # by phase, of every round: (rounds,)
PHASES = {"forward": (0,), "backward": (1,), "update": (2,), "step": (0, 1, 2)}


@dataclass(frozen=True)
class Piece:
    """What is timed: a whole network or a part of one, and the tensors (n, ...) that it is given."""

    variant: str
    part: str
    module: nn.Module
    inputs: Tensor


def speed(runs: list[FinishedRun], spec: Experiment, inputs: Inputs, machine: Machine) -> pd.DataFrame:
    """A row for each timed variant, and one for each of its parts: a step of AdamW on random images, in ms.

    The networks come first. `step_ratio`, with an interval of 95 %, is to the first of them; `to_linear_ratio` is that
    of a network to the one with the same extractor and the head linear, if that is timed.
    """
    variants = {name: spec.variants[name] for name in spec.timing.variants}
    pieces = [*_networks(variants, spec, machine), *_parts(variants, spec, machine)]
    rounds = spec.timing.model_dump(include={"rounds", "block_seconds"})
    works = {(piece.variant, piece.part): _step(piece, machine) for piece in pieces}
    found = interleaved(works, stopwatch(machine.device), **rounds)
    seconds = {key: {p: s[:, list(parts)].sum(axis=1) for p, parts in PHASES.items()} for key, s in found.items()}
    rows = [_row(piece, variants, machine) | rounds | _times(piece, variants, seconds) for piece in pieces]
    return pd.DataFrame(rows)


def _networks(variants: Mapping[str, Classifier], spec: Experiment, machine: Machine) -> Iterator[Piece]:
    """Whole networks, and those with a FasterKAN once more with the layers of its authors."""
    images = _draw((spec.timing.batch_size, 1, problem.SIDE, problem.SIDE), machine)
    for name, variant in variants.items():
        yield Piece(name, NET, _built(variant, spec, machine), images)
    for name, variant in variants.items():
        if variant.head == "fasterkan":
            net = _built(variant, spec, machine)
            published = nn.Sequential(net.extractor, _published_head(variant, machine))
            yield Piece(name, NET + WITH_PUBLISHED, published, images)


def _parts(variants: Mapping[str, Classifier], spec: Experiment, machine: Machine) -> Iterator[Piece]:
    """Every extractor, by the name of the first of its networks, and the heads behind extractors."""
    batch, seen = spec.timing.batch_size, {"none"}
    images = _draw((batch, 1, problem.SIDE, problem.SIDE), machine)
    features = _draw((batch, FEATURES), machine)
    for name, variant in variants.items():
        if variant.extractor not in seen:
            seen.add(variant.extractor)
            yield Piece(name, EXTRACTOR, _built(variant, spec, machine).extractor, images)
        if variant.extractor != "none":
            yield Piece(name, HEAD, _built(variant, spec, machine).head, features)
            if variant.head == "fasterkan":
                yield Piece(name, HEAD + WITH_PUBLISHED, _published_head(variant, machine), features)


def _built(variant: Classifier, spec: Experiment, machine: Machine) -> DigitClassifier:
    return problem.placed(problem.build(variant, dropout=spec.problem.dropout), machine)


def _published_head(variant: Classifier, machine: Machine) -> nn.Module:
    """The head of the variant made of the layers of their authors, with as many centres and the same norms."""
    widths, options = problem.widths(variant), variant.options
    chosen = {name: options[name] for name in ("centres", "layer_norm") if name in options}
    layers = [FasterKANLayer(*pair, **chosen) for pair in zip(widths[:-1], widths[1:], strict=True)]
    return nn.Sequential(*layers).to(machine.device)


def _draw(shape: tuple[int, ...], machine: Machine) -> Tensor:
    return torch.rand(shape, generator=machine.generator("speed"), device=machine.device)


def _step(piece: Piece, machine: Machine) -> Work:
    """A forward pass with the loss, a backward pass and an update of AdamW; a head passes a gradient on."""
    module, passes_on = piece.module, piece.part.startswith(HEAD)
    labels = torch.arange(len(piece.inputs), device=machine.device) % CLASSES
    optimizer = torch.optim.AdamW(module.parameters(), fused=True)

    def work(mark: Callable[[], None]) -> None:
        loss = F.cross_entropy(module(piece.inputs.detach().requires_grad_(passes_on)), labels)
        mark()
        loss.backward()
        mark()
        optimizer.step()
        optimizer.zero_grad()

    return work


def _row(piece: Piece, variants: Mapping[str, Classifier], machine: Machine) -> dict[str, Any]:
    """What is known of a piece without timing it."""
    variant = variants[piece.variant]
    return {
        "variant": piece.variant,
        "part": piece.part,
        "status": FINISHED,
        "extractor": variant.extractor,
        "head": variant.head,
        "published_gradient": problem.published_gradient(variant),
        "parameters": parameter_count(piece.module),
        "multiplications": multiplications(piece.module.eval(), piece.inputs[:1]),
        "batch": len(piece.inputs),
        "device": machine.name,
        "threads": machine.threads,
    }


def _times(piece: Piece, variants: Mapping[str, Classifier], seconds: Seconds) -> dict[str, float]:
    """Medians in ms with quartiles of the step, and the ratios to other pieces of the same rounds."""
    own = seconds[piece.variant, piece.part]
    step = estimate(1e3 * own["step"])
    medians = {f"{phase}_ms": float(np.median(1e3 * times)) for phase, times in own.items()}
    columns = medians | {"step_ms_q1": step.lower_quartile, "step_ms_q3": step.upper_quartile}
    first = (next(iter(variants)), NET)
    columns |= _ratio("step", own["step"], seconds[first]["step"])
    alike = _with_linear_head(variants, variants[piece.variant].extractor)
    if alike and piece.part.startswith(NET):
        return columns | _ratio("to_linear", own["step"], seconds[alike, NET]["step"])
    return columns | {f"to_linear_{column}": math.nan for column in ("ratio", "low", "high")}


def _ratio(name: str, own: np.ndarray, other: np.ndarray) -> dict[str, float]:
    ratio = paired_ratio(own, other)
    return {f"{name}_ratio": ratio.median, f"{name}_low": ratio.low, f"{name}_high": ratio.high}


def _with_linear_head(variants: Mapping[str, Classifier], extractor: str) -> str | None:
    """The timed network of this extractor whose head is linear."""
    found = (name for name, variant in variants.items() if (variant.extractor, variant.head) == (extractor, "linear"))
    return next(found, None)
