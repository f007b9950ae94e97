"""Training images turned, shifted, scaled and partly erased: whole batches at once, on the device that holds them.

The source of the classifiers prints no recipe. Its second network is that of github.com/AthanasiosDelis/faster-kan, so
what that repository's train_mnist.py does is inferred for both: RandomRotation(10), RandomAffine(0, translate=(0.1,
0.1)), RandomErasing(p=0.5, scale=(0.02, 0.33)) of torchvision, with the nearest pixel as its default is. Nothing
there scales images; the scale is here for controls.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

TRIES = 10  # boxes drawn for an image, of which the first that fits is erased, as torchvision does


@dataclass(frozen=True)
class Augmentation:
    """How far images are changed; the defaults are the recipe of faster-kan.

    Angles, shifts and scales are uniform, so are the share of the image that is erased and the logarithm of the
    height of the erased box over its width.
    """

    degrees: float = 10.0  # of the turn to either side, at most
    shift: float = 0.1  # to either side in both directions, at most, as a share of the side; whole pixels
    scale: tuple[float, float] = (1.0, 1.0)
    interpolation: str = "nearest"  # or bilinear
    erase: float = 0.5  # of the images
    erased_area: tuple[float, float] = (0.02, 0.33)
    erased_ratio: tuple[float, float] = (0.3, 3.3)


PUBLISHED = Augmentation()


@dataclass(frozen=True)
class Placement:
    """Where every image of a batch is put: turned clockwise and scaled about its centre, then shifted."""

    degrees: Tensor  # (n,)
    shift: Tensor  # (n, 2): pixels to the right and down
    scale: Tensor  # (n,)


@dataclass(frozen=True)
class Boxes:
    """What is erased of every image, in pixels; int64 (n,) each. A box of height 0 is none."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor


def augmented(images: Tensor, generator: torch.Generator, recipe: Augmentation = PUBLISHED) -> Tensor:
    """Square images (n, channels, side, side) in [0, 1], ink 1, changed by the recipe: the same shape and device.

    All randomness is drawn from `generator`, which is on the device of the images: one that is a function of the seed
    and the step gives the same images whatever ran before. What comes from outside of an image is 0, and so is what is
    erased. Raises ValueError for images that are not square.
    """
    n, _, height, width = images.shape
    if height != width:
        raise ValueError(f"augmented takes square images, not {height} x {width}")
    placement = draw_placement(n, width, generator, recipe)
    boxes = draw_boxes(n, width, generator, recipe)
    return erased(placed(images, placement, recipe.interpolation), boxes)


def draw_placement(n: int, side: int, generator: torch.Generator, recipe: Augmentation = PUBLISHED) -> Placement:
    """The placements of n images, as RandomRotation and RandomAffine of torchvision draw them, but all at once."""
    reach = recipe.shift * side
    return Placement(
        degrees=_uniform((n,), -recipe.degrees, recipe.degrees, generator),
        shift=_uniform((n, 2), -reach, reach, generator).round(),
        scale=_uniform((n,), *recipe.scale, generator),
    )


def draw_boxes(n: int, side: int, generator: torch.Generator, recipe: Augmentation = PUBLISHED) -> Boxes:
    """The boxes to erase of n images, as RandomErasing of torchvision draws them, but all at once."""
    area = side**2 * _uniform((n, TRIES), *recipe.erased_area, generator)
    least, most = map(math.log, recipe.erased_ratio)
    ratio = _uniform((n, TRIES), least, most, generator).exp()
    heights, widths = (area * ratio).sqrt().round().long(), (area / ratio).sqrt().round().long()
    fits = (heights < side) & (widths < side)
    first = fits.byte().argmax(dim=1, keepdim=True)  # of equal ones the first counts
    chosen = (_uniform((n,), 0, 1, generator) < recipe.erase) & fits.any(dim=1)
    height, width = (sizes.gather(1, first).squeeze(1) * chosen for sizes in (heights, widths))
    top, left = ((_uniform((n,), 0, 1, generator) * (side - size + 1)).long() for size in (height, width))
    return Boxes(top, left, height, width)


def placed(images: Tensor, placement: Placement, interpolation: str = "nearest") -> Tensor:
    """Square images (n, channels, side, side) turned, scaled and shifted, with 0 where nothing was: the same shape.

    The turn and the shift are one step, so an image is sampled once, and ink that a turn alone moves out of the frame
    can come back with the shift; digits of MNIST have four empty pixels at every side, and lose none by a turn of 10
    degrees.
    """
    turn = placement.degrees.deg2rad()
    cos, sin = turn.cos() / placement.scale, turn.sin() / placement.scale
    x, y = (2 / images.shape[-1] * placement.shift).unbind(dim=1)  # the grid runs from -1 to 1
    # Where each pixel of the result comes from: the shift undone, then the turn and the scale.
    rows = [torch.stack([cos, sin, -cos * x - sin * y], dim=1), torch.stack([-sin, cos, sin * x - cos * y], dim=1)]
    grid = F.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode=interpolation, padding_mode="zeros", align_corners=False)


def erased(images: Tensor, boxes: Boxes) -> Tensor:
    """Images (n, channels, height, width) with 0 in their boxes: the same shape."""
    down, right = (torch.arange(size, device=images.device) for size in images.shape[-2:])
    rows = _within(down, boxes.top, boxes.height)[:, None, :, None]
    columns = _within(right, boxes.left, boxes.width)[:, None, None, :]
    return images.masked_fill(rows & columns, 0.0)


def _within(places: Tensor, start: Tensor, length: Tensor) -> Tensor:
    """Which of the places (size,) lie in each stretch (n,): bool (n, size)."""
    return (places >= start[:, None]) & (places < (start + length)[:, None])


def _uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator, device=generator.device)
