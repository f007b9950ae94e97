RANGE_INIT = lookup(dpath="experiments/range_init", within=config, default=None)


rule range_init_train:
    input:
        data=prepared("range_init"),
    output:
        multiext(
            f"{RESULTS}/range_init/{{variant}}/seed{{seed}}/",
            weights="weights.safetensors",
            snapshots="snapshots.safetensors",
            history="history.csv",
            run="run.json",
        ),
    log:
        f"{RESULTS}/logs/range_init/train_{{variant}}_seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/range_init/train_{{variant}}_seed{{seed}}.tsv"
    priority: 1  # before the small jobs, which would hold up the longest
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=3000,
        runtime=60,
    params:
        problem=RANGE_INIT["problem"],
        training=RANGE_INIT["training"],
        variant=lookup(dpath="variants/{variant}", within=RANGE_INIT),
        experiment="range_init",
        code=training_code("range_init"),
    message:
        "range_init: training {wildcards.variant} with seed {wildcards.seed}"
    script:
        "../scripts/train.py"


rule range_init_evaluate:
    input:
        data=prepared("range_init"),
        runs=runs("range_init", "run.json"),
        weights=runs("range_init", "weights.safetensors"),
        snapshots=runs("range_init", "snapshots.safetensors"),
        histories=runs("range_init", "history.csv"),
    output:
        multiext(f"{RESULTS}/range_init/", runs="runs.csv", epochs="epochs.csv", floors="floors.csv"),
    log:
        f"{RESULTS}/logs/range_init/evaluate.log",
    benchmark:
        f"{RESULTS}/benchmarks/range_init/evaluate.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=3000,
        runtime=60,
    params:
        spec=RANGE_INIT["problem"] | {"data": prepared("range_init")},
        experiment="range_init",
        code=code("range_init", "evaluate"),
    message:
        "range_init: scoring every run"
    script:
        "../scripts/evaluate.py"


rule range_init_publish:
    input:
        runs=runs("range_init", "run.json"),
        frames=rules.range_init_evaluate.output,
    output:
        tables=tables("range_init", ["range_init", "range_init_epochs"]),
        figures=figures("range_init", ["range_init"]),
    log:
        f"{RESULTS}/logs/range_init/publish.log",
    benchmark:
        f"{RESULTS}/benchmarks/range_init/publish.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        experiment="range_init",
        spec=RANGE_INIT["problem"],
        code=[code("range_init", "tables"), code("range_init", "figures")],
    message:
        "range_init: tables and figure"
    script:
        "../scripts/publish.py"


rule range_init:
    input:
        rules.range_init_publish.output,
