"""Labels beside marks."""

import numpy as np
from matplotlib.figure import Figure

from kanpipe.reporting.labels import label_marks
from kanpipe.reporting.plots import house_style


def test_labels_cover_no_mark_and_no_other_label():
    generator = np.random.default_rng(0)
    x, y = generator.uniform(0, 1, (2, 30))
    with house_style():
        figure = Figure(figsize=(4, 4))
        axes = figure.add_subplot()
        axes.plot(x, y, "o", markersize=3)
        label_marks(figure, axes, {f"network {n}": (x[n], y[n]) for n in range(5)})
        figure.draw_without_rendering()
    places = axes.transData.transform(np.stack([x, y], axis=1))
    frame = axes.bbox.get_points()
    assert sum(int(((places > low) & (places < high)).all(axis=1).sum()) for low, high in _words(axes)) == 0
    corners = np.concatenate(_words(axes))
    assert (corners > frame[0]).all() and (corners < frame[1]).all()


def test_line_to_a_label_crosses_no_other_mark():
    """Where the nearest places, to the right, lie behind a mark."""
    with house_style():
        figure = Figure(figsize=(4, 4))
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 288), ylim=(0, 288))  # in points
        axes.plot([100, 108], [144, 152], "o", markersize=3)
        label_marks(figure, axes, {"network": (100, 144)})
    assert axes.texts[0].get_position() == (-12, 12)


def _words(axes):
    """The corners of the words alone, without the lines to their marks."""
    return [super(type(text), text).get_window_extent().get_points() for text in axes.texts]
