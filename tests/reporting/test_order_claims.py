"""Verdicts on claims about the order of many variants."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from kanpipe.reporting.claims import judge

NAMES = [f"v{place}" for place in range(8)]
NOTHING = pd.DataFrame({"experiment": [], "variant": [], "parameters": []})


def claim(test):
    head = {"id": "toy.order", "experiment": "toy", "source": "nowhere", "statement": "something", "reported": "x"}
    return head | {"test": test}


def rows(values, names=NAMES, **columns):
    return pd.DataFrame({"variant": names, "fid": values}).assign(**{"status": "finished", "steps": 100} | columns)


def trend(runs, **more):
    made = claim({"kind": "trend", "metric": "fid", "variants": NAMES}) | more
    return judge([made], {} if runs is None else {"toy": runs}, NOTHING).numbers.iloc[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8], "reproduced"),
        ([1, 3, 2, 4, 6, 5, 8, 7], "reproduced"),
        ([8, 7, 6, 5, 4, 3, 2, 1], "not reproduced"),
        ([5, 2, 8, 1, 7, 3, 6, 4], "within noise"),
    ],
)
def test_trend_is_a_rank_correlation(values, expected):
    found = trend(rows(values))
    rho = spearmanr(range(8), values).statistic
    assert (found["verdict"], found["measured"]) == (expected, f"rank correlation {rho:+.2f}")


def test_interval_of_a_trend_covers_the_truth_as_often_as_it_says():
    draw = np.random.default_rng(0)
    verdicts = [trend(rows(draw.permutation(8)))["verdict"] for _ in range(300)]
    outside = sum(found != "within noise" for found in verdicts)
    assert 3 <= outside <= 36  # 5 % of 300 is 15, deviation 3.8; the interval is approximate, so up to 12 % may pass


def test_trend_counts_every_seed_and_asks_for_five_runs_and_all_variants():
    twice = pd.concat([rows(np.arange(8.0)), rows(np.arange(8.0) + 0.5)])
    assert trend(twice)["n"] == "16"
    few = rows([math.nan] * 4 + [1, 2, 3, 4])
    assert trend(few)["why"] == "a trend needs five runs"
    assert trend(rows(range(7), NAMES[:7]))["why"] == "no runs of v7"
    assert trend(None)["verdict"] == "not run"
    assert trend(rows(range(8)).drop(columns="fid"), optional=True)["verdict"] == "not run"
    assert trend(rows(range(8)), scale={"steps": 7})["verdict"] == "not comparable"


def least(values, seeds=3):
    names = [name for name in ("a", "b", "c") for _ in range(seeds)]
    spread = np.resize([0, 0.1, -0.1], seeds)
    runs = rows(np.concatenate([value + spread for value in values]), names)
    made = claim({"kind": "least", "metric": "fid", "variant": "a", "others": ["b", "c"]})
    return judge([made], {"toy": runs}, NOTHING).numbers.iloc[0]


@pytest.mark.parametrize(
    ("values", "expected", "lowest"),
    [
        ((1, 3, 2), "reproduced", "c"),
        ((2, 1, 3), "not reproduced", "b"),
        ((2, 2.05, 3), "within noise", "b"),
    ],
)
def test_least_is_compared_with_the_lowest_of_the_others(values, expected, lowest):
    found = least(values)
    assert found["verdict"] == expected
    assert found["why"].endswith(f"the lowest of the others is {lowest}")
    assert found["n"] == "3 and 3"


def test_least_needs_two_seeds_and_runs():
    assert least((1, 3, 2), seeds=1)["verdict"] == "not comparable"
    made = claim({"kind": "least", "metric": "fid", "variant": "a", "others": ["b"]})
    assert judge([made], {}, NOTHING).numbers.iloc[0]["verdict"] == "not run"
