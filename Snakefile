"""Kolmogorov-Arnold networks against multilayer perceptrons: every experiment, from download to tables."""

from snakemake.utils import min_version

min_version("9.0")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"


for name in EXPERIMENTS:

    include: f"workflow/rules/{name}.smk"


include: "workflow/rules/tables.smk"


rule all:
    default_target: True
    input:
        [getattr(rules, name).input for name in EXPERIMENTS],
        rules.parameters.output,
        rules.claims.output,
        rules.cost.output,


onsuccess:
    print(f"Results: {RESULTS}/tables and {RESULTS}/*/figures")
