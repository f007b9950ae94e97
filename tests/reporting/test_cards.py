"""Score cards: one for each score, with its floor."""

import json

import numpy as np
import pandas as pd
import pytest

from kanpipe.reporting.cards import score_cards, write_cards

SCORES = pd.DataFrame(
    {
        "variant": ["floor", "floor", "floor: black", "kan"],
        "seed": [np.nan, np.nan, np.nan, 3.0],
        "sampler": [None, None, None, "quad_20"],
        "extractor": "judge",
        "layer": "64",
        "metric": ["fid", "kid", "fid", "fid"],
        "n": [500, 500, 500, 400],
        "weights": "ab12",
        "value": [1.5, np.nan, 900.0, 30.25],
    }
)


def test_a_card_says_all_that_a_score_was_measured_with_and_its_floor():
    *_, card = score_cards(SCORES)
    assert card == {
        "variant": "kan",
        "seed": 3,
        "sampler": "quad_20",
        "extractor": "judge",
        "layer": "64",
        "metric": "fid",
        "n": 400,
        "weights": "ab12",
        "value": 30.25,
        "floor": {"value": 1.5, "n": 500},
    }
    assert isinstance(card["seed"], int)


def test_floors_themselves_have_no_card_and_other_images_have_one():
    assert [card["variant"] for card in score_cards(SCORES)] == ["floor: black", "kan"]


def test_distances_against_other_images_have_another_floor_or_none():
    rows = pd.DataFrame(
        {
            "variant": ["floor", "vae", "vae"],
            "extractor": "inception",
            "layer": 64,
            "reference": ["train", "train", "test"],
            "n": 5000,
            "fid": [0.1, 2.0, 2.5],
        }
    )
    assert [card["floor"] for card in score_cards(rows)] == [{"value": 0.1, "n": 5000}, None]


def test_the_file_is_a_list_with_a_card_in_a_line(tmp_path):
    write_cards(tmp_path / "cards.json", SCORES)
    lines = (tmp_path / "cards.json").read_text().splitlines()
    assert len(lines) == 4 and json.loads("\n".join(lines)) == score_cards(SCORES)


def test_an_experiment_without_runs_has_an_empty_list(tmp_path):
    write_cards(tmp_path / "cards.json", SCORES[:2])
    assert json.loads((tmp_path / "cards.json").read_text()) == []


def test_a_frame_without_scores_is_refused():
    with pytest.raises(ValueError, match="none of the columns value, fid"):
        score_cards(SCORES.drop(columns="value"))
