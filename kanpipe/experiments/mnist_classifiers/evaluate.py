"""The scores of all runs on the test images, which nothing before has seen."""

from typing import Any

import numpy as np
import pandas as pd

from kanpipe.data.prepared import Images
from kanpipe.evaluation.classification import confusion_matrix, right, scores
from kanpipe.experiments.mnist_classifiers import problem
from kanpipe.experiments.mnist_classifiers.comparison import COMPARED, comparisons
from kanpipe.experiments.mnist_classifiers.config import Experiment, Trained
from kanpipe.experiments.mnist_classifiers.derived import RATE_OF, of_runs, with_rates
from kanpipe.experiments.mnist_classifiers.pictures import packed
from kanpipe.experiments.mnist_classifiers.printed_layers import printed_layers
from kanpipe.experiments.protocol import Inputs
from kanpipe.machine import Machine
from kanpipe.runs import FINISHED, FinishedRun

SCORES = ("accuracy", "low", "high", "errors", "nll", "calibration_error")
CONFUSED = ["variant", "status", "label", "read_as", "images", "runs"]
Logits = dict[tuple[str, int], np.ndarray]  # by network and seed: (images, 10)


def evaluate(runs: list[FinishedRun], spec: Experiment, inputs: Inputs, machine: Machine) -> dict[str, pd.DataFrame]:
    """The frames of the experiment; accuracies are in per cent, differences in percentage points.

    `runs`: a row a run. `rates`, `best` and `equivalence` follow from it, see `derived`. Of the runs in `best`, which
    have the learning rate that their network is given: `comparisons`, networks in pairs, a row a seed; `confusion`,
    images by label and reading; `misread`, the images that most runs misread. `epochs`: a row a run and epoch.
    `layers`: the printed tables of layers.
    """
    data = problem.images(inputs.data)
    courses = [_course(run, data) for run in runs]
    found = [None if run.diverged else _test_logits(run, data, machine) for run in runs]
    rows = [_row(run, course, logits, data) for run, course, logits in zip(runs, courses, found, strict=True)]
    frames = {"runs": pd.DataFrame(rows), "epochs": pd.concat(courses, ignore_index=True)}
    variants = {run.row()["variant"]: run.spec.variant for run in runs}
    frames |= of_runs(frames["runs"], variants, runs[0].spec.training.stopping.metric, spec.evaluation)
    best = frames["best"]
    logits = {(row["variant"], row["seed"]): found[i] for i, row in best.iterrows() if found[i] is not None}
    of_readings = _of_readings(logits, data, spec)
    for name in RATE_OF:
        of_readings[name] = of_readings[name].join(with_rates(of_readings[name], name, best))
    return frames | of_readings | {"layers": printed_layers()}


def _test_logits(run: FinishedRun, data: Images, machine: Machine) -> np.ndarray:
    model = problem.restore(run, run.tensors("weights.safetensors"), machine)
    pixels = problem.on_device(data.test_images, machine)
    return problem.logits(model, pixels, run.spec.problem.standardise).cpu().numpy()


