"""A stand-in for CIFAR-10 that needs no network: pieces of the two photographs that scikit-learn brings along."""

import numpy as np

COUNT, SIZE = 2000, 32
SHRINK = 4  # of 427 x 640 pixels, to pieces of 128 x 128: smaller ones show a petal or a tile and little else


def photographs() -> dict[str, np.ndarray]:
    """Arrays as those of CIFAR-10, uint8: 2,000 images (32, 32, 3), labels 0 (the temple) and 1 (the flower).

    The photographs of `load_sample_images` are averaged over squares of 4 x 4 pixels, and 1,000 pieces of each are cut
    out at random places, always the same. Numbers measured on them compare with no published ones.
    """
    from sklearn.datasets import load_sample_images

    draw = np.random.default_rng(0)
    pieces = [_pieces(shrunk(photograph, SHRINK), COUNT // 2, draw) for photograph in load_sample_images().images]
    images, labels = np.concatenate(pieces), np.repeat(np.arange(2, dtype=np.uint8), COUNT // 2)
    order = draw.permutation(COUNT)
    nothing = {"test_images": images[:0], "test_labels": labels[:0]}
    return {"train_images": images[order], "train_labels": labels[order]} | nothing


def shrunk(image: np.ndarray, factor: int) -> np.ndarray:
    """Means over squares of `factor` x `factor` pixels, rounded: uint8 (h, w, 3) -> (h // factor, w // factor, 3)."""
    height, width = (extent // factor for extent in image.shape[:2])
    squares = image[: height * factor, : width * factor].reshape(height, factor, width, factor, 3)
    return np.rint(squares.mean(axis=(1, 3))).astype(np.uint8)


def _pieces(image: np.ndarray, count: int, draw: np.random.Generator) -> np.ndarray:
    """(count, SIZE, SIZE, 3) pieces at random places."""
    rows, columns = (draw.integers(0, extent - SIZE, count, endpoint=True) for extent in image.shape[:2])
    return np.stack([image[r : r + SIZE, c : c + SIZE] for r, c in zip(rows, columns, strict=True)])
