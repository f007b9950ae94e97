"""Many images as one, grey and in colour."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from kanpipe.reporting.mosaics import mosaic, show


@pytest.mark.parametrize("shape", [(28, 28), (4, 6), (4, 6, 3)])
def test_mosaic_keeps_every_image(shape):
    images = np.random.default_rng(0).integers(0, 256, (5, *shape), dtype=np.uint8)
    canvas = mosaic(images, columns=3)
    height, width = shape[:2]
    assert canvas.shape == (2 * height + 1, 3 * width + 2, *shape[2:])
    for place, (row, column) in enumerate([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]):
        top, left = row * (height + 1), column * (width + 1)
        assert np.array_equal(canvas[top : top + height, left : left + width], images[place])
    assert np.isnan(canvas).sum() == canvas.size - images.size


def test_colours_are_drawn_as_they_are_and_gaps_are_free():
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    axes = Figure().add_subplot()
    show(axes, mosaic(images, columns=2))
    drawn = np.asarray(axes.images[0].get_array())
    assert np.array_equal((255 * drawn[:4, 5:, :3]).round(), images[1])
    assert (drawn[:4, 5:, 3] == 1).all()
    assert (drawn[4, :, 3] == 0).all()
    assert (drawn[5:, 5:, 3] == 0).all()  # where there is no fourth image
