"""The parts of a network that are timed, as the rows of `speed` call them."""

NET, EXTRACTOR, HEAD = "network", "extractor", "head"
WITH_PUBLISHED = ", published layers"  # the FasterKAN as its authors wrote it, in the place of ours
