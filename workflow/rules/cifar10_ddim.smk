from kanpipe.experiments.cifar10_ddim.figure_names import FIGURES as CIFAR10_DDIM_FIGURES

CIFAR10_DDIM = lookup(dpath="experiments/cifar10_ddim", within=config, default=None)


rule cifar10_ddim_train:
    input:
        data=prepared("cifar10_ddim"),
    output:
        multiext(
            f"{RESULTS}/cifar10_ddim/{{variant}}/seed{{seed}}/",
            weights="weights.safetensors",
            snapshots="snapshots.safetensors",
            history="history.csv",
            run="run.json",
        ),
    log:
        f"{RESULTS}/logs/cifar10_ddim/train_{{variant}}_seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cifar10_ddim/train_{{variant}}_seed{{seed}}.tsv"
    priority: 1  # before the small jobs, which would hold up the longest
    conda:
        ENVIRONMENT
    threads: 1  # two trainings side by side are faster than one on two threads
    resources:
        gpu=GPU,
        mem_mb=12000,
        runtime=720,
    params:
        problem=CIFAR10_DDIM["problem"],
        training=CIFAR10_DDIM["training"],
        variant=lookup(dpath="variants/{variant}", within=CIFAR10_DDIM),
        experiment="cifar10_ddim",
        code=training_code("cifar10_ddim"),
    message:
        "cifar10_ddim: training {wildcards.variant} with seed {wildcards.seed}"
    script:
        "../scripts/train.py"


# Finished shards are kept beside the output: a job that is stopped goes on where it was.
rule cifar10_ddim_sample:
    input:
        runs=[f"{RESULTS}/cifar10_ddim/{{variant}}/seed{{seed}}/run.json"],
        weights=f"{RESULTS}/cifar10_ddim/{{variant}}/seed{{seed}}/weights.safetensors",
    output:
        f"{RESULTS}/cifar10_ddim/{{variant}}/seed{{seed}}/samples.npz",
    log:
        f"{RESULTS}/logs/cifar10_ddim/sample_{{variant}}_seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cifar10_ddim/sample_{{variant}}_seed{{seed}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=8000,
        runtime=720,
    params:
        spec=CIFAR10_DDIM["sampling"],
        experiment="cifar10_ddim",
        code=code("cifar10_ddim", "sample"),
    message:
        "cifar10_ddim: sampling from {wildcards.variant} with seed {wildcards.seed}"
    script:
        "../scripts/sample.py"


# What networks find in images is kept in the data folder: a job that is stopped goes on where it was.
rule cifar10_ddim_evaluate:
    input:
        extractor_weights("cifar10_ddim"),
        data=prepared("cifar10_ddim"),
        runs=runs("cifar10_ddim", "run.json"),
        snapshots=runs("cifar10_ddim", "snapshots.safetensors"),
        histories=runs("cifar10_ddim", "history.csv"),
        samples=runs("cifar10_ddim", "samples.npz"),
    output:
        multiext(
            f"{RESULTS}/cifar10_ddim/",
            runs="runs.csv",
            scores="scores.csv",
            coverage="coverage.csv",
            means="means.csv",
        ),
    log:
        f"{RESULTS}/logs/cifar10_ddim/evaluate.log",
    benchmark:
        f"{RESULTS}/benchmarks/cifar10_ddim/evaluate.tsv"
    conda:
        ENVIRONMENT
    # All: networks look at many images. `workflow.cores` fails without --cores.
    threads: workflow.resource_settings.cores or 1
    resources:
        gpu=GPU,
        mem_mb=12000,
        runtime=480,
    params:
        spec=CIFAR10_DDIM["problem"]
        | CIFAR10_DDIM["evaluation"]
        | {"samplers": CIFAR10_DDIM["sampling"]["samplers"]}
        | measuring("cifar10_ddim"),
        experiment="cifar10_ddim",
        code=code("cifar10_ddim", "evaluate"),
    message:
        "cifar10_ddim: fidelity of every run, and its colours"
    script:
        "../scripts/evaluate.py"


rule cifar10_ddim_speed:
    input:
        data=prepared("cifar10_ddim"),
        runs=runs("cifar10_ddim", "run.json"),
    output:
        f"{RESULTS}/cifar10_ddim/speed.csv",
    log:
        f"{RESULTS}/logs/cifar10_ddim/speed.log",
    benchmark:
        f"{RESULTS}/benchmarks/cifar10_ddim/speed.tsv"
    conda:
        ENVIRONMENT
    # All, so that nothing runs beside it; what it times has one thread. `workflow.cores` fails without --cores.
    threads: workflow.resource_settings.cores or 1
    resources:
        gpu=GPU,
        mem_mb=12000,
        runtime=60,
    params:
        spec={"timing": CIFAR10_DDIM["evaluation"]["timing"], "data": prepared("cifar10_ddim")},
        experiment="cifar10_ddim",
        code=code("cifar10_ddim", "speed"),
    message:
        "cifar10_ddim: timing the training steps"
    script:
        "../scripts/speed.py"


rule cifar10_ddim_publish:
    input:
        runs=runs("cifar10_ddim", "run.json"),
        histories=runs("cifar10_ddim", "history.csv"),
        samples=runs("cifar10_ddim", "samples.npz"),
        frames=[*rules.cifar10_ddim_evaluate.output, *rules.cifar10_ddim_speed.output],
    output:
        tables=tables(
            "cifar10_ddim",
            [
                "cifar10_ddim",
                "cifar10_ddim_samplers",
                "cifar10_ddim_speed",
                "cifar10_ddim_collapse",
                "cifar10_ddim_ablation",
            ],
        ),
        figures=figures("cifar10_ddim", CIFAR10_DDIM_FIGURES),
    log:
        f"{RESULTS}/logs/cifar10_ddim/publish.log",
    benchmark:
        f"{RESULTS}/benchmarks/cifar10_ddim/publish.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        experiment="cifar10_ddim",
        spec=CIFAR10_DDIM["problem"] | {"figure_variants": CIFAR10_DDIM["evaluation"]["figure_variants"]},
        code=[code("cifar10_ddim", "tables"), code("cifar10_ddim", "figures")],
    message:
        "cifar10_ddim: tables and figures"
    script:
        "../scripts/publish.py"


rule cifar10_ddim:
    input:
        rules.cifar10_ddim_publish.output,
