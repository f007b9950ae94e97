"""A training on a GPU that is killed and resumed ends with the same bytes."""

import json
from dataclasses import replace

import pytest
from tiny_entries import plans, run_of

from kanpipe.experiments import stage
from kanpipe.training.loop import fit
from kanpipe.training.stepper import Stepper

PLANS = plans()
RESULTS = ("weights.safetensors", "snapshots.safetensors", "history.csv")


class Killed(BaseException):
    """Ends a training like a signal."""


@pytest.fixture
def train(gpu, datasets, monkeypatch):
    """Train a run, with a checkpoint after every step; its results."""

    def trained(run, dies_at=None):
        def often(run, recipe, machine):
            fit(run, replace(recipe, settings=replace(recipe.settings, check_every=1)), machine)

        def mortal(self, step):
            if step == dies_at:
                raise Killed
            return taken(self, step)

        taken = Stepper.__call__
        with monkeypatch.context() as patch:
            patch.setattr(f"kanpipe.experiments.{run.kind}.train.fit", often)
            patch.setattr(Stepper, "__call__", mortal)
            stage(run.kind, "train")(run, gpu, checkpoint_seconds=0)
        return {name: (run.folder / name).read_bytes() for name in RESULTS}

    return trained


@pytest.mark.parametrize("name", PLANS)
def test_killed_and_resumed_the_bytes_are_the_same(train, datasets, tmp_path, name):
    variant = list(PLANS[name].settings["variants"])[-1]
    whole = train(run_of(PLANS[name], variant, tmp_path / "whole", datasets))
    killed = run_of(PLANS[name], variant, tmp_path / "killed", datasets)
    with pytest.raises(Killed):
        train(killed, dies_at=3)
    assert train(killed) == whole
    assert json.loads((killed.folder / "run.json").read_text())["sittings"] == 2
