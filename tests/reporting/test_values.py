"""Numbers looked up in rows: comparisons, shares and rank correlations are those that one computes by hand."""

import pandas as pd
import pytest
from scipy.stats import ttest_rel

from kanpipe.reporting.values import Values, fixed

LOSSES = {"kan": [1.0, 2.0, 2.5, 4.0], "mlp": [1.5, 2.2, 3.5, 4.1]}
RISES = {"kan": 0.1, "mlp": 0.5}


@pytest.fixture
def values(tmp_path) -> Values:
    rows = [
        {"variant": name, "seed": seed, "status": "finished", "loss": loss, "rise": RISES[name]}
        for name, losses in LOSSES.items()
        for seed, loss in enumerate(losses)
    ]
    rows.append({"variant": "kan", "seed": 4, "status": "diverged", "loss": None})
    pd.DataFrame(rows).to_csv(tmp_path / "runs.csv", index=False)
    widths = {"vae_h10": (10, 3.0), "vae_h9": (9, 2.0), "vae_h100": (100, 4.0), "kan_h8": (8, 9.0)}
    table = pd.DataFrame([{"variant": name, "fid": fid, "size": size} for name, (size, fid) in widths.items()])
    table.to_csv(tmp_path / "table.csv", index=False)
    return Values(tmp_path, tmp_path)


def test_two_variants_are_compared_in_pairs_of_seeds(values):
    found = values.compared("loss", "mlp", "kan")
    test = ttest_rel(LOSSES["mlp"], LOSSES["kan"])
    assert found.p(0) == pytest.approx(test.pvalue)
    assert (found.value, found.low) == pytest.approx((0.45, test.confidence_interval(0.95).low))


def test_comparison_is_of_the_seeds_that_are_named(values):
    test = ttest_rel(LOSSES["mlp"][1:], LOSSES["kan"][1:])
    assert values.compared("loss", "mlp", "kan", seed=range(1, 4)).p(0) == pytest.approx(test.pvalue)
    assert values.compared("loss", "mlp", "kan", seed=[1, 2, 3]).p(0) == pytest.approx(test.pvalue)


def test_comparison_with_a_variant_that_was_not_run_is_refused(values):
    with pytest.raises(KeyError, match="no loss of resnet"):
        values.compared("loss", "kan", "resnet")


def test_runs_lie_apart_by_their_extremes(values):
    assert values.apart("loss", "kan") == 3.0
    assert values.apart("loss", "kan", seed=range(1, 3)) == 0.5


def test_mean_of_runs_that_all_diverged_says_so_and_one_that_was_not_run_too(tmp_path):
    rows = [{"variant": "kan", "seed": 0, "status": "diverged", "loss": None}]
    pd.DataFrame(rows).to_csv(tmp_path / "runs.csv", index=False)
    values = Values(tmp_path, tmp_path)
    assert [fixed(values.mean("loss", name), 2) for name in ("kan", "mlp")] == ["diverged", "not run"]


def test_share_is_of_finished_runs_alone(values):
    assert (values.reached("loss", "kan", 2.0), values.n("loss", "kan")) == (3, 4)
    assert values.reached("loss", "kan", 2.1) == 2


def test_two_shares_are_compared_by_fishers_exact_test(values):
    assert values.fisher("rise", "mlp", "kan", 0.3) == pytest.approx(2 / 70)  # 4 of 4 against none of 4, either way
    assert values.fisher("rise", "mlp", "kan", 0.9) == 1.0


def test_rank_correlation_takes_the_number_in_a_name(values):
    assert values.spearman("table", "width", "fid", r"vae_h(?P<width>\d+)") == pytest.approx(1.0)  # 9 < 10 < 100
    assert values.spearman("table", "size", "fid") == pytest.approx(-0.2)


def test_rank_correlation_counts_a_variant_once(values, tmp_path):
    rows = pd.DataFrame({"variant": ["a", "a", "b", "c"], "x": [1, 1, 2, 3], "y": [9.0, -9.0, 1.0, 2.0]})
    rows.to_csv(tmp_path / "repeated.csv", index=False)
    assert Values(tmp_path, tmp_path).spearman("repeated", "x", "y") == pytest.approx(1.0)
