"""Train one variant of an experiment with one seed."""

from pathlib import Path

from kanpipe.jobs import job, keep_freed_memory

with job(snakemake.log[0]):
    from kanpipe.experiments import stage
    from kanpipe.machine import Machine
    from kanpipe.runs import Run

    keep_freed_memory()
    params = dict(snakemake.params)
    run = Run(
        experiment=params.pop("experiment"),
        variant=snakemake.wildcards.variant,
        seed=int(snakemake.wildcards.seed),
        code=params.pop("code"),
        spec=params.pop("problem") | params,
        folder=Path(snakemake.output.run).parent,
        data=Path(path) if (path := snakemake.input.get("data")) else None,
    )
    machine = Machine.prepare(
        snakemake.config["device"], snakemake.threads, gpus=snakemake.resources.gpu, flush_denormals=True
    )
    stage(run.experiment, "train")(run, machine, snakemake.config["checkpoint_seconds"])
