from kanpipe.experiments.function_fit.figure_names import figure_names

FUNCTION_FIT = lookup(dpath="experiments/function_fit", within=config, default=None)


rule function_fit_train:
    output:
        multiext(
            f"{RESULTS}/function_fit/{{variant}}/seed{{seed}}/",
            weights="weights.safetensors",
            kept="stages.safetensors",
            history="history.csv",
            restarts="restarts.csv",
            stages="stages.csv",
            run="run.json",
        ),
    log:
        f"{RESULTS}/logs/function_fit/train_{{variant}}_seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/function_fit/train_{{variant}}_seed{{seed}}.tsv"
    priority: 1  # before the small jobs, which would hold up the longest
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,  # networks of a few hundred weights: a GPU would wait for its next operation most of the time
        mem_mb=2000,
        runtime=60,
    params:
        problem=FUNCTION_FIT["problem"],
        training=FUNCTION_FIT["training"],
        variant=lookup(dpath="variants/{variant}", within=FUNCTION_FIT),
        experiment="function_fit",
        code=training_code("function_fit"),
    message:
        "function_fit: training {wildcards.variant} with seed {wildcards.seed}"
    script:
        "../scripts/train.py"


rule function_fit_evaluate:
    input:
        runs=runs("function_fit", "run.json"),
        histories=runs("function_fit", "history.csv"),
        restarts=runs("function_fit", "restarts.csv"),
        stages=runs("function_fit", "stages.csv"),
    output:
        multiext(
            f"{RESULTS}/function_fit/",
            runs="runs.csv",
            stages="stages.csv",
            restarts="restarts.csv",
            growth="growth.csv",
            exponents="exponents.csv",
            pieces="pieces.csv",
            locality="locality.csv",
        ),
    log:
        f"{RESULTS}/logs/function_fit/evaluate.log",
    benchmark:
        f"{RESULTS}/benchmarks/function_fit/evaluate.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=3000,
        runtime=60,
    params:
        spec=FUNCTION_FIT["problem"] | FUNCTION_FIT["evaluation"],
        experiment="function_fit",
        code=code("function_fit", "evaluate"),
    message:
        "function_fit: slopes, warm-up, locality, and the growth of time"
    script:
        "../scripts/evaluate.py"


rule function_fit_publish:
    input:
        runs=runs("function_fit", "run.json"),
        weights=runs("function_fit", "weights.safetensors"),
        histories=runs("function_fit", "history.csv"),
        frames=rules.function_fit_evaluate.output,
    output:
        tables=tables(
            "function_fit",
            [
                "function_fit",
                "function_fit_grids",
                "function_fit_growth",
                "function_fit_curves",
            ],
        ),
        figures=figures("function_fit", figure_names(FUNCTION_FIT["variants"])),
    log:
        f"{RESULTS}/logs/function_fit/publish.log",
    benchmark:
        f"{RESULTS}/benchmarks/function_fit/publish.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        experiment="function_fit",
        spec=FUNCTION_FIT["problem"] | FUNCTION_FIT["evaluation"],
        code=[code("function_fit", "tables"), code("function_fit", "figures")],
    message:
        "function_fit: tables and figures"
    script:
        "../scripts/publish.py"


rule function_fit:
    input:
        rules.function_fit_publish.output,
