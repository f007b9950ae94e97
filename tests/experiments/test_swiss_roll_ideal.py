"""What the sampler draws when its network is perfect."""

import numpy as np
import pytest
import torch

from kanpipe.config.kinds import parsed
from kanpipe.diffusion import linear_schedule
from kanpipe.evaluation.distances import nearest_distance
from kanpipe.experiments.swiss_roll import evaluate, problem
from kanpipe.machine import Machine

CPU = Machine.prepare("cpu", threads=1)
EVALUATION = {"common_sample": 50, "common_seed": 0, "fresh_points": 60, "fresh_seed": 1, "ideal_sampler": True}
EVALUATION |= {"projections": 20, "projection_seed": 0, "last_epochs": 2}


def spec(points, steps, beta):
    data = {"points": points, "noise": 0.2, "scale": 10, "seed": 42}
    blocks = {"problem": {"data": data, "diffusion": {"steps": steps, "beta": beta}}, "evaluation": EVALUATION}
    return parsed("swiss_roll", blocks)


def floors(points=400, steps=40, beta=0.02, **evaluation):
    made = spec(points, steps, beta)
    made = made.model_copy(update={"evaluation": made.evaluation.model_copy(update=evaluation)})
    return evaluate._floors(evaluate._common(made, CPU), made, CPU)


PLACE = torch.tensor([[0.5, -0.25]])


def test_of_data_in_one_place_it_draws_that_place(monkeypatch):
    monkeypatch.setattr(problem, "training_data", lambda problem: PLACE.repeat(10, 1))
    monkeypatch.setattr(problem, "schedule", lambda problem: linear_schedule(30, 1e-3, 0.3))
    samples = evaluate._ideal_samples(spec(points=10, steps=30, beta=0.1), CPU)
    np.testing.assert_allclose(samples, PLACE.repeat(60, 1), atol=1e-5)


@pytest.mark.parametrize("beta", [0.001, 0.03])
def test_the_published_schedule_leaves_noise_that_no_network_can_take_away(monkeypatch, beta):
    # Its alpha_bar is one step ahead of its beta: of the noise of two steps that is in x_1 the last step takes one.
    monkeypatch.setattr(problem, "training_data", lambda problem: PLACE.repeat(10, 1))
    left = evaluate._ideal_samples(spec(points=10, steps=300, beta=beta), CPU) - PLACE.numpy()
    assert left.std() == pytest.approx((beta / 2) ** 0.5, rel=0.25)


def test_small_steps_leave_its_points_on_the_data_and_large_ones_do_not():
    near, far = (spec(400, steps, beta) for steps, beta in ((400, 0.01), (10, 0.4)))
    data = problem.training_data(near.problem).numpy()
    distances = [nearest_distance(evaluate._ideal_samples(made, CPU), data) for made in (near, far)]
    assert 3 * distances[0] < distances[1]


def test_its_row_is_among_the_floors_where_it_is_asked_for():
    names = [row["name"] for row in floors()]
    assert names[-1] == "sampled by the posterior mean" and len(names) == len(set(names))
    assert names[:-1] == [row["name"] for row in floors(ideal_sampler=False)]