def _course(run: FinishedRun, data: Images) -> pd.DataFrame:
    """A row for every epoch: the means of its steps, and the scores of the held-out images at its end."""
    table = run.validation().add_prefix("validation_")
    per_epoch = _steps_per_epoch(run.spec, data)
    steps = run.history()
    means = steps[["loss", "accuracy"]].groupby(steps.index // per_epoch).mean().head(len(table))
    head = {name: run.row()[name] for name in ("experiment", "variant", "seed", "status")}
    table = table.assign(
        epoch=table["validation_step"] // per_epoch, loss=means["loss"], accuracy=100 * means["accuracy"], **head
    )
    measured = ["loss", "accuracy", "validation_loss", "validation_accuracy"]
    return table.reindex(columns=[*head, "epoch", *measured])


def _steps_per_epoch(spec: Trained, data: Images) -> int:
    return (len(data.train_labels) - spec.problem.validation.images) // spec.training.batch_size


def _row(run: FinishedRun, course: pd.DataFrame, logits: np.ndarray | None, data: Images) -> dict[str, Any]:
    """What the tables say of a run: what it is, how it was trained, and its scores."""
    row = run.row()
    return (
        row
        | _design(run.spec)
        | _scale(run.spec, data)
        | _course_scores(row, course, run, data)
        | _scores(logits, data)
    )


def _design(spec: Trained) -> dict[str, Any]:
    """The factors of the experiment."""
    variant = spec.variant
    return {
        "extractor": variant.extractor,
        "head": variant.head,
        "widths": "-".join(map(str, problem.widths(variant))),
        "published_gradient": problem.published_gradient(variant),
        "learning_rate": spec.recipe.learning_rate,
        "precision": spec.recipe.precision,
    }


def _scale(spec: Trained, data: Images) -> dict[str, Any]:
    held = spec.problem.validation.images
    return {
        "dataset": spec.problem.dataset,
        "training_images": len(data.train_labels) - held,
        "validation_images": held,
    }


def _course_scores(row: dict[str, Any], course: pd.DataFrame, run: FinishedRun, data: Images) -> dict[str, Any]:
    """How long it was trained, and the epoch whose weights are kept, with its scores of the held-out images."""
    epochs = row["steps"] / _steps_per_epoch(run.spec, data)
    found = {"epochs": epochs, "seconds_per_epoch": 60 * row["minutes"] / max(epochs, 1)}
    metric = run.spec.training.stopping.metric
    order = course[f"validation_{metric}"].astype(float) * (1 if metric == "loss" else -1)
    if run.diverged or order.dropna().empty:
        return found | dict.fromkeys(["best_epoch", "validation_loss", "validation_accuracy"])
    best = course.loc[order.idxmin()]  # of equal ones the first
    return found | {
        "best_epoch": int(best["epoch"]),
        "validation_loss": best["validation_loss"],
        "validation_accuracy": best["validation_accuracy"],
    }


def _scores(logits: np.ndarray | None, data: Images) -> dict[str, Any]:
    """The scores on the test images; none where the training has diverged."""
    images = {"test_images": len(data.test_labels)}
    if logits is None:
        return images | dict.fromkeys(SCORES)
    found = scores(logits, data.test_labels)
    shares = {"accuracy": found.accuracy, "low": found.low, "high": found.high}
    per_cent = {name: 100 * share for name, share in shares.items()}
    rest = {"nll": found.negative_log_likelihood, "calibration_error": found.calibration_error}
    return images | per_cent | {"errors": found.errors} | rest


def _of_readings(logits: Logits, data: Images, spec: Experiment) -> dict[str, pd.DataFrame]:
    """The frames about single images, from the test logits of the runs in `best`."""
    correct: dict[str, dict[int, np.ndarray]] = {}
    for (net, seed), values in logits.items():
        correct.setdefault(net, {})[seed] = right(values, data.test_labels)
    compared = pd.DataFrame(comparisons(correct, spec.evaluation.pairs), columns=COMPARED)
    return {
        "comparisons": compared.assign(dataset=spec.problem.dataset),  # what it holds for is said in every row
        "confusion": pd.concat(
            [_confusion(net, logits, data) for net in correct] or [pd.DataFrame(columns=CONFUSED)], ignore_index=True
        ),
        "misread": _misread(logits, data, spec.evaluation.misread),
    }


def _confusion(net: str, logits: Logits, data: Images) -> pd.DataFrame:
    """Images by label and reading, summed over the runs of a network."""
    own = [values for (name, _), values in logits.items() if name == net]
    total = np.sum([confusion_matrix(values, data.test_labels) for values in own], axis=0)
    labels, readings = np.indices(total.shape)
    columns = {"label": labels.ravel(), "read_as": readings.ravel(), "images": total.ravel()}
    return pd.DataFrame(columns).assign(variant=net, status=FINISHED, runs=len(own))[CONFUSED]


def _misread(logits: Logits, data: Images, count: int) -> pd.DataFrame:
    """The images that most of the runs misread, the worst first, and what they are read as most often.

    `networks` are the variants whose runs these are, with spaces between; `pixels` the bytes of an image, compressed
    and written in letters.
    """
    readings = np.stack([values.argmax(axis=1) for values in logits.values()] or [data.test_labels])
    wrong = (readings != data.test_labels).sum(axis=0)
    worst = [image for image in np.argsort(-wrong, kind="stable")[:count] if wrong[image]]
    rows = [
        {
            "image": image,
            "label": data.test_labels[image],
            "read_as": np.bincount(readings[readings[:, image] != data.test_labels[image], image]).argmax(),
            "runs_misreading": wrong[image],
            "runs": len(logits),
            "networks": " ".join(dict.fromkeys(net for net, _ in logits)),
            "pixels": packed(data.test_images[image]),
        }
        for image in worst
    ]
    return pd.DataFrame(rows, columns=["image", "label", "read_as", "runs_misreading", "runs", "networks", "pixels"])
