"""The classifiers of the experiment, for the table of parameters."""

from kanpipe.experiments.mnist_classifiers import problem
from kanpipe.experiments.mnist_classifiers.config import Experiment
from kanpipe.models.classifier import DigitClassifier


def models(spec: Experiment) -> dict[str, DigitClassifier]:
    """The model of every variant."""
    return {name: problem.build(variant) for name, variant in spec.variants.items()}
