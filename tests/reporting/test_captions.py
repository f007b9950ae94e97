"""Captions say which of the runs a figure shows."""

import pandas as pd
import pytest

from kanpipe.errors import UserError
from kanpipe.reporting.page.captions import NOTHING, Caption

RUNS = pd.DataFrame(
    [("kan", 0, "diverged"), ("kan", 1, "finished"), ("mlp", 0, "finished"), ("mlp", 1, "finished")]
    + [("mlp_wide", seed, "finished") for seed in (0, 1, 2)],
    columns=["variant", "seed", "status"],
).assign(config_hash="a", preset="cpu")


def shown(words, runs=RUNS, pictured=("kan", "mlp", "absent"), kept=True, published=False):
    return Caption.read(words, "there").shown(runs, pictured, kept, published)


def test_sentence_alone_is_of_all_runs_that_have_finished():
    assert shown("What there is.") == "3 networks, 1 to 3 training seeds each, preset cpu"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"networks": "pictured", "seeds": "first"}, "2 networks, training seeds 0 and 1"),
        ({"networks": ["mlp"], "seeds": "first"}, "1 network, training seed 0"),
        ({"networks": ["mlp", "mlp_wide"]}, "2 networks, 2 to 3 training seeds each"),
        ({"networks": "some"}, "1 to 3 training seeds of each network"),
        ({"networks": "some", "seeds": "first"}, "training seeds 0 and 1 of each network"),
    ],
)
def test_mapping_says_which(words, said):
    assert shown({"see": "What there is."} | words) == f"{said}, preset cpu"


def test_where_none_to_be_pictured_was_run_all_are():
    assert shown({"see": "", "networks": "pictured"}, pictured=["absent"]).startswith("3 networks")
    assert shown({"see": "", "networks": ["absent"]}) == NOTHING


def test_preset_is_that_of_kept_rows():
    some = RUNS.assign(preset=RUNS["preset"].where(RUNS["variant"] == "mlp"))
    assert shown("", some).endswith("each, preset cpu (of some not recorded)")
    assert shown("", RUNS.drop(columns="preset")).endswith("each, preset not recorded")
    assert shown("", RUNS.drop(columns="preset"), published=True).endswith("each, the published scale")
    assert shown("", RUNS, published=True).endswith("each, preset cpu")
    assert shown("", RUNS.drop(columns="preset"), kept=False).endswith("seeds each")


def test_times_are_of_rounds():
    times = pd.DataFrame({"variant": ["kan", "mlp"], "rounds": [11, 11], "status": "finished"})
    assert shown("", times, kept=False) == "medians of 11 rounds in turns"


@pytest.mark.parametrize(
    "words", [{"networks": "all"}, {"see": "", "of": 1}, {"see": "", "seeds": "last"}, {"see": "", "networks": "kan"}]
)
def test_what_is_no_caption_is_named(words):
    with pytest.raises(UserError, match=r"^there"):
        shown(words)


def test_kept_figure_of_a_later_part_has_the_seed_of_that():
    caption = Caption("see", ["mlp"], "first", kept_seed=1)
    assert caption.shown(RUNS, [], kept=True).startswith("1 network, training seed 1")
    assert caption.shown(RUNS, [], kept=False).startswith("1 network, training seed 0")
