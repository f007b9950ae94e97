"""Fidelity of prior samples, likelihood of test images, and order of the latent space, of every run."""

from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
import torch

from kanpipe.data.prepared import Images
from kanpipe.digests import of_tensors
from kanpipe.evaluation.degradations import UNITS, degraded
from kanpipe.evaluation.feature_extractors import weight_digests
from kanpipe.evaluation.image_judge import ImageJudge, accuracy, judge, train_judge
from kanpipe.evaluation.latent_space import latent_means, neighbour_accuracy, silhouette, tsne
from kanpipe.evaluation.likelihood import evidence_lower_bound, importance_weighted_elbo
from kanpipe.experiments.kan_vae import problem
from kanpipe.experiments.kan_vae.config import Experiment
from kanpipe.experiments.kan_vae.form_distances import JUDGE, FormDistances, in_form, measure_with, summary
from kanpipe.experiments.kan_vae.forms import FORMS
from kanpipe.experiments.protocol import FLOOR, Inputs
from kanpipe.layers.affine import affine_on_bits
from kanpipe.layers.diagnostics import record_outside
from kanpipe.layers.finished import FinishedLayer, bare
from kanpipe.layers.kan_layer import weights_kept_packed
from kanpipe.layers.kan_linear import KANLinear
from kanpipe.machine import Machine
from kanpipe.models.vae import VAE
from kanpipe.progress import Progress
from kanpipe.runs import FinishedRun

HEAD = ["experiment", "variant", "seed", "status"]
STAGES = [*HEAD, "updates", "reconstruction", "kl", "elbo", "train_reconstruction", "train_kl"]
LATENTS = ["variant", "seed", "label", "x", "y"]
FEW_IMAGES = 1000  # test images that networks are looked into with
LAST_UPDATES = 375  # over which the course of training is averaged: about the last 12,000 images


