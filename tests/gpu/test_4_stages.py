"""Sampling and scoring on a GPU: what is drawn does not depend on when, and every score is there."""

import numpy as np
import pytest
from tiny_entries import plans, run_of

from kanpipe.config.kinds import parsed
from kanpipe.experiments import stage
from kanpipe.experiments.protocol import Inputs
from kanpipe.runs import FinishedRun

PLANS = plans()


@pytest.fixture(scope="module")
def finished(gpu, datasets, tmp_path_factory):
    """The runs of an entry, trained once."""
    known = {}

    def of(name):
        if name not in known:
            folder, plan = tmp_path_factory.mktemp(name), PLANS[name]
            known[name] = [run_of(plan, variant, folder, datasets) for variant in plan.settings["variants"]]
            for run in known[name]:
                stage(plan.kind, "train")(run, gpu, checkpoint_seconds=1e9)
        return [FinishedRun.read(run.folder) for run in known[name]], Inputs(known[name][0].data)

    return of


def sampled(plan, run, inputs, gpu, out):
    out.parent.mkdir(exist_ok=True)
    stage(plan.kind, "sample")(run, parsed(plan.kind, plan.blocks("sample")), inputs, gpu, out)
    return out.read_bytes()


@pytest.mark.parametrize("name", [name for name, plan in PLANS.items() if plan.has("sample")])
def test_samples_have_the_same_bytes_twice(finished, gpu, tmp_path, name):
    runs, inputs = finished(name)
    for run in runs:
        first = sampled(PLANS[name], run, inputs, gpu, run.folder / "samples.npz")
        assert sampled(PLANS[name], run, inputs, gpu, tmp_path / run.variant / "samples.npz") == first
        assert all(len(array) for array in run.samples().values() if array.ndim)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANS)
def test_every_run_is_scored(finished, gpu, tmp_path, name):
    plan, (runs, inputs) = PLANS[name], finished(name)
    if plan.has("sample"):
        for run in runs:
            sampled(plan, run, inputs, gpu, run.folder / "samples.npz")
    spec = parsed(plan.kind, plan.blocks("evaluate"))
    frames = stage(plan.kind, "evaluate")(runs, spec, Inputs(inputs.data, features=tmp_path), gpu)
    rows = frames["runs"][frames["runs"]["status"] == "finished"]
    assert len(rows) == len(runs)
    assert np.isfinite(rows.select_dtypes("number").dropna(axis=1, how="all")).any(axis=1).all()
