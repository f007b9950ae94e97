from kanpipe.experiments.layer_speed.figure_names import FIGURES

LAYER_SPEED = lookup(dpath="experiments/layer_speed", within=config, default=None)


rule layer_speed_evaluate:
    output:
        runs=f"{RESULTS}/layer_speed/runs.csv",
    log:
        f"{RESULTS}/logs/layer_speed/evaluate.log",
    benchmark:
        f"{RESULTS}/benchmarks/layer_speed/evaluate.tsv"
    conda:
        ENVIRONMENT
    # All, so that nothing runs beside it; what it times has one thread. `workflow.cores` fails without --cores.
    threads: workflow.resource_settings.cores or 1
    resources:
        gpu=GPU,
        mem_mb=6000,
        runtime=60,
    params:
        spec={key: LAYER_SPEED[key] for key in ("contenders", "setups", "timing")},
        experiment="layer_speed",
        code=code("layer_speed", "evaluate"),
    message:
        "layer_speed: timing every layer in every set-up"
    script:
        "../scripts/evaluate.py"


rule layer_speed_publish:
    input:
        frames=rules.layer_speed_evaluate.output,
    output:
        tables=tables("layer_speed", ["layer_speed", "layer_speed_published"]),
        figures=figures("layer_speed", FIGURES),
    log:
        f"{RESULTS}/logs/layer_speed/publish.log",
    benchmark:
        f"{RESULTS}/benchmarks/layer_speed/publish.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        experiment="layer_speed",
        spec={},
        code=[code("layer_speed", "tables"), code("layer_speed", "figures")],
    message:
        "layer_speed: tables and figures"
    script:
        "../scripts/publish.py"


rule layer_speed:
    input:
        rules.layer_speed_publish.output,
