"""What the labels of the datasets of 28 x 28 pixels stand for."""

DIGITS = tuple(map(str, range(10)))
CLOTHES = (  # after github.com/zalandoresearch/fashion-mnist
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
NAMES = {"mnist": DIGITS, "digits": DIGITS, "fashion_mnist": CLOTHES}


def class_names(dataset: str) -> tuple[str, ...]:
    """The names of the labels 0, 1, ... of a dataset."""
    return NAMES[dataset]
