from kanpipe.experiments.swiss_roll.figure_names import figure_names

SWISS_ROLL = lookup(dpath="experiments/swiss_roll", within=config, default=None)


rule swiss_roll_train:
    output:
        multiext(
            f"{RESULTS}/swiss_roll/{{variant}}/seed{{seed}}/",
            weights="weights.safetensors",
            snapshots="snapshots.safetensors",
            history="history.csv",
            run="run.json",
        ),
    log:
        f"{RESULTS}/logs/swiss_roll/train_{{variant}}_seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/swiss_roll/train_{{variant}}_seed{{seed}}.tsv"
    priority: 1  # before the small jobs, which would hold up the longest
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=3000,
        runtime=60,
    params:
        problem=SWISS_ROLL["problem"],
        training=SWISS_ROLL["training"],
        variant=lookup(dpath="variants/{variant}", within=SWISS_ROLL),
        experiment="swiss_roll",
        code=training_code("swiss_roll"),
    message:
        "swiss_roll: training {wildcards.variant} with seed {wildcards.seed}"
    script:
        "../scripts/train.py"


# Points are drawn in seconds, so one job draws those of all runs.
rule swiss_roll_sample:
    input:
        runs=runs("swiss_roll", "run.json"),
        weights=runs("swiss_roll", "weights.safetensors"),
        snapshots=runs("swiss_roll", "snapshots.safetensors"),
    output:
        runs("swiss_roll", "samples.npz"),
    log:
        f"{RESULTS}/logs/swiss_roll/sample.log",
    benchmark:
        f"{RESULTS}/benchmarks/swiss_roll/sample.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=3000,
        runtime=60,
    params:
        spec=SWISS_ROLL["sampling"],
        experiment="swiss_roll",
        code=code("swiss_roll", "sample"),
    message:
        "swiss_roll: sampling from every trained denoiser"
    script:
        "../scripts/sample.py"


rule swiss_roll_evaluate:
    input:
        runs=runs("swiss_roll", "run.json"),
        weights=runs("swiss_roll", "weights.safetensors"),
        snapshots=runs("swiss_roll", "snapshots.safetensors"),
        histories=runs("swiss_roll", "history.csv"),
        samples=runs("swiss_roll", "samples.npz"),
    output:
        multiext(f"{RESULTS}/swiss_roll/", runs="runs.csv", floors="floors.csv"),
    log:
        f"{RESULTS}/logs/swiss_roll/evaluate.log",
    benchmark:
        f"{RESULTS}/benchmarks/swiss_roll/evaluate.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=4000,
        runtime=60,
    params:
        spec=SWISS_ROLL["problem"] | SWISS_ROLL["evaluation"],
        experiment="swiss_roll",
        code=code("swiss_roll", "evaluate"),
    message:
        "swiss_roll: scoring every run"
    script:
        "../scripts/evaluate.py"


rule swiss_roll_publish:
    input:
        runs=runs("swiss_roll", "run.json"),
        weights=runs("swiss_roll", "weights.safetensors"),
        histories=runs("swiss_roll", "history.csv"),
        samples=runs("swiss_roll", "samples.npz"),
        frames=rules.swiss_roll_evaluate.output,
    output:
        tables=tables("swiss_roll", ["swiss_roll", "swiss_roll_epochs"]),
        figures=figures("swiss_roll", figure_names(SWISS_ROLL["variants"])),
    log:
        f"{RESULTS}/logs/swiss_roll/publish.log",
    benchmark:
        f"{RESULTS}/benchmarks/swiss_roll/publish.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        experiment="swiss_roll",
        spec=SWISS_ROLL["problem"],
        code=[code("swiss_roll", "tables"), code("swiss_roll", "figures")],
    message:
        "swiss_roll: tables and figures"
    script:
        "../scripts/publish.py"


rule swiss_roll:
    input:
        rules.swiss_roll_publish.output,
