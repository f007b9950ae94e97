"""The datasets of the experiments."""
