"""The moving average of weights against its recursion."""

import pytest
import torch
from torch import nn

from kanpipe.training.average import MovingAverage


@pytest.mark.parametrize("ramp", [False, True])
def test_average_is_its_recursion(ramp):
    net = nn.Linear(2, 1)
    average, expected = MovingAverage(net, 0.9, ramp), net.weight.detach().clone()
    for step in range(200):
        nn.init.normal_(net.weight)
        average.set_step(step)
        average.update()
        decay = min(0.9, (1 + step) / (10 + step)) if ramp else 0.9
        expected = decay * expected + (1 - decay) * net.weight.detach()
    torch.testing.assert_close(average.weights["weight"], expected)
    assert average.decay_at(199) == 0.9


def test_average_copies_what_is_not_of_floating_point():
    net = nn.BatchNorm1d(2)
    average = MovingAverage(net, 0.9)
    net(torch.randn(4, 2))
    average.update()
    assert average.weights["num_batches_tracked"] == 1


def test_model_has_the_averaged_weights_inside_the_block_alone():
    net = nn.BatchNorm1d(2)
    average = MovingAverage(net, 0.9)
    net(torch.randn(4, 2))
    own = {name: value.clone() for name, value in net.state_dict().items()}
    with average.in_model():
        assert all(torch.equal(value, average.weights[name]) for name, value in net.state_dict().items())
        assert net.num_batches_tracked == 0
    assert all(torch.equal(value, own[name]) for name, value in net.state_dict().items())
