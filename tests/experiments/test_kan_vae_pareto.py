"""Which models no other beats, and over what their scores spread."""

import numpy as np
import pandas as pd
import pytest

from kanpipe.experiments.kan_vae.figures.parameter_efficiency import pareto_front, spread


def by_definition(parameters, scores, sign):
    """Indices of those that no other beats: as small and better, or smaller and as good."""

    def beaten(i):
        return any(
            parameters[j] <= parameters[i]
            and sign * scores[j] <= sign * scores[i]
            and (parameters[j], scores[j]) != (parameters[i], scores[i])
            for j in range(len(scores))
        )

    return {i for i in range(len(scores)) if not beaten(i)}


@pytest.mark.parametrize("lower_is_better", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_pareto_front_is_of_the_unbeaten(seed, lower_is_better):
    pairs = np.unique(np.random.default_rng(seed).integers(0, 12, (15, 2)), axis=0)  # with ties, without twins
    parameters, scores = pd.Series(pairs[:, 0]), pd.Series(pairs[:, 1].astype(float))
    front = pareto_front(parameters, scores, lower_is_better)
    assert set(front) == by_definition(*pairs.T.tolist(), 1 if lower_is_better else -1)
    assert parameters[front].is_monotonic_increasing


def test_spread_is_over_training_seeds_or_else_over_draws():
    values = pd.DataFrame(
        [("a", 0, 1.0), ("a", 0, 3.0), ("a", 1, 8.0), ("a", 1, 8.0), ("b", 0, 1.0), ("b", 0, 3.0), ("c", 0, 5.0)],
        columns=["variant", "seed", "score"],
    )
    found = spread(values)
    assert found["mean"].to_dict() == {"a": 5.0, "b": 2.0, "c": 5.0}
    assert found["sd"][["a", "b"]].tolist() == pytest.approx([18**0.5, 2**0.5], rel=1e-12)  # of (2, 8) and (1, 3)
    assert np.isnan(found["sd"]["c"])
