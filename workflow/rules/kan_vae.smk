from kanpipe.experiments.kan_vae.figure_names import FIGURES as KAN_VAE_FIGURES

KAN_VAE = lookup(dpath="experiments/kan_vae", within=config, default=None)


rule kan_vae_train:
    input:
        data=prepared("kan_vae"),
    output:
        multiext(
            f"{RESULTS}/kan_vae/{{variant}}/seed{{seed}}/",
            weights="weights.safetensors",
            snapshots="snapshots.safetensors",
            history="history.csv",
            run="run.json",
        ),
    log:
        f"{RESULTS}/logs/kan_vae/train_{{variant}}_seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/kan_vae/train_{{variant}}_seed{{seed}}.tsv"
    priority: 1  # before the small jobs, which would hold up the longest
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=3000,
        runtime=120,
    params:
        problem=KAN_VAE["problem"],
        training=KAN_VAE["training"],
        variant=lookup(dpath="variants/{variant}", within=KAN_VAE),
        experiment="kan_vae",
        code=training_code("kan_vae"),
    message:
        "kan_vae: training {wildcards.variant} with seed {wildcards.seed}"
    script:
        "../scripts/train.py"


rule kan_vae_sample:
    input:
        data=prepared("kan_vae"),
        runs=runs("kan_vae", "run.json"),
        weights=runs("kan_vae", "weights.safetensors"),
    output:
        runs("kan_vae", "samples.npz"),
    log:
        f"{RESULTS}/logs/kan_vae/sample.log",
    benchmark:
        f"{RESULTS}/benchmarks/kan_vae/sample.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=4000,
        runtime=120,
    params:
        spec=KAN_VAE["sampling"] | {"data": prepared("kan_vae")},
        experiment="kan_vae",
        code=code("kan_vae", "sample"),
    message:
        "kan_vae: sampling from every autoencoder"
    script:
        "../scripts/sample.py"


# Statistics of features are kept in the data folder: a job that is stopped goes on where it was.
rule kan_vae_evaluate:
    input:
        extractor_weights("kan_vae"),
        data=prepared("kan_vae"),
        runs=runs("kan_vae", "run.json"),
        weights=runs("kan_vae", "weights.safetensors"),
        snapshots=runs("kan_vae", "snapshots.safetensors"),
        histories=runs("kan_vae", "history.csv"),
        samples=runs("kan_vae", "samples.npz"),
    output:
        multiext(
            f"{RESULTS}/kan_vae/",
            runs="runs.csv",
            fidelity="fidelity.csv",
            judgements="judgements.csv",
            stages="stages.csv",
            latents="latents.csv",
        ),
    log:
        f"{RESULTS}/logs/kan_vae/evaluate.log",
    benchmark:
        f"{RESULTS}/benchmarks/kan_vae/evaluate.tsv"
    conda:
        ENVIRONMENT
    # All: networks look at many images. `workflow.cores` fails without --cores.
    threads: workflow.resource_settings.cores or 1
    resources:
        gpu=GPU,
        mem_mb=8000,
        runtime=480,
    params:
        spec=KAN_VAE["problem"] | KAN_VAE["evaluation"] | {"seeds": KAN_VAE["sampling"]["seeds"]} | measuring("kan_vae"),
        experiment="kan_vae",
        code=code("kan_vae", "evaluate"),
    message:
        "kan_vae: fidelity, likelihood and latent space of every run"
    script:
        "../scripts/evaluate.py"


rule kan_vae_speed:
    input:
        data=prepared("kan_vae"),
        runs=runs("kan_vae", "run.json"),
    output:
        f"{RESULTS}/kan_vae/speed.csv",
    log:
        f"{RESULTS}/logs/kan_vae/speed.log",
    benchmark:
        f"{RESULTS}/benchmarks/kan_vae/speed.tsv"
    conda:
        ENVIRONMENT
    # All, so that nothing runs beside it; what it times has one thread. `workflow.cores` fails without --cores.
    threads: workflow.resource_settings.cores or 1
    resources:
        gpu=GPU,
        mem_mb=4000,
        runtime=60,
    params:
        spec={key: KAN_VAE["evaluation"][key] for key in ("timing", "figure_variants")} | {"data": prepared("kan_vae")},
        experiment="kan_vae",
        code=code("kan_vae", "speed"),
    message:
        "kan_vae: timing training and sampling"
    script:
        "../scripts/speed.py"


rule kan_vae_publish:
    input:
        runs=runs("kan_vae", "run.json"),
        histories=runs("kan_vae", "history.csv"),
        samples=runs("kan_vae", "samples.npz"),
        frames=[*rules.kan_vae_evaluate.output, *rules.kan_vae_speed.output],
    output:
        tables=tables(
            "kan_vae", ["kan_vae", "kan_vae_fidelity", "kan_vae_likelihood", "kan_vae_training", "kan_vae_speed"]
        ),
        figures=figures("kan_vae", KAN_VAE_FIGURES),
    log:
        f"{RESULTS}/logs/kan_vae/publish.log",
    benchmark:
        f"{RESULTS}/benchmarks/kan_vae/publish.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        experiment="kan_vae",
        spec=KAN_VAE["problem"] | {"figure_variants": KAN_VAE["evaluation"]["figure_variants"]},
        code=[code("kan_vae", "tables"), code("kan_vae", "figures")],
    message:
        "kan_vae: tables and figures"
    script:
        "../scripts/publish.py"


rule kan_vae:
    input:
        rules.kan_vae_publish.output,
