"""The keys of the times of layers in the configuration."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kanpipe.config.layers import OfAnyFamily, OfFamily
from kanpipe.config.models import Count, Distinct, Entry, Name, Section, Timing, Variant, Widths, fault

Modes = Annotated[
    list[Literal["eager", "compiled"]], Field(min_length=1, description="eager, compiled, or both"), Distinct
]


class Counted(Variant, OfFamily):
    """A network without anything between its layers."""

    widths: Widths = Field(description="inputs, hidden units and outputs; two at least")


class Contenders(Section):
    """The layers to time, each with its modes."""

    mlp: Modes | None = Field(None, description="an ordinary layer")
    floor: Modes | None = Field(None, description="the products that no KAN layer can do without")
    cox_de_boor: Modes | None = Field(None, description="splines by the recursion, as in efficient-kan")
    fastkan_published: Modes | None = Field(None, description="FastKAN as published")
    fasterkan_published: Modes | None = Field(None, description="FasterKAN as published")
    kan: Modes | None = Field(None, description="the KAN layer of this package")
    kan_scaler: Modes | None = Field(None, description="the same with a scale for every edge")
    kan_recompute: Modes | None = Field(None, description="the same, features computed again for the gradient")
    fastkan: Modes | None = Field(None, description="the FastKAN layer of this package")
    fasterkan: Modes | None = Field(None, description="the FasterKAN layer of this package")


class Added(OfFamily):
    """Layers of any family, timed beside the others with the options that stand here."""

    modes: Modes = Field(description="eager, compiled, or both")


class Setup(Section):
    """A network of one layer or more, and its input."""

    widths: Widths = Field(description="inputs, hidden units and outputs, or channels; two at least")
    batch: Count = Field(description="examples in the input")
    bases: int = Field(ge=2, description="basis functions a feature, G + k of a spline; more than spline_order")
    spline_order: int = Field(ge=1, le=10, description="degree k of the splines, 1 to 10")
    layer_norm: bool = Field(description="whether fastkan and fasterkan normalise their input")
    flush_denormals: bool | None = Field(
        None, description="whether a CPU takes numbers below 1e-38 for 0, as a GPU may; no by default"
    )
    loss: Literal["mse"] | None = Field(
        None, description="mse: the backward pass starts at a loss and ends at the parameters"
    )
    kernel_size: Literal[1, 3, 5, 7] | None = Field(None, description="side of the kernel of a convolution, odd")
    size: Count | None = Field(None, description="height and width of the images, at least 1")

    @model_validator(mode="after")
    def _fits_together(self) -> "Setup":
        if (self.kernel_size is None) != (self.size is None):
            raise fault("a convolution needs both kernel_size and size")
        if self.bases <= self.spline_order:
            raise fault(f"{self.bases} is not more than spline_order, {self.spline_order}", "bases")
        return self


class Problem(Section):
    """What is timed."""

    contenders: Contenders = Field(description="the layers to time, each with its modes")
    added: dict[Name, OfAnyFamily[Added]] = Field(
        {}, description="more layers to time, by names of your choice; those without a convolution on features alone"
    )
    setups: dict[Name, Setup] = Field(min_length=1, description="what the layers are timed on")

    @model_validator(mode="after")
    def _has_contenders(self) -> "Problem":
        if not self.contenders.model_fields_set:
            raise fault("{} should be non-empty", "contenders")
        if "eager" not in (self.contenders.floor or ()):
            raise fault("all layers are compared with it: let eager be among its modes", "contenders", "floor")
        if self.contenders.model_fields_set == {"floor"} and not self.added:
            raise fault("nothing is compared with the floor", "contenders")
        for name in self.added:
            if name in Contenders.model_fields:
                raise fault(f"{name} is one of the contenders: give it another name", "added", name)
        return self


class Experiment(Entry):
    """Times of layers."""

    variants: dict[Name, OfAnyFamily[Counted]] = Field(
        description="networks whose parameters are counted; they are not timed"
    )
    problem: Problem = Field(description="what is timed")
    timing: Timing = Field(description="how times are taken")
