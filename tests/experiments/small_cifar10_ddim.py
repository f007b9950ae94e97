"""Runs and frames of the denoising diffusion as its stages leave them, small and full of noise, for the tests of tables
and figures."""

import numpy as np
import pandas as pd
from run_records import recorded, sealed_npz

from kanpipe.config.kinds import parsed
from kanpipe.experiments.cifar10_ddim.described import described

KAN = {"family": "kan", "spline_order": 2, "conv_norm": "instance", "title": "KAN U-Net"}
BARE, SHORTER = {"conv_norm": "none"}, {"training": {"steps": 100}}
CONFIGURED = {
    "unet": {"role": "published", "family": "mlp", "title": "U-Net"},
    "kan_unet": {"role": "published"} | KAN,
    "unet_instance_norm_out": {"role": "control", "family": "mlp", "conv_out": {"conv_norm": "instance"}},
    "kan_degree_3": KAN | {"title": "KAN U-Net, degree 3", "spline_order": 3},
    "kan_bare_ends": KAN | SHORTER | {"title": "KAN U-Net, bare ends", "conv_in": BARE, "conv_out": BARE},
    "kan_unet_short": KAN | SHORTER,
    "unet_lr_1e_3": {"family": "mlp", "training": {"learning_rate": 0.001}},
    "unet_long": {"family": "mlp", "training": {"steps": 3000}},
}
VARIANTS = {  # name: (family, parameters)
    "unet": ("mlp", 23_220_867),
    "kan_unet": ("kan", 132_531_642),
    "unet_instance_norm_out": ("mlp", 23_220_868),
    "kan_degree_3": ("kan", 154_394_810),
    "kan_bare_ends": ("kan", 132_531_640),
    "kan_unet_short": ("kan", 132_531_642),
    "unet_lr_1e_3": ("mlp", 23_220_867),
}
DIVERGED, SHORT = "kan_degree_3", ("kan_bare_ends", "kan_unet_short")
SAMPLERS = {  # name: (timesteps, count, eta, images)
    "quad_20": ("quadratic", 20, 0.0, 100),
    "quad_10": ("quadratic", 10, 0.0, 30),
    "uniform_10": ("uniform", 10, 0.5, 30),
    "ancestral": ("ancestral", 1000, np.nan, 30),
}
LAYERS = [("inception", "192", "fid"), ("inception", "768", "fid"), ("inception", "logits", "isc")]
LAYERS += [("efficientnet_lite0", "1280", "fid"), ("efficientnet_lite0", "logits", "isc")]
MEASURES = ("mean_slope", "mean_sd", "outside", "pixel_sd", "last_loss", "efficientnet_fid", "efficientnet_isc")
COVERAGE = ["variant", "seed", "step", "layer", "place", "outside_grid", "outside_support", "low", "high", "slope"]
STEPS, SEEDS, SLOPE = 300, (0, 1), 25.7
PROBLEM = {
    "dataset": "cifar10",
    "diffusion": {"steps": 1000, "first": 1e-4, "last": 0.02},
    "network": {"channels": 128, "multipliers": [1, 2, 2, 2], "groups": 32, "dropout": 0.1},
}
TRAINING = {"steps": STEPS, "batch_size": 32, "learning_rate": 2e-4, "decay": "constant", "clip_norm": 1.0}
TRAINING |= {"ema": {"decay": 0.9, "ramp": True}, "precision": "float32", "compile": False, "cuda_graph": False}
TRAINING |= {"micro_batches": 1, "probe_steps": [0]}
SHOWN = ["kan_unet", "unet", "kan_degree_3", "absent"]
BLOCKS = {"problem": PROBLEM, "training": TRAINING, "variants": CONFIGURED, "figures": {"variants": SHOWN}}
SPEC = parsed("cifar10_ddim", BLOCKS)
VARIANT_ROWS = pd.DataFrame(described(SPEC))


