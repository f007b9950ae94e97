"""Many small images as one."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

GAP = 1  # pixels between images
GREYS = colormaps["gray"].with_extremes(bad=(1, 1, 1, 0))


def mosaic(images: np.ndarray, columns: int) -> np.ndarray:
    """Images (n, h, w) or (n, h, w, 3), row by row, as one of floats; NaN between them and where none is left."""
    height, width, *colours = images.shape[1:]
    rows = -(-len(images) // columns)
    size = (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP)
    canvas = np.full((*size, *colours), np.nan)
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        top, left = row * (height + GAP), column * (width + GAP)
        canvas[top : top + height, left : left + width] = image
    return canvas


def show(axes: Axes, canvas: np.ndarray) -> None:
    """Draw values from 0 to 255, grey (h, w) or in colour (h, w, 3), without a frame; what is NaN stays free."""
    if canvas.ndim == 3:
        opaque = ~np.isnan(canvas[..., :1])
        axes.imshow(np.concatenate([np.nan_to_num(canvas) / 255, opaque], axis=-1), interpolation="nearest")
    else:
        axes.imshow(canvas, cmap=GREYS, vmin=0, vmax=255)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks([])
