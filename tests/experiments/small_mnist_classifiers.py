"""Trainings of small classifiers of noisy images, for the tests of what is made of them."""

import numpy as np
from run_records import sealed_npz

from kanpipe.config.kinds import parsed, trained
from kanpipe.experiments import stage
from kanpipe.machine import Machine
from kanpipe.runs import FinishedRun, Run

KIND = "mnist_classifiers"
PROBLEM = {
    "dataset": "digits",
    "validation": {"images": 40, "seed": 0},
    "standardise": {"mean": 0.2, "sd": 0.3},
    "dropout": 0.25,
}
TRAINING = {
    "epochs": 4,
    "batch_size": 40,
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "clip_norm": 1.0,
    "plateau": {"factor": 0.5, "patience": 0},
    "stopping": {"metric": "loss", "patience": 3},
    "compile": False,
}
RAW = {"extractor": "none", "head": "mlp", "hidden": [8]}
VARIANTS = {
    "raw_mlp": RAW,
    "raw_mlp_fast": RAW | {"training": {"learning_rate": 0.1}},
    "raw_fasterkan": {"extractor": "none", "head": "fasterkan", "hidden": [4], "published_gradient": True},
    "lean_linear": {"extractor": "lean", "head": "linear", "training": {"epochs": 1}},
}
SEEDS = {"raw_mlp": (0, 1), "raw_mlp_fast": (0, 1), "raw_fasterkan": (0, 1), "lean_linear": (0,)}
EVALUATION = {"pairs": [["raw_fasterkan", "raw_mlp"], ["raw_mlp", "absent"]], "margin": 0.1, "misread": 12}


def write_images(path):
    """120 + 50 noisy images, of each label as many; the label is the place of a bright row, but for every eighth."""
    generator = np.random.default_rng(0)
    labels = np.tile(np.arange(10, dtype=np.uint8), 17)
    pixels = generator.integers(0, 100, (170, 28, 28), dtype=np.uint8)
    places = np.where(np.arange(170) % 8 == 7, generator.integers(0, 10, 170), labels)
    pixels[np.arange(170), 9 + places, 6:22] = 255
    parts = {"train": slice(120), "test": slice(120, None)}
    arrays = {"images": pixels, "labels": labels}
    sealed_npz(
        path, **{f"{part}_{name}": array[rows] for part, rows in parts.items() for name, array in arrays.items()}
    )
    return path


def spec(variant="raw_mlp", **changes):
    blocks = {"problem": PROBLEM, "training": TRAINING | changes, "variant": VARIANTS.get(variant, variant)}
    return trained(KIND, blocks)


def train(folder, data, variant="raw_mlp", seed=0, **changes):
    run = Run(KIND, KIND, variant, seed, spec(variant, **changes), "code", folder, data)
    folder.mkdir(parents=True, exist_ok=True)
    stage(KIND, "train")(run, Machine.prepare("cpu", 1))
    return FinishedRun.read(folder)


def experiment(**blocks):
    """The blocks of an entry as a stage is given them."""
    return parsed(KIND, {"problem": PROBLEM} | blocks)
