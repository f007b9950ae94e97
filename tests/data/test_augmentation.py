"""Augmentation of batches against torchvision's of single images."""

import math

import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, RandomErasing
from torchvision.transforms.functional import affine, erase

from kanpipe.data.augmentation import (
    Augmentation,
    Boxes,
    Placement,
    augmented,
    draw_boxes,
    draw_placement,
    erased,
    placed,
)
from kanpipe.data.digits import digits

WIDE = Augmentation(degrees=40, shift=0.2, scale=(0.8, 1.3))
SIDE = 28


@pytest.fixture(scope="module")
def images() -> Tensor:
    """(64, 1, 28, 28) digits in [0, 1]."""
    return torch.from_numpy(digits()["train_images"][:64, None]).float() / 255


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_by_one(images: Tensor, placement: Placement, interpolation: InterpolationMode) -> Tensor:
    """What torchvision makes of every image with the same angle, shift and scale."""
    draws = zip(images, placement.degrees.tolist(), placement.shift.tolist(), placement.scale.tolist(), strict=True)
    return torch.stack([affine(image, d, s, scale, [0.0], interpolation) for image, d, s, scale in draws])


def test_bilinear_images_are_those_of_torchvision(images):
    """A place differs by rounding, some 1e-6 of the half side of 14 pixels, and an image by at most 1 a pixel."""
    placement = draw_placement(64, SIDE, generator(), WIDE)
    expected = one_by_one(images, placement, InterpolationMode.BILINEAR)
    torch.testing.assert_close(placed(images, placement, "bilinear"), expected, atol=5e-5, rtol=0)


def test_nearest_images_are_those_of_torchvision_but_for_ties(images):
    """Where two pixels are as near to a place, up to rounding, either may be taken."""
    placement = draw_placement(64, SIDE, generator())
    expected = one_by_one(images, placement, InterpolationMode.NEAREST)
    assert (placed(images, placement) != expected).float().mean() < 1e-4


def test_shifts_move_whole_pixels(images):
    shift = torch.tensor([[3.0, -2.0]]).expand(64, 2)
    moved = placed(images, Placement(torch.zeros(64), shift, torch.ones(64)))
    torch.testing.assert_close(moved[:, :, :-2, 3:], images[:, :, 2:, :-3], atol=0, rtol=0)
    assert not moved[:, :, -2:].any() and not moved[:, :, :, :3].any()


def test_placements_fill_their_ranges_evenly():
    """A mean of 20,000 uniform draws scatters by 0.4 % of the half range; 5 times that are allowed."""
    drawn = draw_placement(20_000, SIDE, generator(), Augmentation(scale=(0.9, 1.1)))
    for values, middle, reach in ((drawn.degrees, 0, 10), (drawn.scale, 1, 0.1)):
        assert (values - middle).abs().max() <= reach * 1.00001  # float32
        assert (values.mean() - middle).abs() < 0.02 * reach
        assert values.std().item() == pytest.approx(reach / math.sqrt(3), rel=0.02)
    assert set(drawn.shift.unique().tolist()) == set(range(-3, 4))  # 2.8 pixels, rounded
    ends = (drawn.shift.abs() == 3).float().mean().item()
    assert ends == pytest.approx(0.3 / 2.8, abs=0.01)
    assert torch.corrcoef(drawn.shift.T)[0, 1].abs() < 0.04  # 5 / sqrt(20,000)


def test_boxes_are_erased_as_by_torchvision(images):
    boxes = draw_boxes(64, SIDE, generator())
    sizes = zip(boxes.top.tolist(), boxes.left.tolist(), boxes.height.tolist(), boxes.width.tolist(), strict=True)
    expected = torch.stack([erase(image, *box, v=torch.zeros(1)) for image, box in zip(images, sizes, strict=True)])
    torch.testing.assert_close(erased(images, boxes), expected, atol=0, rtol=0)
    assert 0 < (boxes.height == 0).sum() < 64


def test_boxes_are_as_large_and_where_those_of_torchvision_are():
    """5,000 of either: means and standard deviations scatter by 2 % of the spread; 5 times that are allowed."""
    boxes = draw_boxes(5_000, SIDE, generator(), Augmentation(erase=1.0))
    ours = torch.stack([boxes.top, boxes.left, boxes.height, boxes.width], dim=1).float()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        blank = torch.zeros(1, SIDE, SIDE)
        drawn = [RandomErasing.get_params(blank, (0.02, 0.33), (0.3, 3.3), [0.0])[:4] for _ in range(5_000)]
    theirs = torch.tensor(drawn).float()
    spread = theirs.std(dim=0)
    assert ((ours.mean(dim=0) - theirs.mean(dim=0)) / spread).abs().max() < 0.1
    assert (ours.std(dim=0) / spread - 1).abs().max() < 0.1
    assert (ours[:, 0] + ours[:, 2]).max() == (ours[:, 1] + ours[:, 3]).max() == SIDE and ours.min() == 0


def test_half_of_the_images_lose_a_box():
    shares = [
        (draw_boxes(10_000, SIDE, generator(), Augmentation(erase=p)).height > 0).float().mean() for p in (0, 0.5)
    ]
    assert shares[0] == 0 and shares[1].item() == pytest.approx(0.5, abs=0.025)  # 5 standard deviations


def test_a_box_of_height_0_erases_nothing(images):
    nothing = torch.zeros(64, dtype=torch.int64)
    torch.testing.assert_close(erased(images, Boxes(nothing, nothing, nothing, nothing + 5)), images)


def test_images_are_a_function_of_the_generator_and_stay_in_range(images):
    first, again, other = (augmented(images, generator(seed)) for seed in (1, 1, 2))
    torch.testing.assert_close(first, again, atol=0, rtol=0)
    assert (first != other).any() and first.shape == images.shape and first.dtype == torch.float32
    assert first.min() == 0 and first.max() <= 1


def test_a_recipe_that_changes_nothing_changes_nothing(images):
    same = augmented(images, generator(), Augmentation(degrees=0, shift=0, erase=0))
    torch.testing.assert_close(same, images, atol=0, rtol=0)


def test_images_that_are_not_square_are_refused():
    with pytest.raises(ValueError, match="square images, not 28 x 20"):
        augmented(torch.zeros(2, 1, 28, 20), generator())
