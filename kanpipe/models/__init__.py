"""The models of the experiments, each written once for any layer family."""

from importlib import import_module

HOMES = {"SwissRollDenoiser": "denoiser", "FullyConnected": "fully_connected", "UNet": "unet", "VAE": "vae"}


def __getattr__(name: str):
    """Models are imported when they are asked for: a change of one is none of what the others depend on."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)


def parameter_count(model) -> int:
    """The number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
