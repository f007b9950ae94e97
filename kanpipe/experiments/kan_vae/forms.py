"""The forms in which images are compared, apart from the comparison so that tables and figures do not depend on it."""

# The form of the real images and that of the samples. The first pair is the nearest reading of the source.
FORMS = ("grey", "binary")
PAIRS = {"mixed": ("binary", "grey"), "grey": ("grey", "grey"), "binary": ("binary", "binary")}
