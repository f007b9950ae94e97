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
        code=code("kan_vae", "train"),
    message:
        "kan_vae: training {wildcards.variant} with seed {wildcards.seed}"
    script:
        "../scripts/train.py"


rule kan_vae:
    input:
        runs("kan_vae", "run.json"),
