"""The models of the experiments, each written once for any layer family."""

from kanpipe.models.denoiser import SwissRollDenoiser

__all__ = ["SwissRollDenoiser", "parameter_count"]


def parameter_count(model) -> int:
    """The number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
