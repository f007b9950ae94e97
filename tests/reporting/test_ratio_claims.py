"""Verdicts on reported ratios of times."""

import pandas as pd
import pytest

from kanpipe.reporting.claims import judge

CLAIM = {
    "id": "speed.claim",
    "experiment": "speed",
    "source": "nowhere",
    "statement": "one is 3.3 times as fast as the other",
    "reported": 3.3,
    "test": {
        "kind": "ratio", "phase": "forward", "left": "slow", "right": "fast",
        "where": ["layer", "eager", "float32"], "factor": [3.0, 3.6],
    },
    "scale": {"device_type": "cuda"},
}  # fmt: skip


def verdict(ratio: float, low: float, high: float, **columns: object) -> pd.Series:
    row = {
        "variant": "slow",
        "setup": "layer",
        "mode": "eager",
        "precision": "float32",
        "device_type": "cuda",
        "rounds": 15,
    }
    row |= {"forward_ms": 1.0, "forward_over_fast": ratio, "forward_over_fast_low": low, "forward_over_fast_high": high}
    other = row | {"mode": "compiled", "forward_over_fast": 100.0}
    runs = {"speed": pd.DataFrame([other, row | columns])}
    return judge([CLAIM], runs, pd.DataFrame()).numbers.iloc[0]


@pytest.mark.parametrize(
    ("ratio", "low", "high", "expected"),
    [
        (3.3, 3.2, 3.4, "reproduced"),
        (9.0, 8.0, 9.5, "reproduced"),
        (3.0, 2.9, 3.1, "within noise"),
        (2.0, 1.9, 2.1, "not reproduced"),
        (0.5, 0.4, 0.6, "not reproduced"),
    ],
)
def test_verdict_follows_the_interval(ratio, low, high, expected):
    found = verdict(ratio, low, high)
    assert found["verdict"] == expected
    assert (found["measured"], found["spread"], found["n"]) == (f"{ratio:.2f}", f"{low:.2f} to {high:.2f}", "15 rounds")


def test_another_device_is_not_comparable_but_its_ratio_is_told():
    found = verdict(3.3, 3.2, 3.4, device_type="cpu")
    assert (found["verdict"], found["measured"]) == ("not comparable", "3.30")
    assert found["why"] == "device_type cpu, reported cuda"


def test_ratio_without_interval_is_not_comparable():
    assert verdict(3.3, float("nan"), float("nan"))["verdict"] == "not comparable"


@pytest.mark.parametrize("columns", [{"setup": "other"}, {"variant": "other"}, {"forward_over_fast": float("nan")}])
def test_missing_times_are_not_run(columns):
    assert verdict(3.3, 3.2, 3.4, **columns)["verdict"] == "not run"


def test_experiment_that_was_not_run():
    assert judge([CLAIM], {}, pd.DataFrame()).numbers["verdict"].iloc[0] == "not run"
