"""Numbers in prose: filled in from the tables, and that those of the README and of the kept pages do not drift."""

import re
from pathlib import Path

import pytest

from kanpipe.errors import UserError
from kanpipe.files import read_table
from kanpipe.reporting import prose
from kanpipe.reporting.values import Values

KEPT = Path(__file__).parents[2] / "results/reference"
KNOWN = {"a.loss": "0.25", "a.table": "| x |\n|:--|\n| 1 |"}


@pytest.fixture(scope="module")
def known():
    """The numbers of what is kept."""
    return prose.numbers(KEPT)


def test_number_is_filled_in_again_and_again():
    text = "A loss of <!-- value: a.loss -->0.3<!-- --> and <!-- value: a.loss --><!-- -->."
    once = prose.filled(text, KNOWN, "page")
    assert once == "A loss of <!-- value: a.loss -->0.25<!-- --> and <!-- value: a.loss -->0.25<!-- -->."
    assert prose.filled(once, KNOWN, "page") == once


def test_table_stands_in_lines_of_its_own():
    once = prose.filled("Here:\n\n<!-- value: a.table -->old<!-- -->\n\nEnd", KNOWN, "page")
    assert once == f"Here:\n\n<!-- value: a.table -->\n\n{KNOWN['a.table']}\n\n<!-- -->\n\nEnd"
    assert prose.filled(once, KNOWN, "page") == once


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("of <!-- value: a.less -->1<!-- -->", "page: there is no number a.less"),
        ("of\n  <!-- value: a.loss -->1<!-- -->", "page: a.loss begins a line"),
    ],
)
def test_fault_in_a_page_is_named(text, sentence):
    with pytest.raises(UserError, match=sentence):
        prose.filled(text, KNOWN, "page")


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ('mean("huber", "kna") | fixed(2)', "has no value"),
        ('mean("huber") | fixed(2)', "cannot be looked up"),
        ("mean(", "cannot be looked up"),
        ('table("nothing")', "cannot be looked up .*No such file"),
        ("1 / 0", "cannot be looked up .*division by zero"),
        ("''.__class__.__mro__", "cannot be looked up"),
    ],
)
def test_fault_in_an_expression_is_named(tmp_path, expression, sentence):
    (tmp_path / "numbers.yaml").write_text(f"swiss_roll:\n  loss: >-\n    {expression}\n")
    (tmp_path / "swiss_roll").symlink_to(KEPT / "swiss_roll")
    with pytest.raises(UserError, match=rf"numbers.yaml: swiss_roll.loss {sentence}"):
        prose.numbers(tmp_path)


def test_figures_are_of_the_runs_that_their_captions_name(known):
    seeds = read_table(KEPT / "swiss_roll/runs.csv").groupby("variant")["seed"].nunique()
    assert known["swiss_roll.figures.loss_curves"].startswith(
        f"{len(seeds)} networks, {seeds.min()} training seeds each"
    )
    assert known["function_fit.figures.edges_pi_deep_kan"].startswith("1 network, training seed 0")


def test_number_is_that_of_the_rows(known):
    rows = read_table(KEPT / "swiss_roll/runs.csv").query("variant == 'kan'")
    assert known["swiss_roll.kan_huber"] == f"{rows['huber'].mean():.4f}"


def test_prose_has_not_drifted(known):
    drifted = prose.drifted(prose.all_pages(KEPT), known, write=False)
    assert not drifted, "run python -m kanpipe.reporting.prose"


def test_every_number_is_quoted_somewhere(known):
    quoted = {name for page in prose.all_pages(KEPT) for name, _ in prose.VALUE.findall(page.read_text())}
    assert quoted <= known.keys()
    assert all(".figures." in name for name in known.keys() - quoted)  # not every figure stands on a page


def test_drifted_page_is_put_right(tmp_path, known):
    page = tmp_path / "README.md"
    page.write_text("Of <!-- value: swiss_roll.kan_huber -->0.1<!-- -->.")
    assert prose.drifted([page], known, write=True) == [page]
    assert re.search(r"-->0\.2890<!--", page.read_text())
    assert prose.drifted([page], known, write=True) == []


def test_part_of_a_table_has_its_rows_and_columns_in_order():
    values = Values(KEPT / "swiss_roll", KEPT / "swiss_roll/tables")
    head, _, *rows = values.table("swiss_roll", ["variant", "n", "parameters"], ["kan", "mlp"]).splitlines()
    assert [cell.strip() for cell in head.split("|")[1:-1]] == ["variant", "n", "parameters"]
    assert [row.split("|")[1].strip() for row in rows] == ["kan", "mlp"]
    with pytest.raises(KeyError):
        values.table("swiss_roll", ["variant"], ["no such network"])