def make_run(folder, variant, seed, diverged=False):
    """A folder as training and sampling leave it."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng([seed, len(variant)])
    steps, images = (20, 0) if diverged else (STEPS // 3 if variant in SHORT else STEPS, 70)
    loss = (0.05 + np.exp(-np.arange(steps) / 20)) * generator.uniform(0.9, 1.1, steps)
    pd.DataFrame({"loss": loss}).rename_axis("step").to_csv(folder / "history.csv")
    drawn = generator.integers(0, 256, (images, 32, 32, 3), dtype=np.uint8)
    strip = generator.integers(0, 256, (2 if images else 0, 5, 32, 32, 3), dtype=np.uint8)
    sealed_npz(folder / "samples.npz", quad_20=drawn, strip=strip)
    return recorded(
        folder,
        experiment="mine",
        kind="cifar10_ddim",
        variant=variant,
        seed=seed,
        status="diverged" if diverged else "finished",
        steps=steps,
        parameters=VARIANTS[variant][1],
    )


def make_runs(folder):
    return [make_run(folder / name / f"seed{n}", name, n, name == DIVERGED) for name in VARIANTS for n in SEEDS]


def make_frames(runs):
    """What `evaluate` gives of the runs."""
    generator = np.random.default_rng(1)
    return {
        "runs": pd.DataFrame([_run(run, generator) for run in runs]),
        "scores": pd.DataFrame([*_scores(runs, generator), *_floor()]),
        "coverage": pd.DataFrame(_coverage(runs, generator), columns=COVERAGE),
        "means": pd.DataFrame(_means(runs, generator), columns=["variant", "seed", "image", "channel", "start", "end"]),
        "speed": speed(),
        "variants": VARIANT_ROWS,
    }


def _run(run, generator):
    family, _ = VARIANTS[run.variant]
    row = run.record.entries("experiment", "variant", "seed", "status", "steps", "parameters")
    row |= {"dataset": "cifar10", "channels": 128, "family": family, "device": "CPU", "sampler": "quad_20", "batch": 32}
    row |= {"samples": 0 if run.diverged else 100, "reference_images": 500, "minutes": 2.0 + run.seed}
    row |= {"gflop_per_step": 746.25, "data_mean_sd": 0.27, "predicted_mean_sd": SLOPE / 32, "predicted_slope": SLOPE}
    scores = dict(zip(("fid_192", "fid_768", "isc", "isc_sd", *MEASURES), generator.uniform(0.1, 9, 11), strict=True))
    scores |= {"fid_2048": np.nan, "fid_64": np.nan, "outside_knots": 0.4 if family == "kan" else np.nan}
    return row | {name: np.nan if run.diverged else value for name, value in scores.items()}


def _scores(runs, generator):
    for run in runs:
        for sampler, (timesteps, count, eta, n) in SAMPLERS.items() if not run.diverged else ():
            walk = {"sampler": sampler, "timesteps": timesteps, "count": count, "eta": eta, "n": n}
            head = {"experiment": "mine", "variant": run.variant, "seed": run.seed} | walk
            yield from (head | _score(layer, generator.uniform(0.1, 9)) for layer in LAYERS)


def _floor():
    return [{"variant": "floor", "n": 100} | _score(layer, 0.5) for layer in LAYERS]


def _score(layer, value):
    spread = 0.25 if layer[2] == "isc" else np.nan
    return dict(zip(("extractor", "layer", "metric"), layer, strict=True)) | {"value": value, "sd": spread}


def _coverage(runs, generator):
    layers = ("time_embedding.0", "conv_in", "down_blocks.0.conv1", "down_blocks.0.conv2", "conv_out")
    return [
        (run.variant, run.seed, step, layer, 2 * place, *generator.uniform(0, 1, 2), -1.0, 1.0, 0.25)
        for run in runs
        if VARIANTS[run.variant][0] == "kan"
        for step in ((0, 10) if run.diverged else (0, 100, 299))
        for place, layer in enumerate(layers)
    ]


def _means(runs, generator):
    return [
        (run.variant, run.seed, image, channel, *generator.normal(0, (1 / 32, 0.5)))
        for run in runs
        if not run.diverged
        for image in range(10)
        for channel in range(3)
    ]


def speed(device="CPU"):
    """Times of the two published networks."""
    timing = {"batch": 32, "precision": "float32", "compile": True, "device": device, "threads": 1, "rounds": 11}
    timing |= {"gflop_per_step": 746.25, "peak_memory_mib": np.nan, "peak_memory_run_mib": 1234.5}
    rows = [("unet", 23_220_867, 41.2, 1.0, 1.0, 1.0, 0.5), ("kan_unet", 132_531_642, 206.0, 5.0, 4.9, 5.1, 0.6)]
    columns = ["variant", "parameters", "seconds_1563", "step_ratio", "step_low", "step_high", "tflop_per_second"]
    return pd.DataFrame(rows, columns=columns).assign(step_ms=lambda row: row["seconds_1563"] / 1.563, **timing)
