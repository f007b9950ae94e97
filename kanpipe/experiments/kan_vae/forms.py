"""The forms in which images are compared, apart from the comparison so that tables and figures do not depend on it."""

# The form of the real images and that of the samples. The source does not say which pair its distances are of.
FORMS = ("grey", "binary")
PAIRS = {"mixed": ("binary", "grey"), "grey": ("grey", "grey"), "binary": ("binary", "binary")}