class Evaluation:
    """What all runs are scored with: the images, the judge, and the frames that are filled run after run."""

    def __init__(self, spec: Experiment, inputs: Inputs, machine: Machine) -> None:
        self.spec, self.scoring, self.machine = spec, spec.evaluation, machine
        self.data, threshold = problem.images(inputs.data), spec.problem.threshold
        self.train, self.test = (
            problem.binary(part, threshold, machine) for part in (self.data.train_images, self.data.test_images)
        )
        self.judge = train_judge(
            self.data, machine, self.scoring.seed, steps=self.scoring.judge_steps, threshold=threshold
        )
        self.inputs = inputs
        measure = measure_with(self.scoring.extractors, self.judge, inputs, machine)
        self.distances = FormDistances(self.data, self.scoring.reference_images, threshold, measure)
        self.runs: list[dict[str, Any]] = []
        self.fidelity = self.distances.floors({"variant": FLOOR})
        self.judgements = _floor_judgements(self.judge, self.data, threshold)
        self.stages: list[dict[str, Any]] = []
        self.latents: list[tuple] = []

    def add(self, run: FinishedRun) -> None:
        """Score a run; one that has diverged has a row without scores."""
        samples = run.samples()
        row = run.row() | self._scale(samples["prior"]) | {"family": run.spec.variant.family}
        if run.diverged:
            self.runs.append(row)
            return
        head = run.record.entries(*HEAD)
        distances, judged = self._fidelity(head, samples["prior"]), self._judgements(head, samples["prior"])
        self.fidelity += distances
        self.judgements += judged
        stages = self._stages(head, run)
        self.stages += stages
        model = problem.restore(run, run.tensors("weights.safetensors"), self.machine)
        speed = {"samples_per_second": samples["prior"].shape[1] / np.median(list(run.sampling_seconds().values()))}
        scores = {name: stages[-1][name] for name in ("reconstruction", "kl", "elbo")}
        scores |= self._likelihood(model, run.seed) | self._latent_space(head, model)
        scores |= self._affine(run, model) | self._outside(run, model)
        posterior = {"posterior_entropy": judge(self.judge, samples["posterior"]).entropy}
        history = run.history()
        course = {"settled_share": settled_share(history["loss"]), "kl_settled_share": settled_share(history["kl"])}
        self.runs.append(row | scores | summary(distances) | _judge_scores(judged) | posterior | course | speed)

    def _scale(self, prior: np.ndarray) -> dict[str, Any]:
        """What a number of this run depends on beside the run."""
        return {
            "dataset": self.spec.problem.dataset,
            "reference_images": min(self.scoring.reference_images, len(self.data.train_images)),
            "importance_samples": self.scoring.importance_samples,
            "test_images": len(self.test),
            "samples": prior.shape[1],
            "posterior_images": min(self.spec.sampling.posteriors, len(self.test)),
            "sampling_seeds": len(self.spec.sampling.seeds),
        }

    def said_with(self, distances: pd.DataFrame) -> pd.DataFrame:
        """The distances with the dataset, and with the SHA-256 of the weights of their extractors."""
        names = [name for name, options in self.scoring.extractors if options]
        weights = weight_digests(names, self.inputs.inception_weights) | {JUDGE: of_tensors(self.judge.state_dict())}
        return distances.assign(dataset=self.spec.problem.dataset, weights=distances["extractor"].map(weights))

    def _fidelity(self, head: dict[str, Any], prior: np.ndarray) -> list[dict[str, Any]]:
        sets = zip(self.spec.sampling.seeds, prior, strict=True)
        return [row for seed, images in sets for row in self.distances.rows(images, head | {"sampling_seed": seed})]

    def _judgements(self, head: dict[str, Any], prior: np.ndarray) -> list[dict[str, Any]]:
        return [
            head | {"sampling_seed": seed} | _judged(self.judge, images, form, self.spec.problem.threshold)
            for seed, images in zip(self.spec.sampling.seeds, prior, strict=True)
            for form in FORMS
        ]

    def _stages(self, head: dict[str, Any], run: FinishedRun) -> list[dict[str, Any]]:
        """Reconstruction error and divergence at every stage kept, on test images and over the updates before it."""
        history, rows = run.history(), []
        last_weights = {run.record.steps: run.tensors("weights.safetensors")}
        for updates, weights in (run.snapshots() | last_weights).items():
            model = problem.restore(run, weights, self.machine)
            last = history[history["step"] < updates].tail(LAST_UPDATES)
            course = {f"train_{name}": last[name].mean() for name in ("reconstruction", "kl")}
            found = evidence_lower_bound(model, self.test, self._draw(run.seed, "elbo"))
            rows.append(head | {"updates": updates} | found | course)
        return rows

    def _likelihood(self, model: VAE, seed: int) -> dict[str, float]:
        draw, samples = self._draw(seed, "importance"), self.scoring.importance_samples
        with weights_kept_packed(model):
            bound = importance_weighted_elbo(model, self.test, draw, samples=samples)
        return {"iw_elbo": bound.mean().item()}

    @torch.no_grad()
    def _affine(self, run: FinishedRun, model: VAE) -> dict[str, float]:
        """How far the logits of test images move when the first KAN layer is replaced by its affine twin.

        A layer with a norm over the pixels has none.
        """
        first = bare(model.encoder[0])
        if run.spec.variant.family != "kan" or not isinstance(first, KANLinear) or first.layernorm is not None:
            return {}
        model = deepcopy(model).double()
        twin, images = deepcopy(model), self.test[:FEW_IMAGES].double()
        affine = affine_on_bits(bare(model.encoder[0]), images.shape[1])
        if isinstance(twin.encoder[0], FinishedLayer):
            twin.encoder[0][0] = affine
        else:
            twin.encoder[0] = affine
        logits, others = (each.decode(each.encode(images)[0]) for each in (model, twin))
        return {"affine_difference": (logits - others).abs().max().item()}

    @torch.no_grad()
    def _outside(self, run: FinishedRun, model: VAE) -> dict[str, float]:
        """Per cent of what the splines of three layers see that lies outside their grid: of the last hidden values of
        the encoder, of latent variables, and of the last hidden values of the decoder."""
        if run.spec.variant.family != "kan":
            return {}
        images = self.test[:FEW_IMAGES].float()
        noise = torch.randn(
            len(images), model.latent, generator=self._draw(run.seed, "outside"), device=self.machine.device
        )
        with record_outside(model) as record:
            model(images, noise)
        layers = {"hidden": model.mean, "latent": model.decoder[0], "decoded": model.decoder[-1]}
        names, shares = {module: name for name, module in model.named_modules()}, record.fractions()
        return {f"outside_{place}": 100 * shares[names[bare(layer)]].grid for place, layer in layers.items()}

    def _latent_space(self, head: dict[str, Any], model: VAE) -> dict[str, float]:
        train, test = latent_means(model, self.train), latent_means(model, self.test)
        labels, few, drawn = self.data.test_labels, self.scoring.silhouette_points, self.scoring.tsne_points
        if head["variant"] in self.scoring.tsne_variants:
            points = zip(labels[:drawn], tsne(test[:drawn], self.scoring.seed), strict=True)
            self.latents += [(head["variant"], head["seed"], label, *point) for label, point in points]
        return {
            "knn_accuracy": neighbour_accuracy(train, self.data.train_labels, test, labels, self.scoring.neighbours),
            "silhouette": silhouette(test[:few], labels[:few]),
        }

    def degradations(self) -> pd.DataFrame:
        """What the judge's distance makes of test images that were made worse; strength 0 is of those as they are."""
        count = self.scoring.reference_images
        images, labels = self.data.test_images[:count], self.data.test_labels[:count]
        worse = degraded(images, labels, self.scoring.seed)
        sets = [("none", 0.0, images), *((name, strength, found) for name, strength, found in worse if len(found) > 1)]
        rows = [{"degradation": name, "strength": size} | self.distances.judged(found) for name, size, found in sets]
        return pd.DataFrame(rows).assign(unit=[UNITS.get(name, "") for name, _, _ in sets])

    def _draw(self, *key: int | str):
        return self.machine.generator(self.scoring.seed, *key)


