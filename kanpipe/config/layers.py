"""Families of layers and the options that each has (kanpipe/layers)."""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

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


class FastKanOptions(AnyKanOptions):
    """The options of layers of Gaussians."""

    centres: int | None = Field(None, ge=2, le=2**13, description="bases of FastKAN and FasterKAN, at least 2")
    layer_norm: bool | None = Field(
        None, description="whether the bases of FastKAN and FasterKAN see normalised inputs"
    )


class FasterKanOptions(FastKanOptions):
    """The options of layers of reflectional switches."""

    published_gradient: bool | None = Field(
        None, description="whether FasterKAN has its published gradient with the wrong factor"
    )


class ChebyKanOptions(EdgeOptions):
    """The options of layers of Chebyshev polynomials."""

    degree: int | None = Field(None, ge=1, description="the highest degree of ChebyKAN's polynomials, at least 1")
    squash: bool | None = Field(None, description="whether ChebyKAN's polynomials see the tanh of the input")


class FourierKanOptions(EdgeOptions):
    """The options of layers of sines and cosines."""

    frequencies: int | None = Field(None, ge=1, description="FourierKAN's frequencies, at least 1")


class ReluKanOptions(AnyKanOptions):
    """The options of layers of the bumps of ReLU-KAN."""

    grid_size: int | None = Field(None, ge=1, description="grid intervals G, at least 1")
    span: int | None = Field(None, ge=0, description="how many intervals a bump of ReLU-KAN reaches beyond its own")


class WaveletKanOptions(AnyKanOptions):
    """The options of layers of wavelets at fixed places."""

    centres: int | None = Field(None, ge=2, description="places of wavelets, at least 2")
    wavelet: Literal["mexican_hat", "dog", "morlet"] | None = Field(None, description="the mother wavelet")


class RationalKanOptions(LayerOptions):
    """The options of layers of KAT: a rational function a group of channels, then an ordinary layer."""

    rational_groups: int | None = Field(None, ge=1, description="groups of channels with a rational function each")
    start: Literal["identity", "silu", "gelu"] | None = Field(None, description="what the rational functions start as")
    bias: bool | None = Field(None, description="whether each output has a bias")


FAMILIES: dict[str, type[LayerOptions]] = {
    "mlp": LayerOptions,
    "kan": KanOptions,
    "fastkan": FastKanOptions,
    "fasterkan": FasterKanOptions,
    "chebykan": ChebyKanOptions,
    "fourierkan": FourierKanOptions,
    "relukan": ReluKanOptions,
    "waveletkan": WaveletKanOptions,
    "rationalkan": RationalKanOptions,
}
OPTIONS = frozenset().union(*(options.model_fields for options in FAMILIES.values()))


def one_for_each(extra: type[Section], families: Iterable[str] = FAMILIES, tag: str = "family") -> list[type[Section]]:
    """For each of the families a section with its options beside the keys of `extra`, whose `tag` names it."""
    return [_section(name, extra, tag) for name in families]


def _section(name: str, extra: type[Section], tag: str) -> type[Section]:
    options = FAMILIES[name]
    fields: dict[str, Any] = {tag: (Literal[name], Field(description=extra.model_fields[tag].description))}
    title = f"{extra.__name__}Of{options.__name__.removesuffix('Options')}"
    return create_model(title, __base__=(options, extra), __doc__=extra.__doc__, **fields)


if TYPE_CHECKING:
    Extra = TypeVar("Extra", bound=OfFamily)
    OfAnyFamily = Annotated[Extra, "a type checker sees the keys that all families share"]
else:

    class OfAnyFamily:
        """`OfAnyFamily[Extra]` is the type of a section with the keys of `Extra` beside a family and its options."""

        def __class_getitem__(cls, extra: type[OfFamily]) -> Any:
            union = Annotated[
                reduce(or_, one_for_each(extra)), Field(discriminator="family", description=extra.__doc__)
            ]
            return Annotated[union, OrBrought(extra, frozenset(FAMILIES))] if extra.may_be_brought else union
