"""Kolmogorov-Arnold layers, the models compared with them, and the experiments that compare."""

__version__ = "0.1.0"
