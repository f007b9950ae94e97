"""What pages say is to believe rests on verdicts, and must be read again when one changes."""

from pathlib import Path

import pytest

from kanpipe.errors import UserError
from kanpipe.reporting.beliefs import belief, changed
from kanpipe.reporting.prose import believed_pages

KEPT = Path(__file__).parents[2] / "results/reference"
PAGES = believed_pages(KEPT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_kept_page_says_what_to_believe_of_its_verdicts(page):
    assert belief(page)
    assert changed(page) == []


@pytest.fixture
def page(tmp_path):
    """Writes a page that rests on what is said, with three claims beside it, and gives its path."""
    (tmp_path / "toy/tables").mkdir(parents=True)
    (tmp_path / "toy/tables/claims.csv").write_text("id,verdict\ntoy.a,not run\ntoy.b.c,supported\ntoy.d,not run\n")

    def write(rests):
        path = tmp_path / "toy/README.md"
        path.write_text(f"# Toy\n\n> Believe <!-- value: x -->1<!-- --> of\n> it.\n\n{rests}\n")
        return path

    return write


def test_quotation_is_what_to_believe(page):
    assert belief(page("")) == "Believe 1 of it."
    assert belief(page("").with_name("other.md")) == ""


def test_nothing_is_said_while_verdicts_stand(page):
    assert changed(page("<!-- rests on: a, d not\nrun; b.c supported -->")) == []


def test_changed_verdict_is_named(page):
    (sentence,) = changed(page("<!-- rests on: a, d not run; b.c refuted -->"))
    assert sentence.endswith("rests on toy.b.c being refuted, and it is supported: read it again")


def test_page_of_all_names_whole_ids(page):
    of_all = page("").parent.parent / "README.md"
    of_all.write_text("# All\n\n> Believe it.\n\n<!-- rests on: toy.a, toy.b.c supported -->\n")
    (sentence,) = changed(of_all)
    assert sentence.endswith("rests on toy.a being supported, and it is not run: read it again")


@pytest.mark.parametrize(
    ("rests", "sentence"),
    [("", "does not say which verdicts"), ("<!-- rests on: e not run -->", "rests on toy.e, which is no claim")],
)
def test_page_that_rests_on_nothing_is_refused(page, rests, sentence):
    with pytest.raises(UserError, match=sentence):
        changed(page(rests))


def test_page_without_a_table_of_verdicts_is_named(page):
    path = page("<!-- rests on: a not run -->")
    (path.parent / "tables/claims.csv").unlink()
    with pytest.raises(UserError, match=r"tables/claims.csv cannot be read \(No such file.*--judge-again"):
        changed(path)
