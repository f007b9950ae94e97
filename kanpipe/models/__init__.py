"""The models of the experiments, each written once for any layer family."""

from kanpipe.lazy import names_from

HOMES = {
    "FullyConnected": "fully_connected",
    "SwissRollDenoiser": "denoiser",
    "UNet": "unet",
    "VAE": "vae",
    "parameter_count": "counting",
}
__all__ = list(HOMES)
__getattr__ = names_from(__name__, HOMES)


def __dir__() -> list[str]:
    return __all__
