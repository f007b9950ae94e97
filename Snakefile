"""Kolmogorov-Arnold networks against multilayer perceptrons: every experiment, from download to tables."""


include: "workflow/Snakefile"


# What is made without a target: an included file cannot say so.
rule default:
    default_target: True
    input:
        rules.all.input,
    localrule: True
