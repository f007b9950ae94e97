"""What the source printed: its Table I (distances, parameters), and the ends of the curves of its Figure 6."""

# Frechet distance: mean of five draws of 20,000 images. Neither the layer of the Inception nor the form of the real
# images is given; a distance of 192 features, binarised real images against grey samples, lies nearest in level.
FID = {
    "vae_h400_z20": 1.22,
    "kan_vae_h400_z20": 1.19,
    "kan_vae_h50_z10": 1.5,
    "kan_vae_h40_z20": 1.44,
    "kan_vae_h40_z10": 1.45,
    "kan_vae_h35_z15": 1.4,
    "kan_vae_h30_z20": 1.52,
    "kan_vae_h20_z10": 1.61,
    "kan_vae_h10_z5": 1.63,
}

# Updates, reconstruction error and KL divergence in nats per image, read off the pixels: ±30 updates, ±2 nats.
CURVE_ENDS = {
    "vae_h400_z20": (9390, 59, 30),
    "kan_vae_h400_z20": (9060, 43, 30),
    "kan_vae_h35_z15": (9060, 95, 18),
}

PARAMETERS = {
    "vae_h400_z20": 652_824,
    "kan_vae_h400_z20": 6_512_000,
    "kan_vae_h50_z10": 799_000,
    "kan_vae_h40_z20": 651_200,
    "kan_vae_h40_z10": 639_200,
    "kan_vae_h35_z15": 564_550,
    "kan_vae_h30_z20": 488_400,
    "kan_vae_h20_z10": 319_600,
    "kan_vae_h10_z5": 158_300,
}

DATASET = "mnist"  # the only one of which anything was published
