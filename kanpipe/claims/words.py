"""What claims, their tests and their verdicts are called in tables and on the page."""

GROUPS = {
    "reported": "Reported claims",
    "own": "This project's own predictions",
    "afterwards": "Read off afterwards: no predictions",
    "count": "Counts",
}  # in this order
ASKS = {  # what each kind of test asks
    "above": "above",
    "not_above": "not above (non-inferiority)",
    "equal": "equal (equivalence)",
    "level": "mean between bounds",
    "number": "one more run (prediction interval)",
    "estimate": "ratio of times",
    "ratio": "ratio of times",
    "trend": "rank correlation",
    "least": "least of all",
    "share": "mean share",
    "parameters": "count",
    "parameter_ratio": "ratio of counts",
    "exact": "counted number",
    "rows": "printed rows",
    "stable": "runs that diverged",
    "undecidable": "",
    "unmeasured": "",
}


def marked(verdict: str, lost: bool) -> str:
    """A verdict as it is shown and counted: with a mark where Holm's correction takes it away."""
    return f"{verdict} (not after Holm)" if lost else verdict
