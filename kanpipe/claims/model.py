"""What a claim is: a statement with its place in a source, and the test that decides it.

All bounds that are a choice, such as a margin, have a reason and a date in `because`.
"""

import re
from typing import Annotated, Any

from pydantic import Field, model_validator

from kanpipe.claims.questions import COUNTS, Tests
from kanpipe.config.models import Section, fault

OWN = "this project"
AFTERWARDS = "this project, after looking"  # what was put into words when its runs had been seen
ROUND = "round"  # the unit of rows of one process
DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")


class Claim(Section):
    """A claim; the loader gives it its `id` and `experiment` and the words of its source."""

    id: str
    experiment: str
    source: str
    place: str = ""  # page, table, figure or section of the source
    statement: str = Field(min_length=1)
    reported: str | int | float
    primary: bool = False
    because: str = ""
    caution: str = ""  # what must be said beside the verdict
    frame: str = "runs"
    named: str = "variant"  # the column of the frame that tells its variants apart
    where: dict[str, Any] = {}  # columns of the frame and the values of its rows that are meant
    scale: dict[str, Any] = {}  # what a run must have to be compared with the reported one, as its source says
    assumed: dict[str, Any] = {}  # the same of what the source does not say, so that it was chosen here
    same: list[str] = []  # what all runs must have alike
    optional: bool = False  # the metric is a column only in some settings
    repeats: str | None = None  # the column that tells draws of one run apart
    unit: str = "run"  # what a row is one of
    test: Annotated[Tests, Field(discriminator="kind")]

    @model_validator(mode="after")
    def _complete(self) -> "Claim":
        if self.test.chosen and not self.because:
            raise fault("has bounds without `because`, their reason and date")
        if self.test.chosen and not DATE.search(self.because):
            raise fault(
                "has bounds that are a choice, and `because` does not say on which day (YYYY-MM-DD) it was made"
            )
        if getattr(self.test, "metric", "-") == "":
            raise fault("has no metric")
        if self.test.kind == "parameters" and isinstance(self.reported, str):
            raise fault("compares a count of parameters with `reported`, which must be a number alone")
        if self.source not in (OWN, AFTERWARDS) and not self.place:
            raise fault("has no place in its source")
        if self.source == AFTERWARDS and self.primary:
            raise fault("cannot be primary, since its runs had been seen")
        if self.unit == ROUND and self.primary:
            raise fault("cannot be primary, since rounds of one process have no p")
        return self

    @property
    def group(self) -> str:
        """Which verdicts it can have: those of reported claims, of own predictions and readings, or of counts."""
        if self.test.kind in COUNTS:
            return "count"
        return {OWN: "own", AFTERWARDS: "afterwards"}.get(self.source, "reported")
