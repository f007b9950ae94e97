# The stages of one entry of the configuration. Loaded once for each entry, as a module with `entry` in its config; the
# file of the entry's kind inherits these rules and says what differs. <entry>, <results>, <logs>, <benchmarks>, <data>:
# see common.smk.


include: "entry.smk"


if PLAN.has("train"):

    rule train:
        input:
            data=IMAGES,
        output:
            multiext(f"<results>/<entry>/{RUN}/", *PLAN.outputs.trained),
        log:
            "<logs>/<entry>/train_{variant}_seed{seed}.log",
        benchmark:
            "<benchmarks>/<entry>/train_{variant}_seed{seed}.tsv"
        priority: 1  # before the small jobs, which would hold up the longest
        conda:
            "../../envs/kanpipe.yaml"
        threads: 1  # two trainings side by side are faster than one on two threads
        resources:
            gpu=GPU,
            mem_mb=DEMANDS.memory(3000),
            runtime=DEMANDS.time(120, resumes=True),
        params:
            experiment=PLAN.name,
            kind=PLAN.kind,
            spec=PLAN.blocks("train"),
            variant=lambda wildcards: PLAN.variant(wildcards.variant),
            code=lambda wildcards: PLAN.training_code(wildcards.variant),
        message:
            f"{PLAN.name}: training {{wildcards.variant}} with seed {{wildcards.seed}}"
        script:
            "../scripts/train.py"


if PLAN.has("sample"):
    # One job draws the samples of all runs, where they are drawn in seconds.
    TOGETHER = PLAN.outputs.sampled_together
    JOB = "sample" if TOGETHER else "sample_{variant}_seed{seed}"

    rule sample:
        input:
            data=IMAGES,
            runs=RECORDS if TOGETHER else [f"<results>/<entry>/{RUN}/run.json"],
            trained=TRAINED if TOGETHER else f"<results>/<entry>/{RUN}/weights.safetensors",
        output:
            SAMPLES if TOGETHER else multiext(f"<results>/<entry>/{RUN}/", *SAMPLED_FILES),
        log:
            f"<logs>/<entry>/{JOB}.log",
        benchmark:
            f"<benchmarks>/<entry>/{JOB}.tsv"
        conda:
            "../../envs/kanpipe.yaml"
        threads: 2 if TOGETHER else 1
        resources:
            gpu=GPU,
            mem_mb=DEMANDS.memory(4000),
            runtime=DEMANDS.time(120),
        params:
            experiment=PLAN.name,
            kind=PLAN.kind,
            spec=PLAN.blocks("sample"),
            code=lambda wildcards: PLAN.code("sample"),
        message:
            f"{PLAN.name}: sampling from every run"
            if TOGETHER
            else f"{PLAN.name}: sampling from {{wildcards.variant}} with seed {{wildcards.seed}}"
        script:
            "../scripts/sample.py"


if PLAN.has("evaluate"):

    rule evaluate:
        input:
            data=IMAGES,
            inception_weights=WEIGHTS,
            runs=RECORDS,
            trained=TRAINED,
            samples=SAMPLES,
        output:
            **FRAMES,
        log:
            "<logs>/<entry>/evaluate.log",
        benchmark:
            "<benchmarks>/<entry>/evaluate.tsv"
        conda:
            "../../envs/kanpipe.yaml"
        threads: 2
        resources:
            gpu=GPU,
            mem_mb=DEMANDS.memory(4000),
            runtime=DEMANDS.time(60),
        params:
            experiment=PLAN.name,
            kind=PLAN.kind,
            spec=PLAN.blocks("evaluate"),
            code=lambda wildcards: PLAN.code("evaluate"),
        message:
            f"{PLAN.name}: scoring every run"
        script:
            "../scripts/evaluate.py"


if PLAN.has("speed"):

    rule speed:
        input:
            data=IMAGES,
            runs=RECORDS,
        output:
            TIMES,
        log:
            "<logs>/<entry>/speed.log",
        benchmark:
            "<benchmarks>/<entry>/speed.tsv"
        conda:
            "../../envs/kanpipe.yaml"
        # As many as --cores gives, and on a cluster a node for itself, so that nothing runs beside it; what it times has
        # one thread.
        threads: 64
        resources:
            gpu=GPU,
            mem_mb=DEMANDS.memory(6000),
            runtime=DEMANDS.time(60),
            slurm_extra="--exclusive",
        params:
            experiment=PLAN.name,
            kind=PLAN.kind,
            spec=PLAN.blocks("speed"),
            code=lambda wildcards: PLAN.code("speed"),
        message:
            f"{PLAN.name}: taking times, with nothing beside it"
        script:
            "../scripts/speed.py"


rule publish:
    input:
        runs=RECORDS,
        trained=TRAINED,
        samples=SAMPLES,
        frames=[*FRAMES.values(), *TIMES],
    output:
        said=SAID,
        cards=CARDS,
        tables=[
            path
            for name in PLAN.tables
            for path in (
                *multiext(f"<results>/tables/{name}", ".csv", ".md", ".tex"),
                shown(f"<results>/tables/{name}.html", table=name),
            )
        ],
        figures=[
            path
            for name in PLAN.figures
            for path in (
                shown(f"<results>/<entry>/figures/{name}.png", figure=name),
                f"<results>/<entry>/figures/{name}.pdf",
            )
        ],
    log:
        "<logs>/<entry>/publish.log",
    benchmark:
        "<benchmarks>/<entry>/publish.tsv"
    localrule: True  # seconds: waiting for a node would take longer
    conda:
        "../../envs/kanpipe.yaml"
    threads: 1
    resources:
        mem_mb=DEMANDS.memory(3000),
        runtime=DEMANDS.time(30),
    params:
        experiment=PLAN.name,
        kind=PLAN.kind,
        spec=PLAN.blocks("figures"),
        code=lambda wildcards: [*PLAN.code("tables", "figures", "outputs"), code_hash("kanpipe.reporting.cards")],
    message:
        f"{PLAN.name}: tables and figures"
    script:
        "../scripts/publish.py"
