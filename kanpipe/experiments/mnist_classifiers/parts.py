"""The parts of a network that are timed, as the rows of `speed` call them."""

NET, EXTRACTOR, HEAD = "network", "extractor", "head"
