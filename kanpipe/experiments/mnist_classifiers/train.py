"""Training of one classifier with AdamW, until its loss on the held-out images no longer falls."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.data.augmentation import Augmentation, augmented
from kanpipe.data.batches import ShuffledBatches
from kanpipe.data.prepared import Images
from kanpipe.experiments.mnist_classifiers import problem
from kanpipe.experiments.mnist_classifiers.config import Trained, Training
from kanpipe.machine import Machine
from kanpipe.runs import Run
from kanpipe.training.loop import fit
from kanpipe.training.recipe import Batch, EpochSchedule, Recipe, Settings
from kanpipe.training.validation import Validation


def train(run: Run, machine: Machine, checkpoint_seconds: float = 60.0) -> None:
    """Train the run's variant with its seed on the images of `run.data` and write the results into its folder."""
    fit(run, set_up(run.spec, run.seed, problem.images(run.data), machine, checkpoint_seconds), machine)


def set_up(spec: Trained, seed: int, data: Images, machine: Machine, checkpoint_seconds: float) -> Recipe:
    """The training of the variant in `spec` with a seed, before its first step; test images take no part in it."""
    recipe, split = spec.recipe, problem.split(data, spec.problem)
    pixels = problem.on_device(data.train_images, machine)
    labels = problem.on_device(data.train_labels, machine).long()
    learned, held = (torch.from_numpy(rows).to(machine.device) for rows in (split.train, split.validation))
    batches = ShuffledBatches(len(learned), recipe.batch_size, seed, machine)
    model = problem.placed(problem.build(spec.variant, seed, spec.problem.dropout), machine)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **recipe.plateau.model_dump())

    def score(model: nn.Module) -> dict[str, float]:
        found = problem.logits(model, pixels[held], spec.problem.standardise)
        return problem.loss_and_accuracy(found, labels[held])

    stopping, per_epoch = recipe.stopping, batches.steps_per_epoch
    return Recipe(
        model,
        optimizer,
        objective,
        _batch(spec, seed, pixels[learned], labels[learned], batches, machine),
        _settings(recipe, per_epoch, checkpoint_seconds),
        schedule=EpochSchedule(plateau, per_epoch, score="loss"),
        validation=Validation(per_epoch, score, stopping.metric, stopping.metric != "loss", stopping.patience),
    )


def _settings(recipe: Training, per_epoch: int, checkpoint_seconds: float) -> Settings:
    return Settings(
        steps=recipe.epochs * per_epoch,
        compile=recipe.compile,
        clip_norm=recipe.clip_norm,
        precision=recipe.precision,
        checkpoint_seconds=checkpoint_seconds,
    )


def _batch(
    spec: Trained, seed: int, pixels: Tensor, labels: Tensor, batches: ShuffledBatches, machine: Machine
) -> Batch:
    """Gives the images and labels of a step from bytes (n, 28, 28) and their labels (n,)."""
    options = spec.recipe.augmentation
    changes = Augmentation(**options.model_dump(exclude_none=True)) if options else None

    def batch(step: int) -> tuple[Tensor, Tensor]:
        rows = batches.rows(step)
        images = problem.grey(pixels[rows])
        if changes:
            images = augmented(images, machine.generator(seed, "augmentation", step), changes)
        return problem.standardised(images, spec.problem.standardise), labels[rows]

    return batch


def objective(model: nn.Module, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """The cross-entropy of a batch, and the share of it that is read rightly."""
    found = model(x)
    right = (found.detach().argmax(dim=1) == labels).float().mean()
    return {"loss": F.cross_entropy(found, labels), "accuracy": right}
