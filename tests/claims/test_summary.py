"""The numbers of verdicts that the README shows."""

import pandas as pd

from kanpipe.claims.summary import summary


def test_readings_are_verdicts_of_one_claim():
    rows = [
        ("a.one.x", "reported", True, 0.01, 0.03, "reproduced"),
        ("a.one.y", "reported", True, 0.04, 0.06, "reproduced"),
        ("a.two", "reported", True, 0.5, 0.5, "within noise"),
        ("b.three", "own", False, 0.001, None, "supported"),
        ("b.four", "count", False, None, None, "agrees"),
    ]
    table = pd.DataFrame(rows, columns=["id", "group", "primary", "p", "p_holm", "verdict"])
    text = summary(table)
    assert text.startswith("5 verdicts on 4 claims")
    assert (
        "primary claims that have a p (small where the runs decide, for the claim or against it), 2 have one below 0.05"
        in text
    )
    assert "correction 1 have within their experiments, and 1 over all" in text
