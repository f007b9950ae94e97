"""Kolmogorov-Arnold networks against multilayer perceptrons: every experiment, from download to tables."""

from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/swiss_roll.smk"


# include: "workflow/rules/tables.smk"


rule all:
    default_target: True
    input:
        runs("swiss_roll", "run.json"),
        rules.swiss_roll_evaluate.output,


#        rules.parameters.output,
#        rules.claims.output,
#        rules.cost.output,
