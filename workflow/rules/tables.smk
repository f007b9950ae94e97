# Tables over all experiments. These jobs are short and need no device: they run where Snakemake runs.
COMPARED = [name for name in PLANS if name.endswith("_bases") or name == "function_fit"]
COUNTED = {name: plan for name, plan in PLANS.items() if plan.has("models")}


rule parameters:
    input:
        claims=CLAIMS,
    output:
        **table("parameters", "parameters"),
    log:
        "<logs>/parameters.log",
    localrule: True
    conda:
        "../../envs/kanpipe.yaml"
    params:
        specs={name: plan.blocks("models") for name, plan in COUNTED.items()},
        kinds={name: plan.kind for name, plan in COUNTED.items()},
        matched={name: plan.matched for name, plan in COUNTED.items()},
        code=lambda wildcards: [
            *(plan.code("models") for plan in COUNTED.values()),
            code_hash("kanpipe.reporting.parameters"),
        ],
    message:
        "counting the parameters of every variant"
    script:
        "../scripts/parameters.py"


rule claims:
    input:
        claims=CLAIMS,
        parameters=rules.parameters.output.csv,
        runs=expand("<results>/{experiment}/runs.csv", experiment=PLANS),
        frames=claimed_frames(),
    output:
        **table("claims", "claims"),
    log:
        "<logs>/claims.log",
    localrule: True
    conda:
        "../../envs/kanpipe.yaml"
    params:
        code=lambda wildcards: [code_hash(f"kanpipe.claims.{name}") for name in ("file", "judge")],
    message:
        "computing the verdict on every claim"
    script:
        "../scripts/claims.py"


rule bases:
    input:
        expand("<results>/{experiment}/runs.csv", experiment=COMPARED),
    output:
        **table("bases", "bases"),
    log:
        "<logs>/bases.log",
    localrule: True
    conda:
        "../../envs/kanpipe.yaml"
    params:
        code=code_hash("kanpipe.reporting.bases"),
    message:
        "comparing what KANs may have on their edges"
    script:
        "../scripts/bases.py"


rule cost:
    input:
        [f"<benchmarks>/{path}" for plan in PLANS.values() for path in plan.benchmarks],
    output:
        **table("cost", "cost"),
    log:
        "<logs>/cost.log",
    localrule: True
    conda:
        "../../envs/kanpipe.yaml"
    params:
        code=lambda wildcards: code_hash("kanpipe.reporting.cost"),
    message:
        "collecting time, memory and disk of all jobs"
    script:
        "../scripts/cost.py"


rule page:
    input:
        [getattr(rules, name).input for name in PLANS],
        claims=rules.claims.output.csv,
        words=WORKFLOW / "sources.yaml",
        template=[WORKFLOW / f"report/page/page.{suffix}" for suffix in ("html", "css", "js")],
    output:
        page="<results>/index.html",
        headlines=table("headlines", "headlines").values(),
        verdicts=table("verdicts", "verdicts").values(),
    log:
        "<logs>/page.log",
    localrule: True
    conda:
        "../../envs/kanpipe.yaml"
    params:
        entries={name: plan.on_page for name, plan in PLANS.items()},
        code=lambda wildcards: [
            code_hash("kanpipe.reporting.page.render"),
            *(code for plan in PLANS.values() if plan.has("words") for code in plan.code("words")),
        ],
    message:
        "writing the page of all results"
    script:
        "../scripts/page.py"
