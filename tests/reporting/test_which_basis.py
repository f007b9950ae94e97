"""The comparison of bases: the right rows in the right cells, and that what was not run is said."""

import pandas as pd

from kanpipe.reporting.bases import COMPARISONS, FAMILIES, bases_table
from kanpipe.reporting.tables import NOT_RUN


def rows(score: str, means: dict[str, float]) -> pd.DataFrame:
    columns = ["variant", "seed", "status", score]
    return pd.DataFrame(
        [(v, i, "finished", m + d) for v, m in means.items() for i, d in enumerate((-1, 0, 1))], columns=columns
    )


def test_cells_are_those_of_their_family_and_budget():
    roll = rows("huber_fresh", {"kan": 10, "fastkan": 20, "fastkan_in_time": 30})
    table = bases_table({"swiss_roll_bases": roll})
    found = table.numbers.set_index("family")
    assert found.loc["fastkan", ["swiss_roll_bases_mean", "swiss_roll_bases_in_time_mean"]].tolist() == [20, 30]
    assert found.loc["kan", ["swiss_roll_bases_mean", "swiss_roll_bases_in_time_mean"]].tolist() == [10, 10]
    cells = table.text.set_index("functions").loc[FAMILIES["fastkan"]]
    assert cells[COMPARISONS["swiss_roll_bases"].words + " (n = 3)"] == "20.0000 ± 1.0000"
    assert cells[COMPARISONS["swiss_roll_bases"].words + ", equal time (n = 3)"] == "30.0000 ± 1.0000"


def test_what_was_not_run_is_said():
    text = bases_table({"mnist_bases": rows("accuracy", {"kan": 90})}).text.set_index("functions")
    assert text.loc[FAMILIES["mlp"], COMPARISONS["mnist_bases"].words + " (n = 3)"] == NOT_RUN
    assert text[COMPARISONS["kan_vae_bases"].words].eq(NOT_RUN).all()


def test_networks_of_the_fits_are_found_by_their_own_names():
    fits = rows("log_test_rmse", {"spline_kan": -2, "mlp_21": -3, "fastkan": -4, "mlp_in_time": -5, "deep_kan": -9})
    found = bases_table({"function_fit": fits}).numbers.set_index("family")
    assert found.loc[["kan", "mlp", "fastkan"], "function_fit_mean"].tolist() == [-2, -3, -4]
    assert found.loc[["kan", "mlp"], "function_fit_in_time_mean"].tolist() == [-2, -5]
