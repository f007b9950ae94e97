"""Denoising diffusion of a swiss roll with MLP and KAN denoisers (github.com/kabachuha/kan-diffusion)."""
