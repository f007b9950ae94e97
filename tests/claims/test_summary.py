"""The numbers of verdicts that the README shows."""

import pandas as pd

from kanpipe.claims.summary import summary


def test_readings_are_verdicts_of_one_claim():
    rows = [
        ("a.one.x", "reported", True, 0.01, 0.03, "reproduced"),
        ("a.one.y", "reported", True, 0.04, 0.06, "reproduced"),
        ("a.two", "reported", True, 0.5, 0.5, "within noise"),
        ("a.later", "reported", True, None, None, "not run"),
        ("b.three", "own", False, 0.001, None, "supported"),
        ("b.four", "count", False, None, None, "agrees"),
    ]
    table = pd.DataFrame(rows, columns=["id", "group", "primary", "p", "p_holm", "verdict"])
    text = summary(table)
    assert text.startswith("6 verdicts on 5 claims")
    assert "4 are on primary claims that runs can decide; of 3 that have a p" in text
    assert "2 have one below 0.05, 1 after Holm's correction within the experiment, claims " in text
