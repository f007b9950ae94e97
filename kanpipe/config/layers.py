"""Families of layers and the options that each has (kanpipe/layers)."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar, get_args

from pydantic import Field, create_model, model_validator

from kanpipe.config.brought import OrBrought
from kanpipe.config.models import GridSize, Section, fault

ConvNorm = Literal["none", "instance", "instance_affine", "batch", "layer"]
Activation = Literal["none", "prelu", "prelu_from_1", "silu", "gelu"]
InputNorm = Literal["none", "layer"]
Init = Literal[
    "kaiming", "pykan", "power_law", "torch_conv_kan", "fast_kan", "faster_kan", "chebykan", "fourierkan",
    "fourierkan_smooth", "linear",
]  # fmt: skip
CONV_NORM = "a norm after every convolution"
OUTPUT_ACTIVATION = "an activation after every layer; the slope of prelu starts at 0.25, that of prelu_from_1 at 1"
INPUT_NORM = "a norm of what the bases see, before every KAN layer; the base activation sees the input as it is"


class LayerOptions(Section):
    """The options of layers of any family."""

    linear_norm: Literal["none", "layer", "batch"] | None = Field(
        None, description="a norm after every fully connected layer"
    )
    conv_norm: ConvNorm | None = Field(None, description=CONV_NORM)
    output_activation: Activation | None = Field(None, description=OUTPUT_ACTIVATION)

    @property
    def options(self) -> dict[str, Any]:
        """The options of the layers that are given, as `kanpipe.layers.families.family` takes them."""
        return {key: value for key, value in self if key in OPTIONS and value is not None}


class OfFamily(Section):
    """What names a family of layers."""

    needs: ClassVar[tuple[str, ...]] = ()  # of the layers, beside fully connected ones (kanpipe/layers/conformance.py)
    may_be_brought: ClassVar[bool] = True  # from another package
    family: str = Field(description="the layer family")

    @property
    def options(self) -> dict[str, Any]:
        """The options of the layers that are given; each family has its own."""
        raise NotImplementedError


class Layers(LayerOptions, OfFamily):
    """A family of layers, and the options of its layers; the family is said first."""


class Mlp(Layers):
    """Ordinary layers."""

    family: Literal["mlp"] = Field(description="the layer family")


class EdgeOptions(LayerOptions):
    """Layers with a learned function on every edge."""

    base_activation: Literal["silu", "gelu", "identity"] | None = Field(
        None, description="activation of the base branch"
    )
    scaler: bool | None = Field(None, description="whether each edge has a scale of its own beside its coefficients")
    bias: bool | None = Field(None, description="whether each output has a bias")
    init: Init | None = Field(None, description="how the weights start (kanpipe/layers/initialisation.py)")
    recompute: bool | None = Field(
        None, description="whether features are computed again instead of kept for the gradient"
    )
    input_norm: InputNorm | None = Field(None, description=INPUT_NORM)


class AnyKanOptions(EdgeOptions):
    """Layers whose functions stand in a range of the input."""

    grid_range: list[float] | None = Field(
        None, min_length=2, max_length=2, description="the two ends of the spline grid, the lower first"
    )

    @model_validator(mode="after")
    def _orders_range(self) -> "AnyKanOptions":
        low, high = self.grid_range or (-1, 1)
        if low >= high:
            raise fault(f"the first end, {low:g}, must lie below the second, {high:g}", "grid_range")
        return self


class KanOptions(AnyKanOptions):
    """The options of layers of B-splines."""

    grid_size: GridSize | None = Field(None, description="grid intervals G, at least 1")
    spline_order: int | None = Field(None, ge=1, le=10, description="degree k of the splines, 1 to 10")


class Kan(KanOptions, Layers):
    """Layers of B-splines."""

    family: Literal["kan"] = Field(description="the layer family")


class FastKanOptions(AnyKanOptions):
    """The options of layers of Gaussians."""

    centres: int | None = Field(None, ge=2, le=2**13, description="bases of FastKAN and FasterKAN, at least 2")
    layer_norm: bool | None = Field(
        None, description="whether the bases of FastKAN and FasterKAN see normalised inputs"
    )


class FastKan(FastKanOptions, Layers):
    """Layers of Gaussians."""

    family: Literal["fastkan"] = Field(description="the layer family")


class FasterKanOptions(FastKanOptions):
    """The options of layers of reflectional switches."""

    published_gradient: bool | None = Field(
        None, description="whether FasterKAN has its published gradient with the wrong factor"
    )


class FasterKan(FasterKanOptions, Layers):
    """Layers of reflectional switches."""

    family: Literal["fasterkan"] = Field(description="the layer family")


class ChebyKan(EdgeOptions, Layers):
    """Layers of Chebyshev polynomials."""

    family: Literal["chebykan"] = Field(description="the layer family")
    degree: int | None = Field(None, ge=1, description="the highest degree of ChebyKAN's polynomials, at least 1")
    squash: bool | None = Field(None, description="whether ChebyKAN's polynomials see the tanh of the input")


class FourierKan(EdgeOptions, Layers):
    """Layers of sines and cosines."""

    family: Literal["fourierkan"] = Field(description="the layer family")
    frequencies: int | None = Field(None, ge=1, description="FourierKAN's frequencies, at least 1")


class ReluKan(AnyKanOptions, Layers):
    """Layers of the bumps of ReLU-KAN."""

    family: Literal["relukan"] = Field(description="the layer family")
    grid_size: int | None = Field(None, ge=1, description="grid intervals G, at least 1")
    span: int | None = Field(None, ge=0, description="how many intervals a bump of ReLU-KAN reaches beyond its own")


class WaveletKan(AnyKanOptions, Layers):
    """Layers of wavelets at fixed places."""

    family: Literal["waveletkan"] = Field(description="the layer family")
    centres: int | None = Field(None, ge=2, description="places of wavelets, at least 2")
    wavelet: Literal["mexican_hat", "dog", "morlet"] | None = Field(None, description="the mother wavelet")


class RationalKan(Layers):
    """Layers of KAT: a rational function a group of channels, then an ordinary layer."""

    family: Literal["rationalkan"] = Field(description="the layer family")
    rational_groups: int | None = Field(None, ge=1, description="groups of channels with a rational function each")
    start: Literal["identity", "silu", "gelu"] | None = Field(None, description="what the rational functions start as")
    bias: bool | None = Field(None, description="whether each output has a bias")


FAMILIES = (Mlp, Kan, FastKan, FasterKan, ChebyKan, FourierKan, ReluKan, WaveletKan, RationalKan)
OPTIONS = frozenset().union(*(model.model_fields for model in FAMILIES)) - {"family"}
WITH_MODELS = frozenset(get_args(model.model_fields["family"].annotation)[0] for model in FAMILIES)


if TYPE_CHECKING:
    Extra = TypeVar("Extra", bound=OfFamily)
    OfAnyFamily = Annotated[Extra, "a type checker sees the keys that all families share"]
else:

    class OfAnyFamily:
        """`OfAnyFamily[Extra]` is the type of a section with the keys of `Extra` beside a family and its options."""

        def __class_getitem__(cls, extra: type[OfFamily]) -> Any:
            members = [
                create_model(f"{extra.__name__}Of{family.__name__}", __base__=(family, extra), __doc__=extra.__doc__)
                for family in FAMILIES
            ]
            union = Annotated[reduce(or_, members), Field(discriminator="family", description=extra.__doc__)]
            return Annotated[union, OrBrought(extra, WITH_MODELS)] if extra.may_be_brought else union
