"""The subsequences of times, against what the published loop gives."""

import numpy as np
import pytest
import torch

from kanpipe.diffusion import quadratic_timesteps, uniform_timesteps


@pytest.mark.parametrize("count", [1, 2, 10, 20, 50, 100, 1000])
def test_quadratic_times_are_the_published_ones(count):
    published = [int(s) for s in list(np.linspace(0, np.sqrt(1000 * 0.8), count) ** 2)]
    assert quadratic_timesteps(1000, count).tolist() == published


def test_quadratic_times_repeat_small_ones():
    assert len(quadratic_timesteps(1000, 50).unique()) == 49
    hundred = quadratic_timesteps(1000, 100)
    assert len(hundred.unique()) == 96 and hundred[:5].tolist() == [0, 0, 0, 0, 1]
    assert quadratic_timesteps(1000, 20)[-1] in (799, 800)


@pytest.mark.parametrize("count", [10, 20, 50, 100, 1000])
def test_uniform_times_are_the_published_ones(count):
    assert uniform_timesteps(1000, count).tolist() == list(range(0, 1000, 1000 // count))


@pytest.mark.parametrize("make", [uniform_timesteps, quadratic_timesteps])
@pytest.mark.parametrize("count", [0, 11])
def test_impossible_counts_are_refused(make, count):
    with pytest.raises(ValueError, match=f"count is {count}; it must lie between 1 and the 10 steps"):
        make(10, count)
    assert make(10, 10).dtype == torch.int64
