"""Scores during a training: when it ends, what is kept, and that it may be killed anywhere."""

import json
import math
import subprocess
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from toy_regression import (
    RESULTS,
    Killed,
    Toy,
    assert_equal,
    contents,
    fit_toy,
    fit_toy_until,
    plain_loop,
    record,
    toy_batch,
    toy_model,
    toy_objective,
)

from kanpipe.errors import UserError
from kanpipe.runs import FinishedRun, Run
from kanpipe.training import results
from kanpipe.training.average import MovingAverage
from kanpipe.training.loop import fit
from kanpipe.training.recipe import EpochSchedule, Recipe, Settings
from kanpipe.training.validation import Validated, Validation, evaluating

ROOT = Path(__file__).parents[2]
KILL = """
import os, signal, sys
from pathlib import Path
import toy_regression
from kanpipe.machine import Machine
from test_validation import EARLY
drawn = toy_regression.toy_batch

def mortal(step, **options):
    if step == 63:
        os.kill(os.getpid(), signal.SIGKILL)
    return drawn(step, **options)

toy_regression.toy_batch = mortal
toy_regression.fit_toy(Path(sys.argv[1]), Machine.prepare("cpu", threads=1), validation=EARLY, check_every=15)
"""


def nearness(model):
    """Best when the first weight, which grows from 0.1 to 1, passes a half."""
    far = abs(model.weight[0, 0].item() - 0.5)
    return {"near": -far, "far": far}


EARLY = Validation(every=10, score=nearness, metric="near", patience=3)
LOW = Validation(every=10, score=nearness, metric="far", largest=False, patience=3)


def expected(every, patience, steps=250):
    """The scores of the plain loop, the step of the best of them, and the step at which no patience is left."""
    _, weights = plain_loop(steps)
    found, best = {}, 0
    for step in range(every, steps + 1, every):
        found[step] = -abs(weights[step]["weight"][0, 0].item() - 0.5)
        best = step if found[step] == max(found.values()) else best
        if step - best >= patience * every:
            return found, best, step
    return found, best, None


@pytest.mark.parametrize("check_every", [7, 10, 100])
@pytest.mark.parametrize("early", [EARLY, LOW], ids=["max", "min"])
def test_run_ends_where_no_patience_is_left_and_keeps_the_best_weights(tmp_path, machine, early, check_every):
    scores, best, stopped = expected(10, 3)
    assert 10 < best < stopped < 250
    run = FinishedRun.read(fit_toy(tmp_path, machine, validation=early, check_every=check_every))
    said = run.record
    assert (said.status, said.stopped_at_step, said.best_step, said.steps) == ("finished", stopped, best, stopped)
    table = run.validation()
    assert list(table.columns) == ["step", "near", "far"] and table["step"].tolist() == list(scores)
    assert table["near"].tolist() == pytest.approx(list(scores.values()), rel=1e-15)  # an ulp
    losses, weights = plain_loop()
    assert_equal(run.tensors("weights.safetensors"), weights[best])
    assert pd.read_csv(tmp_path / "history.csv", dtype={"loss": "float32"})["loss"].tolist() == losses[:stopped]


def test_without_patience_the_run_goes_to_its_end_and_the_best_weights_are_kept(tmp_path, machine):
    fit_toy(tmp_path, machine, validation=Validation(25, nearness, "near"))
    _, best, stopped = expected(25, math.inf)
    said = record(tmp_path)
    assert (said["stopped_at_step"], said["best_step"], said["steps"]) == (stopped, best, 250) and stopped is None
    assert_equal(load_file(tmp_path / "weights.safetensors"), plain_loop()[1][best])
    assert len(pd.read_csv(tmp_path / "validation.csv")) == 10


@pytest.mark.parametrize("kills", [[20], [39, 41], [50], [60, 61, 69]], ids=str)
def test_killed_and_resumed_the_bytes_are_the_same(tmp_path, machine, kills):
    whole = contents(fit_toy(tmp_path / "whole", machine, validation=EARLY), RESULTS)
    assert record(tmp_path / "whole")["stopped_at_step"] > max(kills)
    for step in kills:
        fit_toy_until(tmp_path / "killed", machine, step, validation=EARLY, check_every=15)
    assert contents(fit_toy(tmp_path / "killed", machine, validation=EARLY, check_every=15), RESULTS) == whole
    said, wanted = record(tmp_path / "killed"), record(tmp_path / "whole")
    for name in ("stopped_at_step", "best_step", "steps"):
        assert said[name] == wanted[name]
    assert said["sittings"] > 1


@pytest.mark.slow
def test_process_that_is_killed_and_resumed_leaves_the_same_bytes(tmp_path, machine):
    whole = contents(fit_toy(tmp_path / "whole", machine, validation=EARLY), RESULTS)
    command = [sys.executable, "-c", KILL, str(tmp_path / "killed")]
    path = f"{ROOT}:{Path(__file__).parent}"
    assert subprocess.run(command, env={"PYTHONPATH": path}, timeout=120).returncode == -9
    assert (tmp_path / "killed/.checkpoint/state.pt").exists()
    assert contents(fit_toy(tmp_path / "killed", machine, validation=EARLY, check_every=15), RESULTS) == whole


