"""What a claim is: a statement with its place in a source, and the test that decides it.

A test says for which effects the claim holds: those between its two bounds. All bounds that are a choice, such as a
margin, have a reason and a date in `because`.
"""

import re
from math import inf, isfinite
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from kanpipe.config.models import Positive, Section, fault

OWN = "this project"
AFTERWARDS = "this project, after looking"  # what was put into words when its runs had been seen
ROUND = "round"  # the unit of rows of one process
Bounds = tuple[float, float]
Variants = str | list[str]  # of a list the first that was run
DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
PLAIN = (0.0, 1.0)  # bounds that are no choice: no difference, as many times


class Question(Section):
    """A test of a claim; `bounds` are those between which its effect lies if the claim holds."""

    @property
    def bounds(self) -> Bounds:
        """None but for tests of effects."""
        return -inf, inf

    @property
    def chosen(self) -> bool:
        """Whether its bounds are a choice, which needs a reason."""
        return any(isfinite(bound) and bound not in PLAIN for bound in self.bounds)

    def variants(self) -> list[str]:
        """All that it is about."""
        sides = ("variant", "less", "left", "right", "to", "others", "along")
        named = [getattr(self, key, None) or [] for key in sides]
        return [name for side in named for name in ([side] if isinstance(side, str) else side)]


class Compared(Question):
    """Of two variants by a metric: left less right."""

    metric: str = ""
    left: Variants
    right: Variants


class MaybeRatio(Compared):
    """The same, or with `times` left over right."""

    times: Positive | None = None


class Above(MaybeRatio):
    """`left` lies above `right`, by more than `by` if that is given, or above so many `times` it."""

    kind: Literal["above"]
    by: Positive | None = None

    @model_validator(mode="after")
    def _not_both(self) -> "Above":
        if self.by is not None and self.times is not None:
            raise fault("has `by` and `times`, of which it can have one: take the other out")
        return self

    @property
    def bounds(self) -> Bounds:
        return self.times or self.by or 0.0, inf


class NotAbove(MaybeRatio):
    """`left` lies at most by `margin` above `right`, or at most at so many `times` it: non-inferiority."""

    kind: Literal["not_above"]
    margin: Positive | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "NotAbove":
        if (self.margin is None) == (self.times is None):
            raise fault("needs a margin or times: without, no number of runs could show that it holds")
        return self

    @property
    def bounds(self) -> Bounds:
        return -inf, self.times or self.margin or inf


class Equal(Compared):
    """`left` and `right` differ by at most `margin`: equivalence, by two one-sided tests."""

    kind: Literal["equal"]
    margin: Positive

    @property
    def bounds(self) -> Bounds:
        return -self.margin, self.margin


class Between(Question):
    """An effect that lies from `low` to `high`, as far as they are given."""

    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _some_bound(self) -> "Between":
        if self.low is None and self.high is None:
            raise fault("needs a low or a high bound")
        return self

    @property
    def bounds(self) -> Bounds:
        return (-inf if self.low is None else self.low), (inf if self.high is None else self.high)


class Level(Between):
    """The mean of a metric."""

    kind: Literal["level"]
    metric: str = ""
    variant: Variants


class Number(Question):
    """One published number, `value`: one more run lies within `within` of it (a prediction interval), and may be it."""

    kind: Literal["number"]
    metric: str = ""
    variant: Variants
    value: float
    within: Positive

    @property
    def bounds(self) -> Bounds:
        return self.value - self.within, self.value + self.within


class OfTimes(Between):
    """A ratio of times."""

    @model_validator(mode="after")
    def _positive(self) -> "OfTimes":
        if any(bound is not None and bound <= 0 for bound in (self.low, self.high)):
            raise fault("has a bound that is not above 0, as every ratio of times is: leave it out, or give another")
        return self


class Stated(OfTimes):
    """A ratio that its row holds with the ends of its interval; `to`: the variant of the first row, to which it is."""

    kind: Literal["estimate"]
    metric: str
    ends: list[str] = Field(min_length=2, max_length=2)
    variant: str
    to: str


class Ratio(OfTimes):
    """How many times as long as `right` takes `left` in a `phase`."""

    kind: Literal["ratio"]
    phase: str
    left: str
    right: str


class Trend(Question):
    """A metric rises or falls along variants, which have a number each."""

    kind: Literal["trend"]
    metric: str = ""
    along: dict[str, float] = Field(min_length=3)
    direction: Literal["rises", "falls"]

    @property
    def bounds(self) -> Bounds:
        return (0.0, inf) if self.direction == "rises" else (-inf, 0.0)


class Least(Question):
    """The variant has the least metric of all."""

    kind: Literal["least"]
    metric: str = ""
    variant: str
    others: list[str] = Field(min_length=1)

    @property
    def bounds(self) -> Bounds:
        return -inf, 0.0


class Share(Between):
    """The share of the rows of a run in which the metric lies below a value, as a mean over runs."""

    kind: Literal["share"]
    metric: str = ""
    variant: Variants
    below: float


class Parameters(Question):
    """A count of parameters, exactly."""

    kind: Literal["parameters"]
    variant: str


class ParameterRatio(Between):
    """The parameters of one variant over those of another."""

    kind: Literal["parameter_ratio"]
    left: str
    right: str


class Exact(Between):
    """A number without noise, such as an exponent of counted operations; with `less` that of another is taken off."""

    kind: Literal["exact"]
    metric: str = ""
    variant: str
    less: str | None = None


class Rows(Question):
    """Rows of ours that should equal printed ones: the metric is 0 where they do."""

    kind: Literal["rows"]
    metric: str
    variant: str

    @property
    def bounds(self) -> Bounds:
        return 0.0, 0.0


class Stable(Question):
    """No run of the variant has diverged."""

    kind: Literal["stable"]
    variant: Variants

    @property
    def bounds(self) -> Bounds:
        return 0.0, 0.0


class Undecidable(Question):
    """No measurement of this project can decide it."""

    kind: Literal["undecidable"]
    reason: str = Field(min_length=1)


class Unmeasured(Question):
    """A measurement could decide it, and none is configured."""

    kind: Literal["unmeasured"]
    reason: str = Field(min_length=1)


Tests = (
    Above | NotAbove | Equal | Level | Number | Stated | Ratio | Trend | Least | Share
    | Parameters | ParameterRatio | Exact | Rows | Stable | Undecidable | Unmeasured
)  # fmt: skip
COUNTS = ("parameters", "parameter_ratio", "exact", "rows", "stable")


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
