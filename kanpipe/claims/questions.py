"""The tests that decide claims: each says between which two bounds its effect lies where the claim holds."""

from math import inf, isfinite
from typing import Literal

from pydantic import Field, model_validator

from kanpipe.config.models import Positive, Section, fault

Bounds = tuple[float, float]
Variants = str | list[str]  # of a list the first that was run
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