def test_run_that_is_killed_when_it_has_stopped_takes_no_further_step(tmp_path, machine, monkeypatch):
    whole = contents(fit_toy(tmp_path / "whole", machine, validation=EARLY), RESULTS)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(results, "_write_history", lambda state, folder: (_ for _ in ()).throw(Killed))
        fit_toy(tmp_path / "killed", machine, validation=EARLY)
    stopped = record(tmp_path / "whole")["stopped_at_step"]
    assert contents(fit_toy(tmp_path / "killed", machine, validation=EARLY, dies_at=stopped), RESULTS) == whole


def test_checkpoint_of_another_patience_is_refused(tmp_path, machine):
    fit_toy_until(tmp_path, machine, 30, validation=EARLY, check_every=10)
    with pytest.raises(UserError, match="validation.patience was 3 and is 4"):
        fit_toy(tmp_path, machine, validation=Validation(10, nearness, "near", patience=4))


def test_averaged_weights_are_scored_and_kept_and_do_not_disturb_the_training(tmp_path, machine):
    seen = []

    def score(model):
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return {"late": len(seen)}

    average = lambda model: MovingAverage(model, 0.9)  # noqa: E731
    plain = contents(fit_toy(tmp_path / "plain", machine, average=average))
    scored = contents(fit_toy(tmp_path / "scored", machine, average=average, validation=Validation(50, score, "late")))
    assert scored["validation.csv"] != plain["validation.csv"]
    del scored["validation.csv"], plain["validation.csv"]
    assert scored == plain  # the last weights are the best
    assert_equal(load_file(tmp_path / "scored/weights.safetensors"), seen[-1])
    assert not torch.equal(seen[-1]["weight"], plain_loop()[1][250]["weight"])


def test_score_that_is_not_a_number_is_never_the_best(tmp_path, machine):
    fit_toy(tmp_path, machine, validation=Validation(20, lambda model: {"nan": math.nan}, "nan", patience=2))
    said = record(tmp_path)
    assert (said["stopped_at_step"], said["best_step"]) == (40, None)
    assert_equal(load_file(tmp_path / "weights.safetensors"), plain_loop(40)[1][40])


def test_run_that_diverges_is_not_scored_any_more(tmp_path, machine):
    fit_toy(tmp_path, machine, validation=Validation(10, nearness, "near"), nan_at=33)
    said = record(tmp_path)
    assert (said["status"], said["diverged_at_step"], said["stopped_at_step"]) == ("diverged", 33, None)
    assert pd.read_csv(tmp_path / "validation.csv")["step"].tolist() == [10, 20, 30]


def test_run_that_diverges_before_the_first_score_has_a_table_without_rows(tmp_path, machine):
    run = FinishedRun.read(fit_toy(tmp_path, machine, validation=EARLY, nan_at=3))
    assert list(run.validation().columns) == ["step", "near"] and run.validation().empty


def test_metric_that_is_not_among_the_scores_is_named(tmp_path, machine):
    with pytest.raises(ValueError, match="the metric of a validation is 'accuracy', but its scores are near, far"):
        fit_toy(tmp_path, machine, validation=Validation(10, nearness, "accuracy"))


def test_without_validation_the_table_of_it_is_empty(tmp_path, machine):
    assert pd.read_csv(fit_toy(tmp_path, machine) / "validation.csv").empty
    assert json.loads((tmp_path / "run.json").read_text())["best_step"] is None


def test_model_is_scored_in_eval_mode_without_gradients_and_gets_its_modes_back():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.BatchNorm1d(2))
    model[2].eval()  # frozen, say
    with evaluating(model):
        assert not any(module.training for module in model.modules())
        assert not torch.is_grad_enabled()
    assert [module.training for module in model.modules()] == [True, True, True, False]
    with pytest.raises(ZeroDivisionError), evaluating(model):
        raise ZeroDivisionError
    assert model.training and torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("values", "patience", "best", "exhausted"),
    [([1, 2, 3], 1, 3, False), ([3, 2, 2], 2, 1, True), ([3, 2, 4, 4], 2, 3, False), ([1, 1], 1, 1, True)],
    ids=str,
)
def test_patience_counts_the_scores_since_the_best(values, patience, best, exhausted):
    validated, validation = Validated(), Validation(1, nearness, "near", patience=patience)
    for step, value in enumerate(values, start=1):
        validated.add(step, {"near": value}, validation, {})
    assert (validated.best_step, validated.exhausted(patience)) == (best, exhausted)


def rates_of(folder, machine, kills=()):
    """A training whose rate is halved when a score that only gets worse is told to its scheduler a second time."""

    def train(dies_at=None):
        model = toy_model()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
        recipe = Recipe(
            model,
            optimizer,
            toy_objective,
            partial(toy_batch, dies_at=dies_at),
            Settings(steps=60, checkpoint_seconds=0, check_every=10),
            schedule=EpochSchedule(plateau, 20, score="worse"),
            validation=Validation(20, lambda model: {"worse": float(model.weight.abs().sum())}, "worse"),
        )
        fit(Run("toy", "toy", "line", 0, Toy(), "code", folder), recipe, machine)
        return optimizer.param_groups[0]["lr"]

    for step in kills:
        with pytest.raises(Killed):
            train(step)
    return train()


def test_scheduler_is_told_the_score_that_it_names_and_resumed_goes_on(tmp_path, machine):
    # The weights grow towards the target: the score is never lower than the first, so the last two halve the rate.
    assert rates_of(tmp_path / "whole", machine) == 0.0025
    assert rates_of(tmp_path / "killed", machine, kills=(25, 45)) == 0.0025
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
