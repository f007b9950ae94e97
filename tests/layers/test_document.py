"""The reference of the layers is that of their docstrings, and the examples of their pages run."""

import re
from pathlib import Path

import pytest
import torch

from kanpipe import layers
from kanpipe.layers.document import FILE, text

PAGES = Path(FILE).parent


def test_reference_is_that_of_the_docstrings():
    assert FILE.read_text() == text(), "run `python -m kanpipe.layers.document`"


def test_reference_has_every_public_name():
    headings = re.findall(r"^### (\w+)$", FILE.read_text(), re.MULTILINE)
    assert set(layers.__all__) <= set(headings)
    assert {"refine_", "update_range_", "prune_edges", "extend_grid", "record_outside"} <= set(headings)
    assert len(headings) == len(set(headings))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")
@pytest.mark.parametrize("page", ["layers.md", "growing.md"])
def test_examples_of_the_page_run_one_after_another(page):
    examples = re.findall(r"```python\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)
    assert examples
    names: dict = {}
    with torch.random.fork_rng():
        for example in examples:
            exec(compile(example, page, "exec"), names)