def evaluate(runs: list[FinishedRun], spec: Experiment, inputs: Inputs, machine: Machine) -> dict[str, pd.DataFrame]:
    """Six frames: `runs`, a row a run; `fidelity`, a row a distance; `judgements`, a row a set of samples; `stages`,
    a row a run and stage of training; `latents`, a row a drawn latent mean; `degradations`, a row a set of real images
    that were made worse.

    Statistics of features are kept in `inputs.features`.
    """
    evaluation = Evaluation(spec, inputs, machine)
    with Progress(f"{runs[0].record.experiment} evaluation", len(runs), unit="run") as progress:
        for run in runs:
            evaluation.add(run)
            progress.advance()
    return {
        "runs": pd.DataFrame(evaluation.runs),
        "fidelity": evaluation.said_with(pd.DataFrame(evaluation.fidelity)),
        "judgements": pd.DataFrame(evaluation.judgements),
        "stages": pd.DataFrame(evaluation.stages, columns=STAGES),
        "latents": pd.DataFrame(evaluation.latents, columns=LATENTS),
        "degradations": evaluation.degradations(),
    }


def settled_share(loss: pd.Series) -> float:
    """The share of the updates after which the loss, a mean over 1 % of them, stays within a tenth of its end."""
    smooth = loss.rolling(max(1, len(loss) // 100)).mean().bfill()
    outside = (smooth - smooth.iloc[-1]).abs() > 0.1 * abs(smooth.iloc[-1])
    return float(np.flatnonzero(outside)[-1] + 1) / len(loss) if outside.any() else 0.0


def _judged(model: ImageJudge, images: np.ndarray, form: str, threshold: float) -> dict[str, Any]:
    found = judge(model, in_form(images, form, threshold))
    numbers = {"confidence": found.confidence, "entropy": found.entropy, "class_entropy": found.class_entropy}
    return {"form": form, "n": len(images)} | numbers


def _floor_judgements(model: ImageJudge, data: Images, threshold: float) -> list[dict[str, Any]]:
    """What the judge says of the test images, and how many it tells rightly."""
    rows = []
    for form in FORMS:
        right = accuracy(model, in_form(data.test_images, form, threshold), data.test_labels)
        rows.append({"variant": FLOOR, "accuracy": right} | _judged(model, data.test_images, form, threshold))
    return rows


def _judge_scores(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Means over the sampling seeds, of grey samples, which are those that the source shows."""
    grey = pd.DataFrame(rows).query("form == 'grey'")
    return {f"judge_{name}": grey[name].mean() for name in ("confidence", "entropy", "class_entropy")}
