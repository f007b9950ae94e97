# Downloads and the arrays made of them. Nodes of a cluster often have no network: these jobs run where Snakemake runs.
import re


# What is there and sound stays: only with update does Snakemake not delete it before the job looks at it.
rule download_file:
    output:
        update("<data>/{file}"),
    log:
        "<data>/logs/{file}.log",
    wildcard_constraints:
        file="|".join(re.escape(source.name) for sources in SOURCES.values() for source in sources),
    localrule: True
    conda:
        "../../envs/kanpipe.yaml"
    message:
        "downloading {wildcards.file}"
    script:
        "../scripts/fetch.py"


rule mnist_prepare:
    input:
        raw("mnist"),
    output:
        "<data>/mnist.npz",
    log:
        "<data>/logs/mnist_prepare.log",
    localrule: True
    conda:
        "../../envs/kanpipe.yaml"
    params:
        dataset="mnist",
        code=lambda wildcards: code_hash("kanpipe.data.mnist"),
    message:
        "MNIST: preparing the arrays"
    script:
        "../scripts/prepare.py"


rule fashion_mnist_prepare:
    input:
        raw("fashion_mnist"),
    output:
        "<data>/fashion_mnist.npz",
    log:
        "<data>/logs/fashion_mnist_prepare.log",
    localrule: True
    conda:
        "../../envs/kanpipe.yaml"
    params:
        dataset="fashion_mnist",
        code=lambda wildcards: code_hash("kanpipe.data.mnist"),
    message:
        "Fashion-MNIST: preparing the arrays"
    script:
        "../scripts/prepare.py"


rule cifar10_prepare:
    input:
        raw("cifar10"),
    output:
        "<data>/cifar10.npz",
    log:
        "<data>/logs/cifar10_prepare.log",
    localrule: True
    conda:
        "../../envs/kanpipe.yaml"
    params:
        dataset="cifar10",
        code=lambda wildcards: code_hash("kanpipe.data.cifar10"),
    message:
        "CIFAR-10: preparing the arrays"
    script:
        "../scripts/prepare.py"


rule digits_prepare:
    output:
        "<data>/digits.npz",
    log:
        "<data>/logs/digits_prepare.log",
    localrule: True
    conda:
        "../../envs/kanpipe.yaml"
    params:
        dataset="digits",
        code=lambda wildcards: code_hash("kanpipe.data.digits"),
    message:
        "digits of scikit-learn: preparing the arrays"
    script:
        "../scripts/prepare.py"


rule photographs_prepare:
    output:
        "<data>/photographs.npz",
    log:
        "<data>/logs/photographs_prepare.log",
    localrule: True
    conda:
        "../../envs/kanpipe.yaml"
    params:
        dataset="photographs",
        code=lambda wildcards: code_hash("kanpipe.data.photographs"),
    message:
        "photographs of scikit-learn: preparing the arrays"
    script:
        "../scripts/prepare.py"


# What is there is checked, and brought where it is not; so there is no output to go by.
rule fetch_reference:
    log:
        "<data>/logs/fetch_reference.log",
    localrule: True
    conda:
        "../../envs/kanpipe.yaml"
    message:
        "bringing the offered weights and samples of kept runs"
    script:
        "../scripts/fetch_reference.py"


rule download:
    input:
        all_downloaded(),
