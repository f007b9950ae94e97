# Tables over all experiments. These jobs are short and need no device: they run where Snakemake runs.


rule parameters:
    input:
        claims=workflow.source_path("../claims.yaml"),
    output:
        **table("parameters", "parameters"),
    log:
        f"{RESULTS}/logs/parameters.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        experiments={
            name: {key: EXPERIMENTS[name].get(key, {}) for key in ("variants", "problem")} for name in having("models")
        },
        code=[code(name, "models") for name in having("models")] + [code_hash("kanpipe.reporting.parameters")],
    message:
        "counting the parameters of every variant"
    script:
        "../scripts/parameters.py"


rule claims:
    input:
        claims=workflow.source_path("../claims.yaml"),
        parameters=rules.parameters.output.csv,
        runs=expand(f"{RESULTS}/{{experiment}}/runs.csv", experiment=having("evaluate")),
        frames=claimed_frames(workflow.source_path("../claims.yaml")),
    output:
        **table("claims", "claims"),
    log:
        f"{RESULTS}/logs/claims.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        code=code_hash("kanpipe.reporting.claims"),
    message:
        "computing the verdict on every claim"
    script:
        "../scripts/claims.py"


rule cost:
    input:
        [benchmarks(name) for name in EXPERIMENTS],
    output:
        **table("cost", "cost"),
    log:
        f"{RESULTS}/logs/cost.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        code=code_hash("kanpipe.reporting.cost"),
    message:
        "collecting time, memory and disk of all jobs"
    script:
        "../scripts/cost.py"
