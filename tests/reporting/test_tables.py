"""Means, deviations and the forms of a table."""

import math

import pandas as pd
import pytest
from run_records import recorded
from torch import nn

from kanpipe.claims.file import load_claims
from kanpipe.claims.model import Claim
from kanpipe.errors import UserError
from kanpipe.files import write_table
from kanpipe.reporting.cost import cost_table
from kanpipe.reporting.folders import SOURCE, Results
from kanpipe.reporting.page.headline import headline
from kanpipe.reporting.parameters import as_published, parameter_table
from kanpipe.reporting.tables import Table, mean_and_sd, summarise


def runs() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "variant": ["b", "b", "b", "a", "c"],
            "status": ["finished", "finished", "diverged", "finished", "diverged"],
            "loss": [1.0, 3.0, math.nan, 5.0, math.nan],
        }
    )


def test_summary_keeps_order_and_counts():
    table = summarise(runs(), ["variant"], ["loss"])
    assert table["variant"].tolist() == ["b", "a", "c"]
    assert table["n"].tolist() == [2, 1, 0]
    assert table["failed"].tolist() == [1, 0, 1]


def test_summary_has_the_deviation_of_a_sample():
    table = summarise(runs(), ["variant"], ["loss"]).set_index("variant")
    assert table.loc["b", "loss_mean"] == 2.0
    assert table.loc["b", "loss_sd"] == pytest.approx(math.sqrt(2))
    assert math.isnan(table.loc["a", "loss_sd"])


def test_cells_say_what_there_is():
    cells = mean_and_sd(summarise(runs(), ["variant"], ["loss"]), "loss", ".2f")
    assert cells == ["2.00 ± 1.41", "5.00", "diverged"]


def test_forms_of_a_table(tmp_path):
    numbers, text = pd.DataFrame({"a_b": [0.25]}), pd.DataFrame({"a_b": ["0.250 ± 0.010"]})
    Table(numbers, text, "A note.").write(tmp_path / "table")
    assert (tmp_path / "table.csv").read_text() == "a_b\n0.25\n"
    assert "0.250 ± 0.010" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "table.md").read_text().endswith("\n\nA note.\n")
    assert "<td>0.250 ± 0.010</td>" in (tmp_path / "table.html").read_text()
    latex = (tmp_path / "table.tex").read_text()
    assert r"0.250 $\pm$ 0.010" in latex and r"a\_b" in latex and "% A note." in latex


def test_bars_and_line_ends_in_a_cell_break_no_markdown(tmp_path):
    text = pd.DataFrame({"network": ["U-Net | wide\nor not"], "published": ["1.0"]})
    Table(text, text).write(tmp_path / "tables/unets")
    results, spec = Results(tmp_path), {"name": "", "columns": ["network", "published"], "published": "published"}
    write_table(tmp_path / "tables/claims.csv", text)
    assert headline(results, "unets", "swiss_roll", spec).rows == [["U-Net | wide or not", "1.0"]]


def test_rows_that_share_a_value_have_a_table_of_their_own(tmp_path):
    text = pd.DataFrame({"sort": ["a_b", "c", "a_b"], "n": ["1", "2", "3"], "p": ["0.1", "", ""]})
    Table(text, text, "A note.", by="sort").write(tmp_path / "table")
    first, second = (tmp_path / "table.md").read_text().split("## c")
    assert first.startswith("## a_b\n\n| n ") and "p" in first and "| 3 " in first
    assert "| 2 " in second and "p" not in second and second.endswith("\n\nA note.\n")
    assert "<h2>a_b</h2>" in (tmp_path / "table.html").read_text()
    assert (tmp_path / "table.tex").read_text().count(r"\begin{tabular}") == 2
    assert pd.read_csv(tmp_path / "table.csv")["sort"].tolist() == ["a_b", "c", "a_b"]


def model_of(parameters):
    return nn.Linear(parameters, 1, bias=False)


def counted(**more):
    head = {
        "id": "e.count",
        "experiment": "e",
        "source": "s",
        "place": "table I",
        "statement": "it has 5",
        "reported": 5,
    }
    return [Claim.model_validate(head | {"test": {"kind": "parameters", "variant": "kan"}} | more)]


def test_parameters_stand_beside_the_reported_ones():
    table = parameter_table({("e", "kan"): model_of(5), ("e", "mlp"): model_of(7)}, counted()).numbers
    assert table["matches"].tolist() == ["yes", ""]
    assert table["reported"].tolist() == [5, pd.NA]
    assert parameter_table({("e", "kan"): model_of(6)}, counted()).numbers["matches"].tolist() == ["no"]


def test_networks_of_published_size_are_counted_whatever_the_preset():
    claims = load_claims([SOURCE / "workflow/claims/cifar10_ddim.yaml"])
    models = as_published(claims)
    assert set(models) == {("cifar10_ddim", "unet, as published"), ("cifar10_ddim", "kan_unet, as published")}
    table = parameter_table(models, claims).numbers.set_index("variant")
    assert table["parameters"].to_dict() == {"kan_unet, as published": 132_531_642, "unet, as published": 23_220_867}
    assert set(table["matches"]) == {"yes"}
    assert as_published(counted()) == {}


def test_parameters_say_how_near_a_variant_came_to_the_one_that_it_matches():
    models = {("e", "kan"): model_of(80), ("e", "mlp"): model_of(82)}
    notes = parameter_table(models, [], {("e", "mlp"): "kan"}).numbers["note"].tolist()
    assert notes == ["no count reported", "as many as kan, 80: +2.50 %"]
    notes = parameter_table({("e", "mlp"): model_of(82)}, [], {("e", "mlp"): "kan"}).numbers["note"].tolist()
    assert notes == ["as many as kan, which is left out here"]


def test_cost_is_summed_by_stage(tmp_path):
    header = "s\th:m:s\tmax_rss\tmean_load\n"
    for name, seconds, memory in (("train_kan_seed0", 60, 100), ("train_kan_seed1", 120, 300), ("sample", 30, "-")):
        (tmp_path / f"{name}.tsv").write_text(f"{header}{seconds}\t0:01:00\t{memory}\t99\n")
    table = cost_table({"toy": sorted(tmp_path.glob("*.tsv"))}, {"toy": tmp_path}).numbers.set_index("stage")
    assert table.loc["train", ["jobs", "minutes", "longest_minutes", "peak_memory_mib"]].tolist() == [2, 3, 2, 300]
    assert table.loc["all", "minutes"] == 3.5
    assert table.loc["all", "disk_mib"] == pytest.approx(sum(p.stat().st_size for p in tmp_path.glob("*.tsv")) / 2**20)


def test_training_of_several_sittings_costs_all_of_them(tmp_path):
    (tmp_path / "train_small_kan_seed0.tsv").write_text("s\tmax_rss\n6\t100\n")  # the last of them
    recorded(tmp_path / "small_kan/seed0", seconds=120.0, device="a CPU")
    table = cost_table({"toy": sorted(tmp_path.glob("*.tsv"))}, {"toy": tmp_path}).numbers.set_index("stage")
    assert table.loc["train", "minutes"] == 2


def test_cost_is_not_taken_from_an_altered_record(tmp_path):
    (tmp_path / "train_kan_seed0.tsv").write_text("s\tmax_rss\n6\t100\n")
    recorded(tmp_path / "kan/seed0", seconds=120.0)
    record = tmp_path / "kan/seed0/run.json"
    record.write_text(record.read_text().replace("120.0", "1e9"))
    with pytest.raises(UserError, match="run.json is damaged"):
        cost_table({"toy": [tmp_path / "train_kan_seed0.tsv"]}, {"toy": tmp_path})
