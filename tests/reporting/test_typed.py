"""Numbers that are typed in prose: those that were measured are quoted, and no others are allowed than stand there."""

import pytest

from kanpipe.reporting import prose
from kanpipe.reporting.folders import SOURCE
from kanpipe.reporting.typed import allowed_numbers, faults, typed

QUOTED = "of <!-- value: a.b -->0.25<!-- -->"


@pytest.mark.parametrize(
    "said", ["p = 0.04", "p < 0.001", "p of 0.008", "p 0.02", "p = .3", "p = 4e-5", "p below 0.01"]
)
def test_p_is_never_typed(said):
    assert typed(f"They differ ({said}).") == [said]
    assert typed(f"They differ ({said}).", [0.04, 0.001, 0.008, 0.02, 0.3, 0.01]) == [said]


@pytest.mark.parametrize("said", ["0.31", "-2.5", "1.2e-6"])
def test_decimal_is_typed_only_if_allowed(said):
    text = f"{QUOTED} and {said}."
    assert typed(text) == [said]
    assert typed(text, [float(said)]) == []
    assert typed(f"and {said}.") == []  # of a page that quotes nothing


@pytest.mark.parametrize("said", ["13 nats", "eight nats", "Three times", "12 %", "two orders", "1,464-fold"])
def test_measure_is_not_typed_in_the_quote_of_a_page(said):
    assert typed(f"# Title\n\n> It is {said} behind (95 %).\n\nIt is {said} behind.") == [said]
    assert typed("> Of 3 runs two are 16 channels wide, at <!-- value: a.b -->13<!-- --> nats.") == []


@pytest.mark.parametrize(
    "said",
    ["<!-- value: a.p -->0.04<!-- -->", "`beta=0.03`", "[page](https://x.org/1706.03762)", "v0.1.0", "<!-- 0.5 -->"],
)
def test_what_is_no_prose_is_left_alone(said):
    assert typed(f"{QUOTED}, p = {said}") == []


def test_fault_names_page_and_number():
    pages = {"a.md": f"{QUOTED} or 0.5", "b.md": f"{QUOTED} or 0.5"}
    assert faults(pages, {"a.md": {0.5}}) == [
        "b.md has 0.5 typed: quote it from numbers.yaml, or say in typed.yaml what it is"
    ]


def test_no_page_has_a_measured_number_typed():
    assert prose.all_typed(SOURCE / "results/reference") == []


def test_every_number_that_may_be_typed_is():
    for page, numbers in allowed_numbers(SOURCE / "results/reference/typed.yaml").items():
        found = {float(number) for number in typed((SOURCE / page).read_text())}
        assert numbers <= found, page
