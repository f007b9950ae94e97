"""Settings of autoencoders that train in a moment, block by block."""

PROBLEM = {"dataset": "digits", "threshold": 0.5}
TRAINING = {
    "epochs": 2,
    "batch_size": 30,
    "learning_rate": 0.002,
    "plateau": {"factor": 0.5, "patience": 10},
    "compile": False,
    "snapshot_epochs": [1],
}
VARIANTS = {
    "vae_h8_z2": {"family": "mlp", "hidden": [8], "latent": 2},
    "kan_vae_h3_z2": {"family": "kan", "hidden": [3], "latent": 2},
}
SAMPLING = {"images": 60, "seeds": [0, 7], "posteriors": 9, "pictures": 5}
EVALUATION = {
    "reference_images": 40,
    "extractors": {},
    "importance_samples": 3,
    "neighbours": 3,
    "silhouette_points": 30,
    "tsne_points": 50,
    "tsne_variants": ["kan_vae_h3_z2"],
    "judge_steps": 5,
    "seed": 0,
}
TIMING = {"rounds": 6, "block_seconds": 0.0001}
