"""The datasets that the networks can be trained on, and in what their images differ."""

from dataclasses import dataclass

SIDE = 32  # pixels of an image, in height and width


@dataclass(frozen=True)
class Dataset:
    """Images that fill 32 x 32 pixels once a black frame is laid around them."""

    title: str  # what it is called in print
    channels: tuple[str, ...]
    flips: bool  # whether mirror images are as good as the images, and are trained on too
    frame: int = 0  # black pixels on every side

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of what a network sees."""
        return len(self.channels), SIDE, SIDE

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """The shape of one image in the prepared dataset: grey ones have no axis of channels."""
        inner = SIDE - 2 * self.frame
        return (inner, inner) if len(self.channels) == 1 else (inner, inner, len(self.channels))


COLOURED, GREY = ("red", "green", "blue"), ("grey",)
DATASETS = {
    "cifar10": Dataset("CIFAR-10", COLOURED, flips=True),
    "photographs": Dataset("two photographs", COLOURED, flips=True),
    "mnist": Dataset("MNIST", GREY, flips=False, frame=2),
    "digits": Dataset("scikit-learn's digits", GREY, flips=False, frame=2),
}
